//! Clients that do with one member's engine whatever can be done with it, and remember all
//! of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use distcache::{Error, Item, Keyspace, Version, codes};
use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::member::{Member, SPACES};
use super::world::World;
use super::{KEYS, key_of, tag_of};
use crate::arguments::Arguments;
use crate::history::{Failure, History};
use crate::operation::{Found, Nanos, Operation, What};
use crate::watch::Watch;

const CLIENTS_A_MEMBER: usize = 6;
/// Keys of a batch.
const BATCH: u32 = 8;
/// Of so many calls one forgets many keys at once.
const FORGETS: u32 = 4_000;
/// After a call that failed, and while the member is away.
const PAUSE: Duration = Duration::from_millis(10);

/// What a client has seen: of keys that are put, and of keys that are loaded.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) put: History,
    pub(super) loaded: History,
}

/// Clients at work.
pub(super) struct Clients {
    is_over: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    at_work: JoinSet<Seen>,
}

impl Clients {
    /// Begins to ask all members.
    pub(super) fn start(world: &Arc<World>, watch: Watch, arguments: &Arguments) -> Self {
        let (seed, thinking) = (arguments.seed, Duration::from_millis(arguments.thinking_ms));
        let (is_over, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut at_work = JoinSet::new();
        for member in 0..world.count() {
            for _ in 0..CLIENTS_A_MEMBER {
                let number = at_work.len() as u64;
                let client = Client {
                    at: u8::try_from(member).expect("few members"),
                    world: world.clone(),
                    rng: Rng::with_seed(seed ^ number << 32),
                    next_value: (number + 1) << 40,
                    watch,
                    thinking,
                    seen: Seen::default(),
                    done: done.clone(),
                };
                at_work.spawn(client.run(is_over.clone()));
            }
        }
        Self { is_over, done, at_work }
    }

    /// Calls that were answered until now.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Ends all clients. What they have seen.
    pub(super) async fn end(mut self) -> Seen {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        while let Some(ended) = self.at_work.join_next().await {
            let one = ended.expect("clients do not panic");
            all.put.add(one.put);
            all.loaded.add(one.loaded);
        }
        all
    }
}

/// One client.
struct Client {
    at: u8,
    world: Arc<World>,
    rng: Rng,
    /// No two writes have the same.
    next_value: u64,
    watch: Watch,
    /// Between two calls.
    thinking: Duration,
    seen: Seen,
    done: Arc<AtomicU64>,
}

/// A call that has begun.
#[derive(Clone, Copy)]
struct Begun {
    key: u32,
    at: Nanos,
}

impl Client {
    async fn run(mut self, is_over: Arc<AtomicBool>) -> Seen {
        let gate = self.world.gate(self.at.into());
        while !is_over.load(Ordering::Relaxed) {
            let allowed = gate.read().await;
            let failures = self.failures();
            match self.world.member(self.at.into()) {
                Some(member) => self.call(&member).await,
                None => sleep(PAUSE).await,
            }
            drop(allowed);
            let pause = if failures < self.failures() { PAUSE } else { self.thinking };
            match pause {
                Duration::ZERO => tokio::task::yield_now().await,
                pause => sleep(pause).await,
            }
        }
        self.seen
    }

    fn failures(&self) -> usize {
        self.seen.put.failures.len() + self.seen.loaded.failures.len()
    }

    async fn call(&mut self, member: &Member) {
        let at = self.rng.usize(..SPACES.len());
        let space = &SPACES[at];
        let Some(keyspace) = member.keyspace(space) else { return };
        let key = key_of(at, self.rng.u32(..KEYS));
        if self.rng.u32(..FORGETS) == 0 {
            return self.forget(&keyspace, at, key).await;
        }
        match (space.is_loaded, self.rng.u32(..100)) {
            (false, ..28) => self.put(&keyspace, key).await,
            (false, 28..32) => self.put_many(&keyspace, at).await,
            (false, 32..36) => self.replace(&keyspace, key).await,
            (false, 36..38) => self.delete(&keyspace, key).await,
            (true, ..10) => self.renew(&keyspace, key).await,
            (is_loaded, 95..) => self.get_many(&keyspace, at, is_loaded).await,
            (is_loaded, _) => self.get(&keyspace, key, is_loaded).await,
        }
    }

