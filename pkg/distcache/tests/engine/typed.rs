//! Values of a type, as JSON.

use std::time::Duration;

use distcache::{
    Codec, Engine, Error, How, Item, Keyspace, KeyspaceConfig, Loaded, SourceError, Ttl, Typed,
};
use serde::{Deserialize, Serialize};

use crate::runtimes::{current_thread, multi_thread};
use crate::support::{SECOND, keyspace};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct User {
    name: String,
}

fn user(name: &str) -> User {
    User { name: name.to_owned() }
}

fn users() -> KeyspaceConfig {
    KeyspaceConfig::new("things")
}

#[test]
fn an_item_of_a_type_has_a_ttl_tags_and_a_condition() {
    let (_engine, things, clock) = keyspace(users());
    let users = things.typed::<User>();
    let (ada, bob) = (user("Ada"), user("Bob"));
    let item = Item::of(b"42", &ada).ttl(SECOND).tag("t");
    let version = users.put_item(&item.clone().if_absent()).unwrap();
    assert_eq!(users.ttl(b"42").unwrap(), Some(Ttl::For(SECOND)));
    assert!(users.contains(b"42").unwrap());
    assert_eq!(users.get_with_version(b"42").unwrap(), Some((ada.clone(), version)));
    let unmet = users.put_item(&item.clone().if_absent()).unwrap_err();
    assert_eq!(unmet.unmet(), Some(Some(version)));
    let next = users.put_item(&Item::of(b"42", &bob).ttl(SECOND).if_version(version)).unwrap();
    assert!(version < next);
    let unmet = users.put_item(&Item::of(b"none", &bob).if_present()).unwrap_err();
    assert_eq!(unmet.unmet(), Some(None));
    assert_eq!(users.peek(b"42").unwrap(), Some(bob));
    clock.advance(SECOND);
    assert_eq!(users.peek(b"42").unwrap(), None);
    users.put_item(&Item::of(b"42", &ada).tag("t")).unwrap();
    users.keyspace().invalidate_tags(&["t"]).unwrap();
    assert_eq!(users.get(b"42").unwrap(), None);
}

#[test]
fn batches_of_a_type_have_a_result_for_each_in_its_place() {
    let (_engine, things, _) = keyspace(users());
    let numbers = things.typed_with::<i32, Even>(Even);
    let stored = numbers.put_many(&[
        Item::of(b"a", &2),
        Item::of(b"b", &3),
        Item::of(b"c", &4).if_present(),
        Item::of(b"d", &6),
    ]);
    let [Ok(_), Err(Error::NotEncoded(_)), Err(unmet), Ok(_)] = &stored[..] else {
        panic!("{stored:?}");
    };
    assert_eq!(unmet.unmet(), Some(None));
    things.put(b"odd", &[7]).unwrap();
    let got = numbers.get_many(&[b"d", b"none", b"odd", b"a"]);
    assert!(
        matches!(got[..], [Ok(Some(6)), Ok(None), Err(Error::NotDecoded(_)), Ok(Some(2))]),
        "{got:?}"
    );
    let gone = numbers.delete_many(&[b"a", b"b", b"d"]);
    let gone: Vec<_> = gone.into_iter().map(Result::unwrap).collect();
    assert_eq!(gone, [true, false, true]);
    assert!(numbers.delete(b"odd").unwrap());
}

/// One byte, of an even number: for errors.
#[derive(Debug, Clone)]
struct Even;

impl Codec<i32> for Even {
    fn encode(&self, value: &i32) -> Result<Vec<u8>, SourceError> {
        if value % 2 == 0 { Ok(vec![u8::try_from(*value)?]) } else { Err("it is odd".into()) }
    }

    fn decode(&self, bytes: &[u8]) -> Result<i32, SourceError> {
        match bytes {
            [byte] if byte % 2 == 0 => Ok(i32::from(*byte)),
            _ => Err("it is no even number".into()),
        }
    }
}

/// As a task of its own: what it does can go from thread to thread.
async fn do_everything(things: Keyspace) {
    let users: Typed<User, _> = things.typed();
    let (ada, bob) = (user("Ada"), user("Bob"));
    let version = users.put_async(b"42", &ada).await.expect("stored");
    let got = users.get_with_version_async(b"42").await.expect("an answer");
    assert_eq!(got, Some((ada.clone(), version)));
    let got = users.get_with_how_async(b"42").await.expect("an answer");
    assert_eq!(got, Some((ada.clone(), How::Hit)));
    let item = Item::of(b"42", &bob).ttl(Duration::from_mins(1)).if_version(version);
    users.put_item_async(&item).await.expect("stored");
    assert!(users.put_item_async(&item).await.expect_err("another version").unmet().is_some());
    assert_eq!(users.peek_async(b"42").await.expect("an answer"), Some(bob.clone()));
    assert!(users.contains_async(b"42").await.expect("an answer"));
    assert!(matches!(users.ttl_async(b"42").await, Ok(Some(Ttl::For(_)))));
    let stored = users.put_many_async(&[Item::of(b"1", &ada), Item::of(b"2", &bob)]).await;
    assert!(stored.iter().all(Result::is_ok));
    let got = users.get_many_async(&[b"1", b"none", b"2"]).await;
    let got: Vec<_> = got.into_iter().map(|got| got.expect("an answer")).collect();
    assert_eq!(got, [Some(ada), None, Some(bob)]);
    let gone = users.delete_many_async(&[b"1", b"none"]).await;
    assert!(matches!(gone[..], [Ok(true), Ok(false)]));
    assert!(users.delete_async(b"2").await.expect("an answer"));
    assert_eq!(users.get_async(b"2").await.expect("an answer"), None);
}

#[test]
fn tasks_have_every_call_of_a_type() {
    for runtime in [multi_thread(), current_thread()] {
        let engine = Engine::builder().start().unwrap();
        let task = runtime.spawn(do_everything(engine.add_keyspace(users()).unwrap()));
        runtime.block_on(task).unwrap();
    }
}

#[test]
fn a_source_answers_with_a_value_of_a_type() {
    let config = users().source_fn(|key: &[u8]| -> Result<_, SourceError> {
        if key != b"42" {
            return Ok(None);
        }
        Ok(Some(Loaded::json(&user("Ada"))?.ttl(SECOND)))
    });
    let (_engine, things, _) = keyspace(config.ttl_jitter(0.0));
    let users = things.typed::<User>();
    assert_eq!(users.get_with_how(b"42").unwrap(), Some((user("Ada"), How::Loaded)));
    assert_eq!(users.ttl(b"42").unwrap(), Some(Ttl::For(SECOND)));
    assert_eq!(users.get(b"7").unwrap(), None);
}

#[test]
fn what_has_no_json_is_an_error_of_its_load() {
    let no_texts = std::collections::BTreeMap::from([((1, 2), 3)]);
    let error = Loaded::json(&no_texts).unwrap_err();
    assert_eq!(error.to_string(), "key must be a string");
}

#[test]
fn an_item_that_is_printed_shows_no_value() {
    let ada = user("Ada");
    let shown = format!("{:?}", Item::of(b"secret", &ada).tag("secret"));
    assert!(!shown.contains("secret") && !shown.contains("Ada"), "{shown}");
}
