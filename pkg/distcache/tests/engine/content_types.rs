//! The content type and the validator that a value may carry.

use std::sync::Arc;
use std::time::Duration;

use distcache::{Answer, Context, DataSource, Found, Item, Keyspace, KeyspaceConfig, Loaded};
use distcache::{SourceError, WriteBehind, codes};
use parking_lot::Mutex;

use crate::database::Database;
use crate::stores::{some, through};
use crate::support::{LONG, Origin, SECOND, engine, engine_by_inbox, keyspace, over, text};

const JSON: &str = "application/json";

fn plain() -> KeyspaceConfig {
    KeyspaceConfig::new("things").ttl(LONG)
}

fn item<'a>(key: &'a [u8], value: &'a [u8]) -> Item<'a> {
    Item::new(key, value).content_type(JSON)
}

/// The content type of a key's value; `none` if it has none.
fn content_type(things: &Keyspace, key: &[u8]) -> String {
    let found: Found = things.get(key).expect("an answer").expect("a value");
    found.content_type().unwrap_or("none").to_owned()
}

#[test]
fn a_value_comes_back_with_its_content_type() {
    let (_engine, things, _) = keyspace(plain());
    things.put_item(&item(b"a", b"{}")).unwrap();
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "{}");
    assert_eq!(content_type(&things, b"a"), JSON);
    assert_eq!(things.peek(b"a").unwrap().unwrap().content_type(), Some(JSON));
    things.put(b"b", b"{}").unwrap();
    assert_eq!(content_type(&things, b"b"), "none");
}

#[test]
fn a_put_without_a_content_type_takes_the_one_before_away() {
    let (_engine, things, _) = keyspace(plain());
    for value in [&b"{}"[..], b"a longer one"] {
        things.put_item(&item(b"a", b"{}")).unwrap();
        things.put(b"a", value).unwrap();
        assert_eq!(content_type(&things, b"a"), "none");
        things.put_item(&item(b"a", value).content_type("text/plain")).unwrap();
        assert_eq!(content_type(&things, b"a"), "text/plain");
    }
}

#[test]
fn another_ttl_and_a_sum_keep_the_content_type() {
    let (_engine, things, _) = keyspace(plain());
    things.put_item(&item(b"a", b"41").tag("t")).unwrap();
    assert!(things.touch(b"a").unwrap());
    assert!(things.expire(b"a", SECOND * 5).unwrap());
    assert!(things.persist(b"a").unwrap());
    assert_eq!(things.increment(b"a", 1).unwrap(), 42);
    assert_eq!(content_type(&things, b"a"), JSON);
    assert_eq!(things.increment(b"a", 100).unwrap(), 142, "a longer text");
    assert_eq!(content_type(&things, b"a"), JSON);
}

#[test]
fn a_batch_keeps_each_content_type() {
    let (engine, things, _) = keyspace(plain());
    let items = [item(b"a", b"1"), Item::new(b"b", b"2"), item(b"c", b"3").content_type("bad\n")];
    let stored = things.put_many(&items);
    assert!(matches!(stored[..], [Ok(_), Ok(_), Err(_)]), "one item's failure is its own");
    let found = things.get_many(&[b"a", b"b"]);
    let types = found.iter().map(|one| one.as_ref().unwrap().as_ref().unwrap().content_type());
    assert_eq!(types.collect::<Vec<_>>(), [Some(JSON), None]);
    assert!(things.peek(b"c").unwrap().is_none());
    drop(engine);
}

#[test]
fn a_task_puts_and_gets_a_content_type() {
    let engine = engine_by_inbox();
    let things = engine.add_keyspace(plain()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        things.put_item_async(&item(b"a", b"1")).await.unwrap();
        for stored in things.put_many_async(&[item(b"b", b"2")]).await {
            stored.unwrap();
        }
        for key in [b"a", b"b"] {
            let found = things.get_async(key).await.unwrap().unwrap();
            assert_eq!(found.content_type(), Some(JSON));
        }
        assert_eq!(things.increment_async(b"a", 1).await.unwrap(), 2);
        assert_eq!(things.get_async(b"a").await.unwrap().unwrap().content_type(), Some(JSON));
    });
}

#[test]
fn a_content_type_goes_with_its_value_to_another_node() {
    let (engine, things, _) = keyspace(plain());
    let keys: Vec<[u8; 1]> = (0..=255).map(|key| [key]).collect();
    for key in &keys {
        things.put_item(&item(key, b"{}")).unwrap();
    }
    engine.manager().add_node().unwrap();
    for key in &keys {
        assert_eq!(content_type(&things, key), JSON, "{key:?}");
    }
}

#[test]
fn a_value_that_a_store_has_too_keeps_its_content_type() {
    let database = Database::new();
    let (_engine, things, _) = keyspace(through(&database));
    things.put_item(&item(b"a", b"41")).unwrap();
    assert_eq!(things.increment(b"a", 1).unwrap(), 42);
    assert_eq!((database.row(b"a"), &*content_type(&things, b"a")), (some("42"), JSON));
    things.put_item(&item(b"a", b"1").content_type("\n")).unwrap_err();
    assert_eq!(database.row(b"a"), some("42"), "what the cache refuses does not reach it");
}