    fn begin(&self, key: u32) -> Begun {
        Begun { key, at: self.watch.now() }
    }

    fn value(&mut self) -> u64 {
        self.next_value += 1;
        self.next_value
    }

    /// Notes what a call was, and how it failed if it has.
    fn note(&mut self, begun: Begun, is_loaded: bool, what: Option<What>, error: Option<&Error>) {
        let ended = self.watch.now();
        let (member, key, began) = (self.at, begun.key, begun.at);
        let seen = if is_loaded { &mut self.seen.loaded } else { &mut self.seen.put };
        if let Some(what) = what {
            let ended = error.is_none().then_some(ended);
            seen.operations.push(Operation { key, member, began, ended, what });
        }
        match error {
            None => _ = self.done.fetch_add(1, Ordering::Relaxed),
            Some(error) => {
                let said = error.to_string();
                seen.failures.push(Failure { member, began, ended, said });
            }
        }
    }

    async fn get(&mut self, keyspace: &Keyspace, key: u32, is_loaded: bool) {
        let begun = self.begin(key);
        let found = keyspace.get_async(key.to_string().as_bytes()).await;
        self.note_read(begun, is_loaded, &found);
    }

    async fn get_many(&mut self, keyspace: &Keyspace, at: usize, is_loaded: bool) {
        let keys = self.batch(at);
        let texts: Vec<_> = keys.iter().map(ToString::to_string).collect();
        let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        let begun: Vec<_> = keys.iter().map(|key| self.begin(*key)).collect();
        let found = keyspace.get_many_async(&texts).await;
        for (begun, found) in begun.into_iter().zip(&found) {
            self.note_read(begun, is_loaded, found);
        }
    }

    /// Different keys of a keyspace.
    fn batch(&mut self, at: usize) -> Vec<u32> {
        let first = self.rng.u32(..KEYS);
        (0..BATCH).map(|next| key_of(at, (first + next) % KEYS)).collect()
    }

    fn note_read(
        &mut self,
        begun: Begun,
        is_loaded: bool,
        found: &Result<Option<distcache::Found>, Error>,
    ) {
        match found {
            Ok(found) => {
                let found = found.as_ref().map(|found| shown(found, is_loaded));
                self.note(begun, is_loaded, Some(What::Read(found)), None);
            }
            Err(error) => self.note(begun, is_loaded, None, Some(error)),
        }
    }

    async fn put(&mut self, keyspace: &Keyspace, key: u32) {
        let value = self.value();
        let begun = self.begin(key);
        let (text, written) = (key.to_string(), value.to_string());
        let tag = tag_of(key);
        let item = Item::new(text.as_bytes(), written.as_bytes()).tag(&tag);
        let put = keyspace.put_item_async(&item).await;
        self.note_write(begun, value, &put);
    }

    async fn put_many(&mut self, keyspace: &Keyspace, at: usize) {
        let keys = self.batch(at);
        let values: Vec<_> = keys.iter().map(|_| self.value()).collect();
        let text = |numbers: &[u64]| -> Vec<_> { numbers.iter().map(u64::to_string).collect() };
        let texts = text(&keys.iter().copied().map(u64::from).collect::<Vec<_>>());
        let written = text(&values);
        let tags: Vec<_> = keys.iter().map(|key| tag_of(*key)).collect();
        let all = texts.iter().zip(&written).zip(&tags);
        let items: Vec<_> = all
            .map(|((key, value), tag)| Item::new(key.as_bytes(), value.as_bytes()).tag(tag))
            .collect();
        let begun: Vec<_> = keys.iter().map(|key| self.begin(*key)).collect();
        let put = keyspace.put_many_async(&items).await;
        for ((begun, value), put) in begun.into_iter().zip(values).zip(&put) {
            self.note_write(begun, value, put);
        }
    }

