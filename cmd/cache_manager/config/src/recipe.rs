//! How a keyspace is made: its settings, with what the files say that they name.

use std::fmt::Debug;
use std::str::FromStr;
use std::sync::Arc;

use distcache::{CircuitBreaker, EvictionPolicy, KeyspaceConfig, RateLimit, codes};
use distcache_http::ROOT_KEYSPACE;

use crate::config::{Config, saturating};
use crate::fault::{Fault, Faults};
use crate::file::read_within;
use crate::origin::Origin;
use crate::setting::{Reload, Section};
use crate::source::{Source, SourceRecipe};
use crate::table;
use crate::tables::{Place, Table, View};

/// The longest file of warm keys.
const WARM_KEYS_BYTES_MAX: u64 = 16 << 20;

/// What a keyspace has from `[engine]` if it says nothing itself.
const FROM_THE_ENGINE: [(&str, &str); 3] =
    [("entries_max", "max_entries"), ("value_bytes_max", "max_value"), ("eviction", "eviction")];

/// A keyspace to be made.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) name: Arc<str>,
    table: Table,
    warm_keys: Vec<Vec<u8>>,
    pub(crate) source: Option<SourceRecipe>,
}

/// The recipes of all keyspaces. Reads the files that they name.
pub(crate) fn recipes(config: &Config, faults: &mut Faults) -> Vec<Recipe> {
    let names = config.tables.keyspaces().cloned();
    names.map(|name| Recipe::of(config, &name, faults)).collect()
}

impl Recipe {
    fn of(config: &Config, name: &Arc<str>, faults: &mut Faults) -> Self {
        let mut table = config.tables.0[&Place::Keyspace(name.clone())].clone();
        let engine = config.tables.0.get(&Place::Common(Section::Engine));
        for (own, general) in FROM_THE_ENGINE {
            if let Some(held) = engine.and_then(|engine| engine.held.get(general)) {
                table.held.entry(own).or_insert_with(|| held.clone());
            }
        }
        let view = View::new(Section::Keyspace, &table);
        let warm_keys = faults.take(warm_keys(view)).unwrap_or_default();
        let source = config.tables.0.get(&Place::Source(name.clone()));
        let source = source.and_then(|table| faults.take(SourceRecipe::of(table)));
        Self { name: name.clone(), table, warm_keys, source }
    }

    /// Where the file speaks of it.
    pub(crate) fn origin(&self) -> &Origin {
        &self.table.origin
    }

    fn view(&self) -> View<'_> {
        View::new(Section::Keyspace, &self.table)
    }

    /// The keyspace as the engine takes it.
    pub(crate) fn keyspace(&self, source: Option<&Source>) -> KeyspaceConfig {
        let view = self.view();
        let config = loads(view, ages(view, sizes(view, KeyspaceConfig::new(&*self.name))));
        let config = config.warm_keys(self.warm_keys.iter().cloned());
        match source {
            Some(source) => source.behind(config),
            None => config,
        }
    }

    /// The names of the settings in which another recipe differs: those that can
    /// change while the keyspace is there, and the others.
    pub(crate) fn changes(&self, other: &Self) -> (Vec<&'static str>, Vec<&'static str>) {
        let (ours, theirs) = (self.view(), other.view());
        let differs = |name: &&'static str| ours.value(name) != theirs.value(name);
        let of = |reload: Reload| {
            let settings = table::settings(Section::Keyspace).iter();
            settings.filter(move |one| one.reload == reload).map(|one| one.name)
        };
        let mut live: Vec<_> = of(Reload::Live).filter(differs).collect();
        if self.source != other.source {
            live.push("source");
        }
        (live, of(Reload::Restart).filter(differs).collect())
    }
}

fn sizes(view: View<'_>, mut config: KeyspaceConfig) -> KeyspaceConfig {
    if let Some(bytes) = view.size("bytes_max") {
        config = config.bytes_max(bytes);
    }
    if let Some(entries) = view.count("entries_max") {
        config = config.entries_max(entries);
    }
    if let Some(bytes) = view.size("value_bytes_max") {
        config = config.value_bytes_max(bytes);
    }
    match view.text("eviction") {
        Some(policy) => config.eviction(policy_named(&policy)),
        None => config,
    }
}

