//! What is allowed, and yet probably not what was meant.

use distcache::codes::{self, Code};

use crate::config::Config;
use crate::fault::Fault;
use crate::origin::Origin;
use crate::setting::Section;
use crate::table::{self, BEHIND};
use crate::tables::{Place, View};
use crate::units::Size;

/// What only matters where values are loaded.
const OF_LOADS: [&str; 9] = [
    "negative_ttl",
    "stale_while_revalidate",
    "stale_if_error",
    "refresh_ahead",
    "load_timeout",
    "loads_max",
    "rate_limit_per_second",
    "circuit_breaker_failures",
    "warm_keys",
];

const OF_BEHIND: [&str; 6] = [
    "behind_waiting_max",
    "behind_waiting_bytes_max",
    "behind_delay",
    "behind_batch_max",
    "behind_tries_max",
    "behind_retry_after",
];

/// A setting that needs another one.
const NEEDS: [(&str, &str); 3] = [
    ("rate_limit_burst", "rate_limit_per_second"),
    ("rate_limit_wait_max", "rate_limit_per_second"),
    ("circuit_breaker_reset_after", "circuit_breaker_failures"),
];

pub(crate) fn warnings(config: &Config) -> Vec<Fault> {
    let mut found = Vec::new();
    for name in config.tables.keyspaces() {
        let keyspace = config.tables.view(&Place::Keyspace(name.clone()));
        let place = Place::Source(name.clone());
        let source = config.tables.0.get(&place).map(|_| config.tables.view(&place));
        of_a_keyspace(keyspace, source, &mut found);
        if let Some(source) = source {
            of_a_source(source, &mut found);
        }
    }
    found.extend(sum(config));
    of_a_balancer(config, &mut found);
    found
}

fn idle(origin: &Origin, what: String, right: &str) -> Fault {
    Fault::new(origin, codes::SETTING_WITHOUT_EFFECT, what, right)
}

/// A load balancer has no cache.
fn of_a_balancer(config: &Config, found: &mut Vec<Fault>) {
    if !config.is_balancer() {
        return;
    }
    let engine = config.common(Section::Engine);
    let of_a_cache = table::settings(Section::Engine).iter().map(|setting| setting.name);
    for name in of_a_cache.filter(|name| *name != "max_value" && engine.is_given(name)) {
        let what = format!("{name} is about a cache, and a load balancer has none");
        found.push(idle(&engine.origin(name), what, "give it to the nodes"));
    }
}

fn of_a_keyspace(keyspace: View<'_>, source: Option<View<'_>>, found: &mut Vec<Fault>) {
    let Some(source) = source else {
        for name in OF_LOADS.into_iter().filter(|name| keyspace.is_given(name)) {
            let what = format!("{name} is about loads, and the keyspace has no source");
            found.push(idle(&keyspace.origin(name), what, "give it a source, or leave this out"));
        }
        return;
    };
    for (name, needed) in NEEDS {
        if keyspace.is_given(name) && !keyspace.is_given(needed) {
            let what = format!("{name} does nothing without {needed}");
            found.push(idle(&keyspace.origin(name), what, &format!("give {needed}")));
        }
    }
    let ages = keyspace.is_given("ttl") || source.is_given("ttl_column");
    for name in ["stale_while_revalidate", "stale_if_error", "refresh_ahead"] {
        if keyspace.time(name).is_some_and(|time| !time.is_zero()) && !ages {
            let what = format!("{name} is about values that end, and without a ttl none does");
            found.push(idle(&keyspace.origin(name), what, "give a ttl, or leave this out"));
        }
    }
    let (ahead, ttl) = (keyspace.time("refresh_ahead"), keyspace.time("ttl"));
    if let (Some(ahead), Some(ttl)) = (ahead, ttl)
        && ttl < ahead.saturating_mul(2)
    {
        let what = "refresh_ahead is more than half of the ttl".to_owned();
        let right = "lower it: at most half of the ttl is used";
        found.push(idle(&keyspace.origin("refresh_ahead"), what, right));
    }
}

fn of_a_source(source: View<'_>, found: &mut Vec<Fault>) {
    let is_behind = source.text("writes").is_some_and(|writes| writes == BEHIND);
    for name in OF_BEHIND.into_iter().filter(|name| !is_behind && source.is_given(name)) {
        let what = format!("{name} does nothing without writes = \"behind\"");
        found.push(idle(&source.origin(name), what, "give that, or leave this out"));
    }
    if source.secret("url").is_some_and(|url| has_password(url.reveal())) {
        found.push(in_the_open(&source.origin("url"), "url_file, url_env or password_file"));
    }
    for (name, better) in IN_THE_OPEN.into_iter().filter(|(name, _)| source.is_given(name)) {
        found.push(in_the_open(&source.origin(name), better));
    }
}

/// What may be given itself, and how it is given better.
const IN_THE_OPEN: [(&str, &str); 2] =
    [("password", "password_file or password_env"), ("token", "token_file or token_env")];

/// Whether a connection string has one: `password=...`, or `//user:password@host`.
fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@'));
    url.contains("password") || authority.is_some_and(|(user, _)| user.contains(':'))
}

fn in_the_open(origin: &Origin, better: &str) -> Fault {
    const CODE: Code = codes::SECRET_IN_FILE;
    let what = "a secret may stand here for everybody who can read this";
    Fault::new(origin, CODE, what, format!("use {better}"))
}

/// Keyspaces that may together hold more than there is: the fullest then loses
/// entries before it has reached its own limit.
fn sum(config: &Config) -> Option<Fault> {
    let capacity = config.common(Section::Engine).size("capacity")?;
    let views =
        config.tables.keyspaces().map(|name| config.tables.view(&Place::Keyspace(name.clone())));
    let sum = views.filter_map(|view| view.size("bytes_max")).fold(0, u64::saturating_add);
    (capacity < sum).then(|| {
        let (sum, capacity) = (Size(sum), Size(capacity));
        let what = format!("the keyspaces' bytes_max are {sum} together, of {capacity} there are");
        let origin = config.common(Section::Engine).origin("capacity");
        Fault::new(
            &origin,
            codes::SETTING_WITHOUT_EFFECT,
            what,
            "raise the capacity, or lower them",
        )
    })
}
