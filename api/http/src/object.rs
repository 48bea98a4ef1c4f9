//! An object in JSON that is one: what serde derives for a struct would take a list
//! of its members, in their order and without their names.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// A struct that is read from an object only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

/// For a member that may be `null`: `#[serde(deserialize_with = "object::or_null")]`.
pub(crate) fn or_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::<Object<T>>::deserialize(deserializer).map(|object| object.map(|Object(value)| value))
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair<'a> {
        #[serde(borrow)]
        name: Cow<'a, str>,
        #[serde(default)]
        number: u8,
    }

    fn read(json: &str) -> Result<Pair<'_>, String> {
        let read: Result<Object<Pair<'_>>, _> = serde_json::from_str(json);
        read.map(|Object(pair)| pair).map_err(|error| error.to_string())
    }

    #[test]
    fn an_object_is_read_as_the_struct_and_borrowed() {
        let pair = read(r#"{"number":7,"name":"a"}"#).unwrap();
        assert!(matches!(pair, Pair { name: Cow::Borrowed("a"), number: 7 }));
        assert_eq!(read(r#"{"name":"a"}"#).map(|pair| pair.number), Ok(0));
    }

    #[test]
    fn a_list_of_its_members_is_none() {
        assert!(serde_json::from_str::<Pair<'_>>(r#"["a",7]"#).is_ok(), "as it is derived");
        for bad in [r#"["a",7]"#, "[]", "7", "null", r#""a""#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_in_it_is_found_where_it_stands() {
        for (bad, place) in [
            ("{\"name\":\n7}", "line 2 column 1"),
            ("{\"nome\":7}", "line 1 column 7"),
            ("{\n\"number\":7}", "line 2 column 11"),
        ] {
            let error = read(bad).err().expect("a mistake");
            assert!(error.ends_with(place), "{bad}: {error}");
        }
    }
}
