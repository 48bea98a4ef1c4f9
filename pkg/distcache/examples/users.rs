//! Users, read through from where they live: a keyspace, a source, and the calls
//! that every service begins with.
//!
//! `cargo run -p distcache --example users`

use std::collections::HashMap;
use std::error::Error;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use distcache::{
    Answer, Context, DataSource, Engine, Item, Json, KeyspaceConfig, Loaded, ManualClock,
    SourceError, Typed,
};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

type Result<T = (), E = Box<dyn Error>> = std::result::Result<T, E>;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// What the service works with. The cache holds it as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct User {
    id: String,
    name: String,
    age: u8,
}

impl User {
    fn new(id: &str, name: &str, age: u8) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), age }
    }

    /// Somebody without a name is signing up, and will have one soon.
    fn fresh_for(&self) -> Duration {
        if self.name.is_empty() { MINUTE } else { HOUR }
    }
}

/// Where users live: a map here, and a database in a service.
#[derive(Default)]
struct UsersSource {
    store: RwLock<HashMap<String, User>>,
}

impl UsersSource {
    fn insert(&self, user: User) {
        self.store.write().insert(user.id.clone(), user);
    }
}

impl DataSource for UsersSource {
    fn fetch(&self, key: &[u8], _context: &Context) -> Result<Answer, SourceError> {
        let id = std::str::from_utf8(key)?;
        match self.store.read().get(id) {
            Some(user) => Ok(Loaded::json(user)?.ttl(user.fresh_for()).into()),
            None => Ok(Answer::NotFound),
        }
    }
}

/// A service: users in a cache, over a source.
struct Service {
    engine: Engine,
    users: Typed<User, Json>,
    source: Arc<UsersSource>,
    clock: Arc<ManualClock>,
}

impl Service {
    fn start() -> Result<Self> {
        let source = Arc::new(UsersSource::default());
        // Yours has neither of the next two settings. Here time passes when it is
        // told to, and a TTL is exactly what the source says.
        let clock = Arc::new(ManualClock::new());
        let engine = Engine::builder().clock(clock.clone()).start()?;
        let config = KeyspaceConfig::new("users").ttl_jitter(0.0);
        let config = config.bytes_max(64 << 20).negative_ttl(10 * SECOND).source(source.clone());
        let users = engine.add_keyspace(config)?.typed();
        Ok(Self { engine, users, source, clock })
    }

    /// A read in one line: what it gives, and where that comes from.
    fn read(&self, id: &str) -> Result<String> {
        let loads_before = self.users.keyspace().stats()?.loads;
        let user = self.users.get(id.as_bytes())?;
        let is_loaded = loads_before < self.users.keyspace().stats()?.loads;
        let from = if is_loaded { "the source" } else { "memory" };
        Ok(match user {
            Some(User { name, age, .. }) => format!("{id}: {name:?}, {age}, from {from}"),
            None => format!("{id}: nobody, from {from}"),
        })
    }

    fn reads_ask_the_source_once(&self, out: &mut impl Write) -> Result {
        writeln!(out, "The first read asks the source, the next one does not:")?;
        self.source.insert(User::new("ada", "Ada Lovelace", 36));
        writeln!(out, "  {}", self.read("ada")?)?;
        writeln!(out, "  {}", self.read("ada")?)?;
        Ok(())
    }

    fn the_value_says_how_long_it_is_fresh(&self, out: &mut impl Write) -> Result {
        writeln!(out, "How long a value is fresh depends on the value:")?;
        self.source.insert(User::new("grace", "", 0));
        writeln!(out, "  {}", self.read("grace")?)?;
        let (ada, grace) = (self.users.ttl(b"ada")?, self.users.ttl(b"grace")?);
        writeln!(out, "  ada {ada:?}, grace {grace:?}")?;
        self.source.insert(User::new("grace", "Grace Hopper", 85));
        self.clock.advance(MINUTE);
        writeln!(out, "  {}", self.read("grace")?)?;
        writeln!(out, "  {}", self.read("ada")?)?;
        Ok(())
    }