    /// Puts a value in the place of the one that it has read.
    async fn replace(&mut self, keyspace: &Keyspace, key: u32) {
        let text = key.to_string();
        let begun = self.begin(key);
        let found = keyspace.get_async(text.as_bytes()).await;
        self.note_read(begun, false, &found);
        let Ok(Some(found)) = found else { return };
        let value = self.value();
        let written = value.to_string();
        let tag = tag_of(key);
        let item = Item::new(text.as_bytes(), written.as_bytes()).tag(&tag);
        let item = item.if_version(found.version());
        let begun = self.begin(key);
        match keyspace.put_item_async(&item).await {
            // Somebody was quicker, and nothing was done.
            Err(error) if is_unmet(&error) => {}
            put => self.note_write(begun, value, &put),
        }
    }

    fn note_write(&mut self, begun: Begun, value: u64, put: &Result<Version, Error>) {
        let version = put.as_ref().ok().map(|version| version.get());
        let write = What::Write { value, version };
        self.note(begun, false, Some(write), put.as_ref().err());
    }

    async fn delete(&mut self, keyspace: &Keyspace, key: u32) {
        let begun = self.begin(key);
        let deleted = keyspace.delete_async(key.to_string().as_bytes()).await;
        self.note(begun, false, Some(What::Delete), deleted.as_ref().err());
    }

    /// Forgets many keys at once: all, those that bear a tag, or that begin with something.
    /// Of those that are loaded the database is changed before.
    async fn forget(&mut self, keyspace: &Keyspace, at: usize, like: u32) {
        let (tag, prefix) = (tag_of(like), first_of(like));
        let way = self.rng.u32(..3);
        let is_meant = |key: &u32| match way {
            0 => true,
            1 => tag_of(*key) == tag,
            _ => first_of(*key) == prefix,
        };
        let keys: Vec<_> = (0..KEYS).map(|number| key_of(at, number)).filter(is_meant).collect();
        let begun: Vec<_> = keys.iter().map(|key| self.begin(*key)).collect();
        let is_loaded = SPACES[at].is_loaded;
        let what = |key: &u32| {
            if !is_loaded {
                return What::Delete;
            }
            let value = self.world.database.renew(*key as usize);
            What::Write { value, version: Some(value) }
        };
        let what: Vec<_> = keys.iter().map(what).collect();
        let forgotten = match way {
            0 => keyspace.clear_async().await.map(drop),
            1 => keyspace.invalidate_tags_async(&[&tag]).await,
            _ => keyspace.invalidate_prefix_async(prefix.as_bytes()).await.map(drop),
        };
        for (begun, what) in begun.into_iter().zip(what) {
            self.note(begun, is_loaded, Some(what), forgotten.as_ref().err());
        }
    }

    /// Changes the database, and has the cache forget what it had.
    async fn renew(&mut self, keyspace: &Keyspace, key: u32) {
        let begun = self.begin(key);
        let value = self.world.database.renew(key as usize);
        let forgotten = keyspace.invalidate_async(key.to_string().as_bytes()).await;
        let write = What::Write { value, version: Some(value) };
        self.note(begun, true, Some(write), forgotten.as_ref().err());
    }
}

/// What a read has shown. What was loaded has the database's number for its version.
fn shown(found: &distcache::Found, is_loaded: bool) -> Found {
    let text = std::str::from_utf8(found).expect("what was put is text");
    let value = text.parse().expect("what was put is a number");
    Found { value, version: if is_loaded { value } else { found.version().get() } }
}

/// The first letter of a key.
fn first_of(key: u32) -> String {
    key.to_string().chars().take(1).collect()
}

fn is_unmet(error: &Error) -> bool {
    error.code() == codes::UNMET
}
