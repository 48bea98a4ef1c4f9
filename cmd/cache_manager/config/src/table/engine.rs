//! The settings of `[engine]`.

use crate::setting::Kind::{Choice, Count, Path, Size, Text, Time};
use crate::setting::Preset::{Fixed, Told};
use crate::setting::{Kind, Preset, Reload, Section, Setting};
use crate::value::{COUNT_MAX, INSTANT};

/// The policies that come with the cache.
pub(super) const POLICIES: &[&str] = &["lru", "s3-fifo", "sieve", "w-tinylfu", "fifo"];

const INLINE: &str = "inline";
pub(crate) const WORKER: &str = "worker";

const HASH_KEY: &str = "the hash key";

const fn setting(name: &'static str, kind: Kind, preset: Preset, meaning: &'static str) -> Setting {
    Setting::new(Section::Engine, name, kind, preset, meaning)
}

pub(super) const SETTINGS: &[Setting] = &[
    setting("data_nodes", Count(1, 1_024), Told("one a core, at least 4"), "Data nodes")
        .because("more than threads, so that two callers seldom meet at one")
        .flag("data-nodes", "NUMBER"),
    setting(
        "capacity",
        Size(1, u64::MAX),
        Fixed("256MiB"),
        "Memory for the cache, overhead included, such as 256MiB or 4GiB",
    )
    .because("all keyspaces share it")
    .flag("capacity", "SIZE"),
    setting(
        "max_entries",
        Count(1, COUNT_MAX),
        Told("as many as fit"),
        "Entries at most, of each keyspace that says nothing else",
    )
    .flag("max-entries", "NUMBER")
    .reloads(Reload::Live),
    setting(
        "max_value",
        Size(1, u64::MAX),
        Told("8MiB, or a quarter of a node's memory if less"),
        "Size of one value at most, where a keyspace says nothing else",
    )
    .because("it is also the largest body that is taken")
    .flag("max-value", "SIZE"),
    setting(
        "eviction",
        Choice(POLICIES),
        Fixed("lru"),
        "Which entry goes when room is needed: lru, s3-fifo, sieve, w-tinylfu or fifo",
    )
    .because("of each keyspace that says nothing else")
    .flag("eviction", "POLICY")
    .reloads(Reload::Live),
    setting(
        "dispatch",
        Choice(&[INLINE, WORKER]),
        Fixed(INLINE),
        "Where a request runs: inline on its own thread, or on the data node's worker",
    )
    .because("to change threads takes a hundred times as long as the work")
    .flag("dispatch", "WHERE"),
    setting("call_timeout", Time(INSTANT), Fixed("1s"), "How long a call may wait for a data node")
        .because("a thousand times what a busy node needs"),
    setting(
        "inbox_capacity",
        Count(1, 1_000_000),
        Fixed("1024"),
        "Commands that wait at one data node at most",
    ),
    setting(
        "status_every",
        Time(INSTANT),
        Fixed("1s"),
        "How often each data node tells its status",
    ),
    setting(
        "silence_max",
        Time(INSTANT),
        Fixed("5s"),
        "How long a data node may say nothing before it is replaced",
    )
    .because("at least three times `status_every`"),
    setting(
        "hash_key_file",
        Path,
        Told("a random key for each process"),
        "A file with the key of the keys' hash, 32 hexadecimal digits",
    )
    .because("so that nobody outside can aim at one data node")
    .group(HASH_KEY),
    setting(
        "hash_key_env",
        Text,
        Told("none"),
        "The environment variable that has the key of the keys' hash",
    )
    .group(HASH_KEY),
];

#[cfg(test)]
mod tests {
    use distcache::EvictionPolicy;

    use super::*;

    #[test]
    fn the_policies_are_those_of_the_cache() {
        let names: Vec<_> = EvictionPolicy::ALL.iter().map(EvictionPolicy::name).collect();
        assert_eq!(names, POLICIES);
    }
}
