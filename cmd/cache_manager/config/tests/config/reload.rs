//! From one configuration to the next: all of it, or nothing.

use distcache::Engine;
use distcache_config::{Changes, Loaded};

use crate::support::{Folder, NAME};

struct Running {
    folder: Folder,
    loaded: Loaded,
    engine: Engine,
}

impl Running {
    fn start(text: &str) -> Self {
        let folder = Folder::new();
        folder.write("1", "one").write(NAME, text);
        let loaded = folder.load().expect("it is right");
        let engine = loaded.start(Engine::builder()).expect("it is right");
        Self { folder, loaded, engine }
    }

    fn reload(&mut self, text: &str) -> Result<Changes, String> {
        self.folder.write(NAME, text);
        let next = self.loaded.read_again(&self.folder.inputs());
        let next = next.map_err(|faults| self.folder.short(&faults.to_string()))?;
        let taken = next.take_over(&self.loaded, &self.engine);
        let (loaded, changes) = taken.map_err(|fault| fault.to_string())?;
        self.loaded = loaded;
        Ok(changes)
    }
}

fn done(lines: &[&str]) -> Changes {
    Changes { done: lines.iter().map(|&line| line.to_owned()).collect(), restart: Vec::new() }
}

#[test]
fn what_has_not_changed_is_left_alone() {
    let text = "[keyspaces.a]\nttl = 5\nsource = { kind = 'file', directory = '.' }";
    let mut running = Running::start(text);
    assert_eq!(running.reload(text).unwrap(), Changes::default());
    let with_other_words = text.replace("ttl = 5", "# Five seconds.\nttl = '5000ms'");
    assert_eq!(running.reload(&with_other_words).unwrap(), Changes::default());
}

#[test]
fn a_changed_keyspace_keeps_its_values_and_works_by_the_new_settings() {
    let mut running = Running::start("[keyspaces.a]\nvalue_bytes_max = '1KiB'");
    running.engine.put("a", b"k", &[7; 1_000]).unwrap();
    assert!(running.engine.put("a", b"l", &[7; 2_000]).is_err());
    let changes = running.reload("[keyspaces.a]\nvalue_bytes_max = '4KiB'\nttl = 60").unwrap();
    assert_eq!(changes, done(&["keyspace \"a\": value_bytes_max, ttl"]));
    running.engine.put("a", b"l", &[7; 2_000]).unwrap();
    assert!(running.engine.get("a", b"k").unwrap().is_some());
}

#[test]
fn keyspaces_come_and_go_with_the_file() {
    let mut running = Running::start("[keyspaces.a]\n[keyspaces.b]");
    running.engine.put("b", b"k", b"v").unwrap();
    let changes = running.reload("[keyspaces.b]\n[keyspaces.c]").unwrap();
    assert_eq!(changes, done(&["keyspace \"c\": added", "keyspace \"a\": removed"]));
    assert_eq!(running.engine.keyspaces(), ["b", "c", "default"]);
    assert!(running.engine.get("b", b"k").unwrap().is_some());
}

#[test]
fn what_came_and_went_over_http_is_none_of_the_files_business() {
    let mut running = Running::start("[keyspaces.a]");
    running.engine.add_keyspace(distcache::KeyspaceConfig::new("theirs")).unwrap();
    running.engine.delete_keyspace("a").unwrap();
    let changes = running.reload("[keyspaces.a]\nttl = 5\n[keyspaces.theirs]\nttl = 5").unwrap();
    assert_eq!(changes.done.len(), 2, "{changes:?}");
    assert_eq!(running.engine.keyspaces(), ["a", "default", "theirs"]);
}

#[test]
fn what_the_engine_gives_every_keyspace_changes_all_that_say_nothing() {
    let mut running = Running::start("[keyspaces.a]\n[keyspaces.b]\neviction = 'fifo'");
    let changes = running
        .reload("engine.eviction = 'sieve'\n[keyspaces.a]\n[keyspaces.b]\neviction = 'fifo'");
    assert_eq!(
        changes.unwrap(),
        done(&["[engine] eviction", "keyspace \"a\": eviction", "keyspace \"default\": eviction"])
    );
}

#[test]
fn what_cannot_change_is_told_and_stays() {
    let mut running = Running::start("engine.data_nodes = 2\n[keyspaces.a]");
    let changes = running
        .reload("engine.data_nodes = 3\nserver.port = 1\n[keyspaces.a]\nwarm_keys = ['1']\nttl = 5")
        .unwrap();
    assert_eq!(changes.done, ["keyspace \"a\": ttl"]);
    let restart = ["[server] port", "[engine] data_nodes", "keyspace \"a\": warm_keys"];
    assert_eq!(changes.restart, restart);
    assert_eq!(running.loaded.config().address().port(), 8080);
}

#[test]
fn a_file_with_a_mistake_changes_nothing() {
    let mut running = Running::start("[keyspaces.a]\nvalue_bytes_max = '1KiB'");
    let with_typing_error = "[keyspaces.a]\nvalue_bytes_max = '4KiB'\n[keyspaces.b]\ntll = 5";
    let told = running.reload(with_typing_error).unwrap_err();
    assert!(told.starts_with("users.toml:4:1: DC-322 "), "{told}");
    // Well written, and refused by the engine: found on the engine for trial.
    let too_small = "[keyspaces.a]\nvalue_bytes_max = '4KiB'\n[keyspaces.b]\nbytes_max = 1";
    let told = running.reload(too_small).unwrap_err();
    assert!(told.starts_with("users.toml:3:12: DC-123 "), "{told}");
    assert_eq!(running.engine.keyspaces(), ["a", "default"]);
    assert!(running.engine.put("a", b"l", &[7; 2_000]).is_err());
}

/// The engine for trial has taken it; the real one has no place any more.
#[test]
fn what_the_real_engine_refuses_takes_back_what_was_done_before() {
    let mut running = Running::start("[keyspaces.a]\nvalue_bytes_max = '1KiB'");
    for n in running.engine.keyspaces().len()..1_024 {
        let theirs = distcache::KeyspaceConfig::new(format!("theirs-{n}"));
        running.engine.add_keyspace(theirs).unwrap();
    }
    let told = running.reload("[keyspaces.a]\nvalue_bytes_max = '4KiB'\n[keyspaces.b]");
    assert!(told.unwrap_err().contains("DC-124"));
    assert!(running.engine.put("a", b"l", &[7; 2_000]).is_err());
    assert!(running.engine.keyspace("b").is_err());
}

#[test]
fn a_source_whose_secret_has_changed_is_made_anew() {
    let text = "[keyspaces.a.source]\nkind = 'postgres'\nurl = 'host=127.0.0.1 port=1 user=a'\n\
                table = 't'\npassword_file = 'password'";
    let folder = Folder::new();
    folder.write("password", "first").write(NAME, text);
    let loaded = folder.load().unwrap();
    let engine = loaded.start(Engine::builder()).unwrap();
    let mut running = Running { folder, loaded, engine };
    assert_eq!(running.reload(text).unwrap(), Changes::default());
    running.folder.write("password", "second");
    assert_eq!(running.reload(text).unwrap(), done(&["keyspace \"a\": source"]));
}
