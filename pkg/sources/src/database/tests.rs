//! Connections that break, block and panic, without a database.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use distcache::{Answer, Cancelled, Context, SourceError};

use super::{Answers, Database, Failure, Link, Load, Write};
use crate::{Error, Wait};

/// What a connection does: told its number, how often it was used before, and
/// how many keys it is asked for.
type Script = fn(link: usize, uses: usize, keys: usize) -> Result<(), Failure>;

struct Settings {
    script: Script,
    opened: AtomicUsize,
    used: AtomicUsize,
}

struct Scripted {
    settings: Arc<Settings>,
    number: usize,
    uses: usize,
}

impl Scripted {
    fn act(&mut self, keys: usize) -> Result<(), Failure> {
        let uses = self.uses;
        self.uses += 1;
        self.settings.used.fetch_add(1, Ordering::Relaxed);
        (self.settings.script)(self.number, uses, keys)
    }
}

impl Link for Scripted {
    type Settings = Settings;

    fn open(settings: &Arc<Settings>, _: &Load<'_>) -> Result<Self, Failure> {
        let number = settings.opened.fetch_add(1, Ordering::Relaxed);
        Ok(Self { settings: Arc::clone(settings), number, uses: 0 })
    }

    fn fetch(&mut self, keys: &[&[u8]], _: &Load<'_>) -> Result<Answers, Failure> {
        self.act(keys.len())?;
        Ok(vec![Ok(Answer::NotFound); keys.len()])
    }

    fn write(&mut self, writes: &[Write<'_>], _: &Load<'_>) -> Result<(), Failure> {
        self.act(writes.len())
    }

    fn check(&mut self, _: &Load<'_>) -> Result<(), Failure> {
        self.act(0)
    }
}

fn database(script: Script) -> Database<Scripted> {
    let settings = Settings { script, opened: AtomicUsize::new(0), used: AtomicUsize::new(0) };
    Database::new(settings, 1)
}

fn fetch(database: &Database<Scripted>) -> Result<Answer, SourceError> {
    database.fetch(b"key", &Context::unbounded())
}

/// How many connections were opened, and how often one was used.
fn counts(database: &Database<Scripted>) -> (usize, usize) {
    let settings = database.settings();
    (settings.opened.load(Ordering::Relaxed), settings.used.load(Ordering::Relaxed))
}

fn broken() -> Failure {
    Failure::Lost(Error::Broken { address: "here".into(), reason: "it broke".into() })
}

fn rejected() -> Failure {
    Failure::Refused(Error::Rejected { reason: "no".into() })
}

#[test]
fn a_connection_is_opened_once_and_used_again() {
    let database = database(|_, _, _| Ok(()));
    assert!((0..5).all(|_| fetch(&database).is_ok()));
    assert_eq!(counts(&database), (1, 5));
}

#[test]
fn an_old_connection_that_breaks_is_replaced_within_the_load() {
    let database =
        database(|link, uses, _| if (link, uses) == (0, 1) { Err(broken()) } else { Ok(()) });
    assert!(fetch(&database).is_ok());
    assert_eq!(counts(&database), (1, 1));
    assert!(fetch(&database).is_ok());
    assert_eq!(counts(&database), (2, 3));
}

#[test]
fn a_load_opens_one_connection_at_most() {
    let database =
        database(|link, uses, _| if (link, uses) == (0, 0) { Ok(()) } else { Err(broken()) });
    assert!(fetch(&database).is_ok());
    assert!(fetch(&database).is_err());
    assert_eq!(counts(&database), (2, 3));
    // None is left: the next load has a new one, and no second try.
    assert!(fetch(&database).is_err());
    assert_eq!(counts(&database), (3, 4));
}

#[test]
fn what_may_have_been_done_is_not_done_again_and_its_connection_goes() {
    let stuck: Script = |link, uses, _| match (link, uses) {
        (0, 1) => Err(Failure::Stuck(Error::Ambiguous)),
        _ => Ok(()),
    };
    let cancelled: Script = |link, uses, _| match (link, uses) {
        (0, 1) => Err(Failure::Cancelled),
        _ => Ok(()),
    };
    for script in [stuck, cancelled] {
        let database = database(script);
        assert!(fetch(&database).is_ok());
        assert!(fetch(&database).is_err());
        assert_eq!(counts(&database), (1, 2));
        assert!(fetch(&database).is_ok());
        assert_eq!(counts(&database), (2, 3));
    }
}

#[test]
fn a_refusal_keeps_its_connection() {
    let database = database(|_, uses, _| if uses == 0 { Err(rejected()) } else { Ok(()) });
    assert!(fetch(&database).is_err());
    assert!(fetch(&database).is_ok());
    assert_eq!(counts(&database), (1, 2));
}

#[test]
fn a_panic_gives_its_slot_back_and_its_connection_is_not_used_again() {
    let database = database(|link, _, _| {
        assert_ne!(link, 0, "a planted panic");
        Ok(())
    });
    assert!(catch_unwind(AssertUnwindSafe(|| fetch(&database))).is_err());
    assert!(fetch(&database).is_ok());
    assert_eq!(counts(&database), (2, 2));
}

#[test]
fn a_load_that_has_ended_uses_no_connection() {
    let database = database(|_, _, _| Ok(()));
    let failed = database.fetch(b"key", &Context::within(Duration::ZERO)).expect_err("too late");
    let expected = Error::TimedOut { waited_for: Wait::Start, limit: Duration::ZERO };
    assert_eq!(failed.downcast_ref(), Some(&expected));
    assert_eq!(counts(&database), (0, 0));
}

#[test]
fn a_cancelled_load_is_told_as_that() {
    let database = database(|_, _, _| Err(Failure::Cancelled));
    assert!(fetch(&database).expect_err("cancelled").is::<Cancelled>());
    let many = database.fetch_many(&[b"a", b"b"], &Context::unbounded());
    assert!(many.expect_err("cancelled").is::<Cancelled>());
}

#[test]
fn a_batch_with_a_bad_write_is_made_write_by_write() {
    let database = database(|_, uses, writes| match (uses, writes) {
        (0, 3) | (2, 1) => Err(rejected()),
        _ => Ok(()),
    });
    let writes: [Write<'_>; 3] = [(b"a", None), (b"b", None), (b"c", None)];
    let results = database.write_many(&writes, &Context::unbounded());
    assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(counts(&database), (1, 4));
}

/// It would take so long for each of them, too.
#[test]
fn a_batch_that_takes_too_long_is_not_made_write_by_write() {
    let database = database(|_, _, _| {
        let (waited_for, limit) = (Wait::Answer, Duration::from_secs(1));
        Err(Failure::Refused(Error::TimedOut { waited_for, limit }))
    });
    let results = database.write_many(&[(b"a", None), (b"b", None)], &Context::unbounded());
    assert!(results.iter().all(Result::is_err));
    assert_eq!(counts(&database), (1, 1));
}
