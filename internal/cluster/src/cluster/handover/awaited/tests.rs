//! For which keys somebody is told to wait, and how long.

use distcache_manager::{CacheManager, Config, KeyspaceSpec};
use futures_util::FutureExt;

use super::super::super::seat::tests::{ME, OTHER, views};
use super::*;

const NOW: Duration = Duration::from_secs(100);
const PATIENCE: Duration = Duration::from_secs(1);

/// Of a member that has the keys of another, which has gone.
struct Waiting {
    awaited: Awaited,
    cache: CacheManager,
    /// By which the other owned its keys.
    before: Arc<View>,
}

impl Waiting {
    fn new() -> Self {
        let (views, awaited) = (views(), Awaited::new(PATIENCE));
        awaited.begin(&Tenure::new(&views[3], ME, Some(&views[2])));
        let cache = CacheManager::start(Config::default()).unwrap();
        Self { awaited, cache, before: views[2].clone() }
    }

    /// The places of keys that were a member's.
    fn places_of(&self, owner: MemberId) -> impl Iterator<Item = u64> {
        let owns = move |place: &u64| self.before.owner(*place).map(|one| one.id) == Some(owner);
        (0..u64::MAX).step_by(1 << 50).filter(owns)
    }

    fn place(&self) -> u64 {
        self.places_of(OTHER).next().expect("it owned a half of all")
    }

    fn awaits(&self, key: &[u8], now: Duration) -> bool {
        self.awaited.awaits(self.cache.default_keyspace(), key, self.place(), now)
    }
}

#[test]
fn a_key_is_waited_for_until_its_giver_has_said_what_it_has_and_for_a_while_at_most() {
    let waiting = Waiting::new();
    assert!(waiting.awaits(b"key", NOW) && waiting.awaits(b"key", NOW + PATIENCE / 2));
    let wanted = waiting.awaited.next(OTHER).expect("it is to be asked");
    assert_eq!(wanted.keys, [&b"key"[..]]);
    assert!(waiting.awaited.next(OTHER).is_none(), "for each key once");
    assert!(waiting.awaits(b"key", NOW), "it has not answered");
    assert!(!waiting.awaits(b"key", NOW + PATIENCE), "it takes too long");
    waiting.awaited.end(OTHER, wanted);
    assert!(waiting.awaits(b"key", NOW + PATIENCE), "it came, and was evicted: as any other");
    waiting.awaited.end_all(OTHER);
    assert!(!waiting.awaits(b"key", NOW) && waiting.awaited.next(OTHER).is_none());
}

#[test]
fn nobody_waits_for_what_nobody_else_has_owned() {
    let waiting = Waiting::new();
    let space = waiting.cache.default_keyspace();
    let own = waiting.places_of(ME).next().expect("it owned the other half");
    assert!(!waiting.awaited.awaits(space, b"key", own, NOW));
    // Whoever has missed a view cannot tell whose it was.
    let views = views();
    waiting.awaited.begin(&Tenure::new(&views[3], ME, Some(&views[0])));
    assert!(!waiting.awaits(b"key", NOW));
    waiting.awaited.begin(&Tenure::new(&views[2], OTHER, None));
    assert!(!waiting.awaits(b"key", NOW), "it has just entered");
}

#[test]
fn a_giver_is_asked_for_some_keys_of_one_keyspace_at_once_and_for_so_many_in_all() {
    let waiting = Waiting::new();
    let other = waiting.cache.add_keyspace("other", &KeyspaceSpec::default()).unwrap();
    let key = |n: usize| n.to_be_bytes();
    assert!(!waiting.awaits(&[7; AWAITED_KEY_BYTES_MAX + 1], NOW), "too long");
    assert!((0..AWAITED_MAX - 1).all(|n| waiting.awaits(&key(n), NOW)));
    assert!(waiting.awaited.awaits(&other, &key(0), waiting.place(), NOW));
    assert!(!waiting.awaits(&key(AWAITED_MAX), NOW), "there is no room");
    assert!(waiting.awaits(&key(0), NOW), "there is for who waits already");
    let mut asked = Vec::new();
    while let Some(wanted) = waiting.awaited.next(OTHER) {
        assert!(wanted.keys.len() <= KEYS_AT_ONCE_MAX);
        asked.push((wanted.keyspace.name().to_owned(), wanted.keys.len()));
        waiting.awaited.end(OTHER, wanted);
    }
    assert_eq!(asked[0], ("other".to_owned(), 1));
    assert_eq!(asked[1..].iter().map(|(_, keys)| keys).sum::<usize>(), AWAITED_MAX - 1);
    assert!(waiting.awaits(&key(AWAITED_MAX), NOW), "there is room again");
}

#[test]
fn an_heir_is_woken_by_a_key_that_is_waited_for() {
    let waiting = Waiting::new();
    let mut woken = Box::pin(waiting.awaited.until_any(OTHER));
    assert_eq!(woken.as_mut().now_or_never(), None);
    assert!(waiting.awaits(b"key", NOW));
    assert_eq!(woken.as_mut().now_or_never(), Some(()));
    let mut other = Box::pin(waiting.awaited.until_any(ME));
    assert_eq!(other.as_mut().now_or_never(), None, "for what it has not");
}
