//! The settings of `[keyspaces.NAME]`.

use std::time::Duration;

use super::engine::POLICIES;
use crate::setting::Kind::{Choice, Count, List, Part, Path, Rate, Size, Switch, Time};
use crate::setting::Preset::{Fixed, Told};
use crate::setting::{Kind, Preset, Reload, Section, Setting};
use crate::value::{COUNT_MAX, INSTANT};

const fn setting(name: &'static str, kind: Kind, preset: Preset, meaning: &'static str) -> Setting {
    Setting::new(Section::Keyspace, name, kind, preset, meaning)
}

const WARM: &str = "the warm keys";
const READERS: &[&str] = &["owner", "any"];
const ACKS: &[&str] = &["one", "quorum", "all"];
const NONE: Duration = Duration::ZERO;

pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "bytes_max",
        Size(1, u64::MAX),
        Told("all of the capacity"),
        "Bytes that it may hold, overhead included",
    )
    .because("at least 512 KiB a data node, or it would hold more tables than values"),
    setting(
        "entries_max",
        Count(1, COUNT_MAX),
        Told("as `[engine] max_entries` says"),
        "Entries that it may hold",
    ),
    setting(
        "value_bytes_max",
        Size(1, u64::MAX),
        Told("as `[engine] max_value` says"),
        "Size of one value at most",
    )
    .because("larger ones are handed to those who wait for them, and not kept"),
    setting(
        "eviction",
        Choice(POLICIES),
        Told("as `[engine] eviction` says"),
        "Which entry goes when room is needed",
    ),
    setting("ttl", Time(INSTANT), Told("until it is evicted"), "How long a value is fresh")
        .because("a database that others write to needs one"),
    setting(
        "ttl_jitter",
        Part,
        Fixed("0.1"),
        "By which part the TTL of a loaded value is shortened at random",
    )
    .because("so that what was loaded together does not end together"),
    setting(
        "dated",
        Switch,
        Told("true; false for the keyspace `default`"),
        "Whether it is noted when a value was put",
    )
    .because("it takes six bytes of each value; what is loaded is noted always"),
    setting(
        "negative_ttl",
        Time(NONE),
        Fixed("0s"),
        "How long it is remembered that the source has no value for a key",
    ),
    setting(
        "idle_expiry",
        Time(INSTANT),
        Told("as long as it likes"),
        "How long an entry may go unused",
    ),
    setting(
        "stale_while_revalidate",
        Time(NONE),
        Fixed("0s"),
        "How long a value that is not fresh any more is served while it is loaded again",
    ),
    setting(
        "stale_if_error",
        Time(NONE),
        Fixed("0s"),
        "How long a value that is not fresh any more is served when it cannot be loaded",
    ),
    setting(
        "refresh_ahead",
        Time(NONE),
        Fixed("0s"),
        "How long before its end a use of a value makes it be loaded again",
    )
    .because("at most half of its TTL"),
    setting("read_timeout", Time(INSTANT), Fixed("5s"), "How long a read waits for a load")
        .because("longer than a healthy database needs, and shorter than a person waits"),
    setting(
        "write_timeout",
        Time(INSTANT),
        Fixed("5s"),
        "How long a write waits for its store, and for copies at other nodes",
    ),
    setting("load_timeout", Time(INSTANT), Fixed("5s"), "How long a load may take"),
    setting("loads_max", Count(1, 1_024), Fixed("16"), "Loads at once")
        .because("no more than the source has connections are at work"),
    setting(
        "loads_waiting_max",
        Count(0, 1_000_000),
        Fixed("1024"),
        "Loads that wait for one of those; one more fails at once",
    ),
    setting(
        "loads_on_caller",
        Switch,
        Fixed("false"),
        "Whether a load may run on the thread of the request that began it",
    )
    .because("no deadline is kept then while the source runs"),
    setting("batch_max", Count(1, 10_000), Fixed("100"), "Keys in one request to the source"),
    setting(
        "flights_max",
        Count(1, 4_096),
        Fixed("4096"),
        "Loads on their way at once on each data node",
    ),
    setting(
        "replicas",
        Count(1, 7),
        Fixed("1"),
        "Nodes of a cluster that hold each entry, its owner included",
    )
    .because("a write waits until they have it, as `ack` says, and survives the end of others")
    .reloads(Reload::Restart),
    setting(
        "read",
        Choice(READERS),
        Fixed("owner"),
        "Which of those nodes answer reads: the owner alone, or any that knows its copy to be \
         the latest value",
    ),
    setting(
        "ack",
        Choice(ACKS),
        Fixed("all"),
        "How many of those nodes have each change before anybody is told of it; with one, no \
         copies are made, and `read` must be owner with any but all",
    )
    .reloads(Reload::Restart),
    setting(
        "rate_limit_per_second",
        Rate,
        Told("as often as needed"),
        "How often the source is asked at most, on the long run",
    ),
    setting(
        "rate_limit_burst",
        Count(1, 1_000_000),
        Told("those of one second"),
        "Loads at once after a quiet time",
    ),
    setting(
        "rate_limit_wait_max",
        Time(NONE),
        Fixed("0s"),
        "How long a load waits for the rate limit before it fails",
    ),
    setting(
        "circuit_breaker_failures",
        Count(1, 1_000_000),
        Told("never"),
        "After how many failures in a row the source is left alone; 5 is a good beginning",
    ),
    setting(
        "circuit_breaker_reset_after",
        Time(INSTANT),
        Fixed("1s"),
        "How long it is left alone then, before one load is tried",
    ),
    setting(
        "warm_keys",
        List,
        Told("none"),
        "Keys that are loaded when the keyspace is added; those that a lost node had, again",
    )
    .reloads(Reload::Restart)
    .group(WARM),
    setting(
        "warm_keys_file",
        Path,
        Told("none"),
        "A file with such keys, one a line, at most 16 MiB",
    )
    .reloads(Reload::Restart)
    .group(WARM),
];

#[cfg(test)]
mod tests {
    use distcache::{Ack, ReadFrom};

    use super::*;

    #[test]
    fn who_answers_reads_and_how_many_are_waited_for_are_named_as_the_cache_does() {
        assert_eq!(ReadFrom::ALL.map(ReadFrom::name), READERS);
        assert_eq!(Ack::ALL.map(Ack::name), ACKS);
    }
}
