//! What callers are told when something is not as they think, and what nobody is
//! told at all.

use std::sync::atomic::{AtomicU64, Ordering};

use distcache::{
    Answer, Cause, Context, Engine, Error, How, KeyspaceConfig, LoadError, RateLimit, SourceError,
    Value, codes,
};

use crate::support::{LONG, Origin, SECOND, engine, keyspace, over, text};

fn things() -> KeyspaceConfig {
    KeyspaceConfig::new("things")
}

#[test]
fn a_name_that_is_taken_is_refused_and_the_keyspace_that_has_it_stays() {
    let (engine, things_of_before, _) = keyspace(things());
    things_of_before.put(b"a", b"1").unwrap();
    let error = engine.add_keyspace(things().ttl(SECOND)).unwrap_err();
    assert_eq!(error.code(), codes::KEYSPACE_EXISTS);
    assert_eq!(text(&engine.get("things", b"a").unwrap().unwrap()), "1");
    assert_eq!(engine.keyspaces(), ["things"]);
}

#[test]
fn an_engine_without_keyspaces_says_so_and_nothing_falls_over() {
    let (engine, _) = engine();
    let errors = [
        engine.get("things", b"a").unwrap_err(),
        engine.put("things", b"a", b"1").unwrap_err(),
        engine.delete("things", b"a").unwrap_err(),
        engine.clear("things").unwrap_err(),
        engine.keyspace("things").unwrap_err(),
        engine.update_keyspace(things()).unwrap_err(),
        engine.delete_keyspace("things").unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.code() == codes::KEYSPACE_UNKNOWN), "{errors:?}");
    assert!(engine.keyspaces().is_empty());
}

/// What a source of one's own fails with.
#[derive(Debug, thiserror::Error)]
#[error("shard {shard} is away")]
struct ShardAway {
    shard: u8,
}

#[test]
fn the_error_that_a_source_gave_is_the_one_that_callers_get() {
    let source = |key: &[u8], _: &Context| -> Result<Answer, SourceError> {
        Err(ShardAway { shard: key[0] }.into())
    };
    let (_engine, things, _) = keyspace(things().source(source));
    match things.get(&[3]).unwrap_err() {
        Error::Load(LoadError::Failed(cause)) => {
            assert_eq!(cause.downcast_ref::<ShardAway>().expect("its own type").shard, 3);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn not_found_is_an_answer_and_no_error_for_one_key_and_for_many() {
    let origin = Origin::new("");
    origin.set(Answer::NotFound);
    let (_engine, things, _) = keyspace(over(&origin));
    assert!(things.get(b"a").unwrap().is_none());
    let got = things.get_many(&[b"a", b"b"]);
    assert!(got.into_iter().all(|got| got.expect("an answer").is_none()));
    let stats = things.stats().unwrap();
    assert_eq!((stats.load_failures, stats.loads_not_found), (0, origin.calls()));
}

#[test]
fn what_was_loaded_is_kept_and_the_source_not_asked_again() {
    let origin = Origin::new("1");
    let (_engine, things, _) = keyspace(over(&origin));
    let how = [0; 3].map(|_| things.get(b"a").unwrap().unwrap().how());
    assert_eq!((how, origin.calls()), ([How::Loaded, How::Hit, How::Hit], 1));
}

#[test]
fn a_burst_of_nothing_still_lets_one_load_through() {
    let origin = Origin::new("1");
    let (_engine, things, clock) =
        keyspace(over(&origin).rate_limit(RateLimit::per_second(1.0).burst(0)));
    for key in 0..3_u8 {
        assert!(things.get(&[key]).unwrap().is_some());
        assert!(matches!(things.get(b"more"), Err(Error::Load(LoadError::RateLimited { .. }))));
        clock.advance(SECOND);
    }
}

#[test]
fn no_value_is_taken_for_not_found_whatever_a_keyspace_keeps_of_that() {
    let (engine, things, _) = keyspace(things().negative_ttl(LONG));
    let values: Vec<Vec<u8>> =
        (0..=255_u8).map(|byte| vec![byte]).chain([vec![], vec![0, 1]]).collect();
    for value in &values {
        things.put(value, value).unwrap();
    }
    for config in [things.config(), things.config().negative_ttl(std::time::Duration::ZERO)] {
        engine.update_keyspace(config).unwrap();
        for value in &values {
            assert_eq!(&things.get(value).unwrap().unwrap()[..], value);
        }
    }
}

#[test]
fn a_data_node_that_is_busy_holds_up_no_other() {
    let (engine, things, _) = keyspace(things());
    let manager = engine.manager();
    let cache = manager.keyspace("things").unwrap();
    (0..=255_u8).for_each(|key| _ = things.put(&[key], b"1").unwrap());
    let busy = manager.nodes()[0].id;
    let others = (0..=255_u8).filter(|key| manager.owner_in(&cache, &[*key]) != busy);
    let others: Vec<_> = others.collect();
    assert!(100 < others.len());
    let served = manager.on_node(busy, |_| {
        let is_served = |key: &&u8| {
            let key = [**key];
            things.put(&key, b"2").is_ok() && things.get(&key).is_ok_and(|found| found.is_some())
        };
        others.iter().filter(is_served).count()
    });
    assert_eq!(served, Ok(others.len()));
}

/// Counts what is logged, and what of it has the secret in it.
struct Listener {
    records: AtomicU64,
    betrayals: AtomicU64,
}

const SECRET: &str = "correct horse battery staple";

impl log::Log for Listener {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.records.fetch_add(1, Ordering::SeqCst);
        let line = format!("{} {} {record:?}", record.target(), record.args());
        let in_numbers = format!("{:?}", SECRET.as_bytes());
        if line.contains(SECRET) || line.contains(in_numbers.trim_matches(['[', ']'])) {
            self.betrayals.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn flush(&self) {}
}

static LISTENER: Listener = Listener { records: AtomicU64::new(0), betrayals: AtomicU64::new(0) };

/// Other tests of this process are heard too: the more the better.
#[test]
fn neither_a_key_nor_a_value_is_logged() {
    log::set_logger(&LISTENER).expect("nobody else listens");
    log::set_max_level(log::LevelFilter::Trace);
    let secret = SECRET.as_bytes();
    let config = things()
        .source_fn(|key: &[u8]| -> Result<Vec<u8>, SourceError> { Ok(key.to_vec()) })
        .removal_listener(|_: &[u8], _: &Value, _: Cause| panic!("the listener was told to panic"));
    let engine = Engine::builder().keyspace(config).call_timeout(LONG).start().unwrap();
    let things = engine.keyspace("things").unwrap();
    for _ in 0..2 {
        assert_eq!(things.get(secret).unwrap().unwrap().how(), How::Loaded);
        assert_eq!(things.get(secret).unwrap().unwrap().how(), How::Hit);
        things.put(secret, secret).unwrap();
        assert!(things.increment(secret, 1).is_err());
        assert!(things.delete(secret).unwrap());
    }
    drop(things);
    drop(engine);
    assert!(LISTENER.records.load(Ordering::SeqCst) != 0, "a listener that panics is logged");
    assert_eq!(LISTENER.betrayals.load(Ordering::SeqCst), 0, "lines have the secret in them");
}