#[test]
fn a_value_that_comes_back_before_it_was_written_has_its_content_type() {
    let database = Database::new();
    let never = WriteBehind::new().delay(Duration::from_hours(1)).batch_max(10_000);
    let config = through(&database).write_behind(database.clone(), never).entries_max(4);
    let (_engine, things, clock) = keyspace(config);
    let come_back = || {
        (0..=255_u8).for_each(|key| _ = things.put(&[key, key], b"flood").expect("an answer"));
        assert!(things.peek(b"a").expect("an answer").is_none(), "it was evicted");
        content_type(&things, b"a")
    };
    things.put_item(&item(b"a", b"41").ttl(SECOND)).unwrap();
    assert_eq!(come_back(), JSON);
    assert_eq!(things.increment(b"a", 1).unwrap(), 42);
    assert_eq!(come_back(), JSON, "the sum has it too");
    clock.advance(SECOND * 2);
    assert_eq!(come_back(), JSON, "as a value of the store, after its TTL");
    assert_eq!(database.fetches(), 0);
}

#[test]
fn what_would_be_another_header_is_refused_and_changes_nothing() {
    let (_engine, things, _) = keyspace(plain());
    things.put_item(&item(b"a", b"1")).unwrap();
    let long = "c".repeat(256);
    for bad in ["", "text/plain\r\nSet-Cookie: a=b", "text/\u{e9}", &long] {
        let error = things.put_item(&item(b"a", b"2").content_type(bad)).unwrap_err();
        assert_eq!(error.code(), codes::CONTENT_TYPE_INVALID);
        assert!(error.to_string().ends_with("is not 1 to 255 visible ASCII characters and spaces"));
    }
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "1");
    things.put_item(&item(b"a", b"2").content_type(&long[1..])).unwrap();
}

#[test]
fn a_loaded_value_has_the_content_type_that_its_source_gave() {
    let origin = Origin::new("1");
    origin.set(Loaded::new("1").content_type(JSON).into());
    let (_engine, things, _) = keyspace(over(&origin));
    assert_eq!(content_type(&things, b"a"), JSON, "as it was loaded");
    assert_eq!(content_type(&things, b"a"), JSON, "as it was kept");
    assert_eq!(origin.calls(), 1);
}

#[test]
fn a_load_with_what_is_no_content_type_or_validator_fails_and_says_why() {
    let origin = Origin::new("1");
    let (_engine, things, _) = keyspace(over(&origin));
    origin.set(Loaded::new("1").content_type("a\nb").into());
    let error = things.get(b"a").unwrap_err();
    assert_eq!(error.code(), codes::SOURCE_FAILED);
    assert!(error.to_string().contains("the content type, of 3 bytes, is not"), "{error}");
    origin.set(Loaded::new("1").validator("v".repeat(513)).into());
    let error = things.get(b"a").unwrap_err();
    assert!(error.to_string().contains("the validator has 513 bytes"), "{error}");
}

/// Has one value, and knows it by its validator.
#[derive(Default)]
struct Versioned {
    /// By what each load knew the value that the cache had.
    asked: Mutex<Vec<Option<String>>>,
}

impl DataSource for Versioned {
    fn fetch(&self, _key: &[u8], context: &Context) -> Result<Answer, SourceError> {
        let validator = context.validator().map(str::to_owned);
        let is_known = validator.as_deref() == Some("v1");
        self.asked.lock().push(validator);
        Ok(if is_known {
            Answer::Unchanged { ttl: None }
        } else {
            Loaded::new("1").content_type(JSON).validator("v1").into()
        })
    }
}

fn versioned() -> (Arc<Versioned>, KeyspaceConfig) {
    let source = Arc::new(Versioned::default());
    let config = plain().ttl(SECOND).stale_if_error(LONG).read_timeout(LONG).ttl_jitter(0.0);
    (source.clone(), config.source(source))
}

#[test]
fn a_source_is_asked_by_the_validator_of_what_it_gave_again_and_again() {
    let (source, config) = versioned();
    let (_engine, things, clock) = keyspace(config);
    for _ in 0..3 {
        let found = things.get(b"a").unwrap().unwrap();
        assert_eq!((text(&found).as_str(), found.content_type()), ("1", Some(JSON)));
        clock.advance(SECOND * 2);
    }
    let v1 = || Some("v1".to_owned());
    assert_eq!(*source.asked.lock(), [None, v1(), v1()], "unchanged keeps it");
}

#[test]
fn a_value_that_the_source_did_not_give_has_no_validator() {
    let (source, config) = versioned();
    let (_engine, things, clock) = keyspace(config);
    things.get(b"a").unwrap();
    assert_eq!(things.increment(b"a", 1).unwrap(), 2);
    clock.advance(SECOND * 2);
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "1", "not 2, as the source's own");
    things.put_item(&item(b"a", b"3")).unwrap();
    clock.advance(SECOND * 2);
    assert_eq!(text(&things.get(b"a").unwrap().unwrap()), "1");
    assert_eq!(*source.asked.lock(), [None, None, None]);
}

#[test]
fn labels_are_counted_in_what_the_node_holds() {
    let bytes_with = |content_type: Option<&str>| {
        let (engine, _) = engine();
        let things = engine.add_keyspace(plain()).unwrap();
        for key in 0..100_u8 {
            let item = Item::new(std::slice::from_ref(&key), b"{}");
            let item = content_type.into_iter().fold(item, Item::content_type);
            things.put_item(&item).unwrap();
        }
        things.stats().unwrap().bytes
    };
    let longest = "c".repeat(255);
    let (none, long) = (bytes_with(None), bytes_with(Some(&longest)));
    assert!(none + 100 * 255 <= long, "{none} without, {long} with them");
}
