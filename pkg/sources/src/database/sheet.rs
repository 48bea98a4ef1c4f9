//! Rows, sorted to the keys that were asked for.

use std::collections::HashMap;
use std::time::Duration;

use distcache::{Answer, Loaded};

use crate::Error;

/// One row, as it comes from the database.
#[derive(Default)]
pub(crate) struct Row {
    /// `None` for NULL: the key is not found.
    pub(crate) value: Option<Vec<u8>>,
    /// `None` for NULL, or without such a column: the keyspace's TTL.
    pub(crate) ttl_seconds: Option<f64>,
    pub(crate) tags: Vec<String>,
}

impl From<Row> for Answer {
    fn from(row: Row) -> Self {
        let Some(value) = row.value else { return Self::NotFound };
        let loaded = match row.ttl_seconds.map(ttl) {
            Some(ttl) => Loaded::new(value).ttl(ttl),
            None => Loaded::new(value),
        };
        row.tags.into_iter().fold(loaded, Loaded::tag).into()
    }
}

/// Seconds as a TTL: zero for what is past, or no number.
fn ttl(seconds: f64) -> Duration {
    if 0.0 < seconds {
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    } else {
        Duration::ZERO
    }
}

/// Tags in one text, separated by commas.
pub(crate) fn tags(text: &str) -> Vec<String> {
    let tags = text.split(',').map(str::trim);
    tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

/// An answer for each of several keys, filled in row by row.
pub(crate) struct Sheet<'k> {
    /// Where a key was asked for; more than once, perhaps.
    places: HashMap<&'k [u8], Vec<usize>>,
    answers: Vec<Option<Result<Answer, Error>>>,
}

impl<'k> Sheet<'k> {
    pub(crate) fn new(keys: &[&'k [u8]]) -> Self {
        let mut places: HashMap<_, Vec<_>> = HashMap::with_capacity(keys.len());
        for (place, key) in keys.iter().enumerate() {
            places.entry(*key).or_default().push(place);
        }
        Self { places, answers: vec![None; keys.len()] }
    }

    /// Writes a row down. One for a key that nobody asked for is left out: the
    /// database takes it for equal to one that was (`'Ab'` and `'ab'` without
    /// case, `'ab '` in `char(3)`), but the cache does not.
    pub(crate) fn fill(&mut self, key: &[u8], row: Result<Row, Error>) {
        let Some(places) = self.places.get(key) else { return };
        let answer = row.map(Answer::from);
        for &place in places {
            let entry = &mut self.answers[place];
            *entry = Some(match entry {
                Some(_) => Err(Error::Ambiguous),
                None => answer.clone(),
            });
        }
    }

    /// Keys without a row are not found.
    pub(crate) fn finish(self) -> Vec<Result<Answer, Error>> {
        self.answers.into_iter().map(|answer| answer.unwrap_or(Ok(Answer::NotFound))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: &str) -> Row {
        Row { value: Some(value.into()), ..Row::default() }
    }

    #[test]
    fn rows_come_to_the_keys_they_bear_in_any_order() {
        let mut sheet = Sheet::new(&[b"a", b"b", b"a", b"c"]);
        sheet.fill(b"c", Ok(row("3")));
        sheet.fill(b"a", Ok(row("1")));
        sheet.fill(b"A", Ok(row("another")));
        let found = |value: &str| Ok(Answer::from(value));
        assert_eq!(sheet.finish(), [found("1"), Ok(Answer::NotFound), found("1"), found("3")]);
    }

    #[test]
    fn two_rows_for_one_key_are_an_error_of_that_key_alone() {
        let mut sheet = Sheet::new(&[b"a", b"b"]);
        sheet.fill(b"a", Ok(row("1")));
        sheet.fill(b"b", Ok(row("2")));
        sheet.fill(b"a", Ok(row("1")));
        assert_eq!(sheet.finish(), [Err(Error::Ambiguous), Ok(Answer::from("2"))]);
    }

    #[test]
    fn a_null_is_not_found_whatever_its_ttl_and_tags() {
        let row = Row { value: None, ttl_seconds: Some(1.0), tags: vec!["t".into()] };
        assert_eq!(Answer::from(row), Answer::NotFound);
    }

    #[test]
    fn a_ttl_is_never_negative_and_never_too_long() {
        let answer = |seconds| Answer::from(Row { ttl_seconds: Some(seconds), ..row("v") });
        let with = |ttl| Answer::from(Loaded::new("v").ttl(ttl));
        assert_eq!(answer(1.5), with(Duration::from_millis(1500)));
        assert_eq!(answer(-1.0), with(Duration::ZERO));
        assert_eq!(answer(f64::NAN), with(Duration::ZERO));
        assert_eq!(answer(1e300), with(Duration::MAX));
    }

    #[test]
    fn tags_are_separated_by_commas() {
        assert_eq!(tags("red, green ,,blue"), ["red", "green", "blue"]);
        assert_eq!(tags(" "), [""; 0]);
    }
}