    fn nobody_is_remembered_too(&self, out: &mut impl Write) -> Result {
        writeln!(out, "That there is nobody is remembered too, for ten seconds:")?;
        writeln!(out, "  {}", self.read("alan")?)?;
        self.source.insert(User::new("alan", "Alan Turing", 41));
        writeln!(out, "  {}", self.read("alan")?)?;
        self.clock.advance(10 * SECOND);
        writeln!(out, "  {}", self.read("alan")?)?;
        Ok(())
    }

    /// This keyspace has a source and no store, so the service writes to both, the
    /// source first. With `KeyspaceConfig::write_through` a put does that.
    fn writes_change_the_cache(&self, out: &mut impl Write) -> Result {
        writeln!(out, "A put is seen at once; after a delete, the source is asked again:")?;
        let ada = User::new("ada", "Countess of Lovelace", 36);
        self.source.insert(ada.clone());
        self.users.put(b"ada", &ada)?;
        writeln!(out, "  {}", self.read("ada")?)?;
        writeln!(out, "  deleted: {}", self.users.delete(b"ada")?)?;
        writeln!(out, "  {}", self.read("ada")?)?;
        Ok(())
    }

    fn many_go_in_one_call(&self, out: &mut impl Write) -> Result {
        writeln!(out, "Many in one call, each with a result of its own:")?;
        let edsger = self.users.encode(&User::new("edsger", "Edsger Dijkstra", 72))?;
        let barbara = self.users.encode(&User::new("barbara", "Barbara Liskov", 86))?;
        let items = [Item::new(b"edsger", &edsger), Item::new(b"barbara", &barbara).ttl(HOUR)];
        for version in self.users.keyspace().put_many(&items) {
            version?;
        }
        let ids = ["edsger", "barbara", "linus", "ada"];
        for (id, user) in ids.into_iter().zip(self.users.get_many(&ids.map(str::as_bytes))) {
            writeln!(out, "  {id}: {:?}", user?.map(|user| user.name))?;
        }
        Ok(())
    }
}

fn tell(out: &mut impl Write) -> Result {
    let service = Service::start()?;
    service.reads_ask_the_source_once(out)?;
    service.the_value_says_how_long_it_is_fresh(out)?;
    service.nobody_is_remembered_too(out)?;
    service.writes_change_the_cache(out)?;
    service.many_go_in_one_call(out)?;
    let stats = service.users.keyspace().stats()?;
    writeln!(out, "{} reads, {} hits, {} loads", stats.gets, stats.hits, stats.loads)?;
    service.engine.shutdown(10 * SECOND)?;
    Ok(())
}

fn main() -> Result {
    tell(&mut std::io::stdout().lock())
}

#[test]
fn users_are_read_through_and_live_as_long_as_their_value_says() {
    let mut told = Vec::new();
    tell(&mut told).unwrap();
    let expected = r#"
The first read asks the source, the next one does not:
  ada: "Ada Lovelace", 36, from the source
  ada: "Ada Lovelace", 36, from memory
How long a value is fresh depends on the value:
  grace: "", 0, from the source
  ada Some(For(3600s)), grace Some(For(60s))
  grace: "Grace Hopper", 85, from the source
  ada: "Ada Lovelace", 36, from memory
That there is nobody is remembered too, for ten seconds:
  alan: nobody, from the source
  alan: nobody, from memory
  alan: "Alan Turing", 41, from the source
A put is seen at once; after a delete, the source is asked again:
  ada: "Countess of Lovelace", 36, from memory
  deleted: true
  ada: "Countess of Lovelace", 36, from the source
Many in one call, each with a result of its own:
  edsger: Some("Edsger Dijkstra")
  barbara: Some("Barbara Liskov")
  linus: None
  ada: Some("Countess of Lovelace")
14 reads, 7 hits, 7 loads
"#;
    assert_eq!(String::from_utf8(told).unwrap(), expected.trim_start());
}