pub(crate) fn policy_named(name: &str) -> EvictionPolicy {
    name.parse().expect("a test compares the names with the policies")
}

fn ages(view: View<'_>, mut config: KeyspaceConfig) -> KeyspaceConfig {
    let time = |name| view.fixed_time(name);
    // Six bytes more would move an item of usual size behind `/` into the next class
    // of the allocator, which takes sixteen.
    let is_dated = view.switch("dated").unwrap_or(config.name() != ROOT_KEYSPACE);
    config = config.dated(is_dated);
    if let Some(ttl) = view.time("ttl") {
        config = config.ttl(ttl);
    }
    if let Some(idle) = view.time("idle_expiry") {
        config = config.idle_expiry(idle);
    }
    config
        .ttl_jitter(view.number("ttl_jitter").expect("it has a default"))
        .negative_ttl(time("negative_ttl"))
        .stale_while_revalidate(time("stale_while_revalidate"))
        .stale_if_error(time("stale_if_error"))
        .refresh_ahead(time("refresh_ahead"))
}

fn loads(view: View<'_>, mut config: KeyspaceConfig) -> KeyspaceConfig {
    let time = |name| view.fixed_time(name);
    let count = |name| saturating(view.fixed_count(name));
    if let Some(limit) = rate_limit(view) {
        config = config.rate_limit(limit);
    }
    if let Some(failures) = view.count("circuit_breaker_failures") {
        let reset_after = time("circuit_breaker_reset_after");
        config = config.circuit_breaker(CircuitBreaker::new(saturated(failures), reset_after));
    }
    if view.switch("loads_on_caller") == Some(true) {
        config = config.loads_on_caller();
    }
    config
        .read_timeout(time("read_timeout"))
        .write_timeout(time("write_timeout"))
        .load_timeout(time("load_timeout"))
        .loads_max(count("loads_max"))
        .loads_waiting_max(count("loads_waiting_max"))
        .batch_max(count("batch_max"))
        .flights_max(count("flights_max"))
        .replicas(u8::try_from(count("replicas")).unwrap_or(u8::MAX))
        .read(named(view, "read"))
        .ack(named(view, "ack"))
}

/// What one of several names stands for.
fn named<T: FromStr<Err: Debug>>(view: View<'_>, setting: &str) -> T {
    let name = view.text(setting).expect("it has a preset");
    name.parse().expect("a test compares the names")
}

fn rate_limit(view: View<'_>) -> Option<RateLimit> {
    let limit = RateLimit::per_second(view.number("rate_limit_per_second")?);
    let limit = limit.wait_max(view.fixed_time("rate_limit_wait_max"));
    Some(match view.count("rate_limit_burst") {
        Some(burst) => limit.burst(saturated(burst)),
        None => limit,
    })
}

pub(crate) fn saturated(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Those of the list, or those of the file, one a line.
fn warm_keys(view: View<'_>) -> Result<Vec<Vec<u8>>, Fault> {
    if let Some(keys) = view.list("warm_keys") {
        return Ok(keys.into_iter().map(String::into_bytes).collect());
    }
    let Some(path) = view.path("warm_keys_file") else { return Ok(Vec::new()) };
    let keys = read_within(&path, WARM_KEYS_BYTES_MAX)
        .map_err(|what| unreadable(&view.origin("warm_keys_file"), "warm_keys_file", &what))?;
    let lines = keys.split(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    Ok(lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect())
}

/// Says of a file that a setting names that it cannot be read.
pub(crate) fn unreadable(origin: &Origin, name: &str, what: &str) -> Fault {
    let what = format!("{name} cannot be read: {what}");
    Fault::new(origin, codes::NAMED_FILE_UNREADABLE, what, codes::NAMED_FILE_UNREADABLE.remedy())
}
