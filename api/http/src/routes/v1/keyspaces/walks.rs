//! What is asked of all keys of a keyspace at once.

use distcache::{Cursor, Keyspace};
use serde::Serialize;
use serde_json::{Map, Value};

use super::super::super::failure;
use super::{Spaces, breaker, invalid, json, read_limit};
use crate::pairs::Pairs;
use crate::{Problem, Response, octets};

/// Entries that one page of a scan looks at, at most.
pub(crate) const ENTRIES_MAX: usize = 1_000;
/// Entries that it looks at if nothing is said.
pub(crate) const ENTRIES: usize = 100;
/// Entries looked at before the bytes of their keys are counted: keys have up to
/// 64 KiB.
const ENTRIES_A_STEP: usize = 32;
/// Bytes of keys that end a page early.
const PAGE_BYTES_MAX: usize = 1 << 20;
/// The longest pattern: each 64 of its letters take a key once more.
pub(crate) const PATTERN_BYTES_MAX: usize = 256;

#[derive(Serialize)]
struct Removed {
    removed: u64,
}

impl Spaces<'_> {
    /// `{"removed":N}`
    pub(super) async fn clear(&self, keyspace: &Keyspace) -> Result<Response, Problem> {
        self.takes_nothing()?;
        let removed = keyspace.clear_async().await.map_err(|error| failure::problem(&error))?;
        Ok(json(200, &Removed { removed: removed as u64 }))
    }

    /// `?tag=T&tag=U...` answers 204: how many values bear them is not known.
    /// `?prefix=P` answers `{"removed":N}`.
    pub(super) async fn invalidate(&self, keyspace: &Keyspace) -> Result<Response, Problem> {
        let mut pairs = Pairs::of(self.request.query)?;
        let (tags, prefix) = (pairs.take_all("tag"), pairs.take("prefix")?);
        pairs.finish("`invalidate` takes `tag`, perhaps several, or one `prefix`")?;
        match prefix {
            Some(prefix) if tags.is_empty() && !prefix.is_empty() => {
                let removed = keyspace.invalidate_prefix_async(prefix.as_bytes()).await;
                let removed = removed.map_err(|error| failure::problem(&error))?;
                Ok(json(200, &Removed { removed }))
            }
            None if !tags.is_empty() => {
                let tags: Vec<&str> = tags.iter().map(|tag| &**tag).collect();
                let made = keyspace.invalidate_tags_async(&tags).await;
                made.map(|()| Response::empty(204)).map_err(|error| failure::problem(&error))
            }
            _ => Err(invalid(
                "give `tag`, once or more, or a `prefix` that is not empty, and not both; \
                 `clear` forgets everything"
                    .to_owned(),
            )),
        }
    }

    /// `{"keys":[...],"cursor":C}`, where `C` is what the next request gives, and
    /// `null` at the end.
    pub(super) async fn scan(&self, keyspace: &Keyspace) -> Result<Response, Problem> {
        let mut pairs = Pairs::of(self.request.query)?;
        let pattern = pairs.take("pattern")?.unwrap_or("*".into());
        let cursor = pairs.take("cursor")?.map(|text| read_cursor(&text)).transpose()?;
        let limit =
            pairs.take("limit")?.map_or(Ok(ENTRIES), |text| read_limit(&text, ENTRIES_MAX))?;
        pairs.finish("`scan` takes `pattern`, `cursor` and `limit`")?;
        if PATTERN_BYTES_MAX < pattern.len() {
            return Err(invalid(format!("`pattern` has at most {PATTERN_BYTES_MAX} bytes")));
        }
        let mut page = KeysPage::new();
        let (mut next, mut left) = (cursor, limit);
        loop {
            let step = left.min(ENTRIES_A_STEP);
            let found = keyspace.scan_async(pattern.as_bytes(), next, step).await;
            let found = found.map_err(|error| failure::problem(&error))?;
            found.keys.iter().for_each(|key| page.add(key));
            (next, left) = (found.next, left - step);
            if next.is_none() || left == 0 || PAGE_BYTES_MAX <= page.out.len() {
                return Ok(page.response(next));
            }
        }
    }

    /// Every number of `KeyspaceStats`, what the circuit breaker does, and how far
    /// the warm-up is.
    pub(super) async fn stats(&self, keyspace: &Keyspace) -> Result<Response, Problem> {
        self.takes_nothing()?;
        let stats = keyspace.stats_async().await.map_err(|error| failure::problem(&error))?;
        let numbers = stats.members().map(|(name, number)| (name.to_owned(), number.into()));
        let mut document: Map<String, Value> = numbers.collect();
        document.insert("breaker".to_owned(), keyspace.breaker().map(breaker).into());
        let warming = keyspace.warming();
        for (name, number) in [
            ("warm_keys", warming.keys),
            ("warm_keys_loaded", warming.loaded),
            ("warm_keys_failed", warming.failed),
        ] {
            document.insert(name.to_owned(), number.into());
        }
        Ok(json(200, &document))
    }
}

/// A page as far as it is written.
struct KeysPage {
    out: Vec<u8>,
}

impl KeysPage {
    fn new() -> Self {
        Self { out: b"{\"keys\":[".to_vec() }
    }

    fn add(&mut self, key: &[u8]) {
        if self.out.last() != Some(&b'[') {
            self.out.push(b',');
        }
        octets::write(&mut self.out, key, usize::MAX);
    }

    /// A cursor is digits and signs: nothing in it needs an escape.
    fn response(mut self, next: Option<Cursor>) -> Response {
        let end = match next {
            Some(cursor) => format!("],\"cursor\":\"{cursor}\"}}\n"),
            None => "],\"cursor\":null}\n".to_owned(),
        };
        self.out.extend_from_slice(end.as_bytes());
        Response::json(self.out)
    }
}

fn read_cursor(text: &str) -> Result<Cursor, Problem> {
    text.parse().map_err(|error| invalid(format!("`cursor`: {error}")))
}
