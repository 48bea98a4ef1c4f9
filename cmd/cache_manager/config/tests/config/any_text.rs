//! Whatever a configuration is, it ends with settings or with mistakes.

use std::ffi::OsString;

use distcache_config::{Config, Given, Section, table};
use proptest::prelude::*;

/// Enough for every branch to be met many times; some seconds.
const CASES: u32 = 100_000;

const EXAMPLE: &str = include_str!("../../../deploy/users.toml");

/// Reads it; what was taken is printed, and read again as the same.
fn survives(file: &[u8], variables: &[(OsString, OsString)]) {
    let read = |file: &[u8]| Config::of(Some(("a.toml", file)), variables, &Given::new());
    match read(file) {
        Err(faults) => assert!(!faults.is_empty() && !faults.to_string().is_empty()),
        Ok(config) => {
            let printed = config.print();
            let again = Config::of(Some(("a.toml", printed.as_bytes())), &[], &Given::new());
            let again = again.unwrap_or_else(|faults| panic!("{faults}\nof\n{printed}"));
            assert_eq!(values(&printed), values(&again.print()));
            let _ = (config.warnings(), config.address(), config.limits(1));
        }
    }
}

/// Without the comments that say where each comes from.
fn values(printed: &str) -> Vec<&str> {
    printed.lines().filter(|line| !line.starts_with('#')).map(without_comment).collect()
}

fn without_comment(line: &str) -> &str {
    line.rsplit_once("  # ").map_or(line, |(value, _)| value).trim_end()
}

/// Understood once, and not for each case.
fn regex(text: &str) -> impl Strategy<Value = String> {
    prop::string::string_regex(text).expect("a regular expression")
}

/// Pieces that files are made of, right ones and wrong ones.
fn piece() -> impl Strategy<Value = String> {
    let sections = [
        Section::Server,
        Section::Cluster,
        Section::Balancer,
        Section::Engine,
        Section::Limits,
        Section::Log,
        Section::Keyspace,
        Section::Source,
    ];
    let names: Vec<_> =
        sections.into_iter().flat_map(table::settings).map(|one| one.name).collect();
    let headings = [
        "[server]",
        "[cluster]",
        "[balancer]",
        "[engine]",
        "[limits]",
        "[log]",
        "[keyspaces.a]",
        "[keyspaces.a.source]",
        "[keyspaces.'b c']",
        "[[keyspaces]]",
        "[keyspaces]",
        "[",
        "]",
    ];
    let values = [
        "1",
        "0",
        "-1",
        "0x1F",
        "1e400",
        "1.5",
        "nan",
        "'5s'",
        "'256MiB'",
        "true",
        "[]",
        "['a', 1]",
        "{}",
        "{ a = 1 }",
        "1979-05-27",
        "'lru'",
        "'sqlite'",
        "'postgres'",
        "'file'",
        "'$1 ?1'",
        "\"\\u0000\"",
        "'99999999999999999999GiB'",
        "9223372036854775808",
    ];
    prop_oneof![
        4 => (prop::sample::select(names), prop::sample::select(values.to_vec()))
            .prop_map(|(name, value)| format!("{name} = {value}")),
        2 => prop::sample::select(headings.to_vec()).prop_map(str::to_owned),
        1 => regex("\\PC{0,30}"),
    ]
}

/// The example with some bytes changed, left out or added.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8);
    prop::collection::vec(change, 1..4).prop_map(|changes| {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        for (index, byte, how) in changes {
            let at = index.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

fn variable() -> impl Strategy<Value = (OsString, OsString)> {
    let name = prop_oneof![
        regex("DISTCACHE_[A-Z_]{0,30}"),
        regex("DISTCACHE_KEYSPACES__[A-Z_]{0,20}"),
        Just("DISTCACHE_KEYSPACES__A__SOURCE__KIND".to_owned()),
        Just("DISTCACHE_CAPACITY".to_owned()),
    ];
    (name, regex("\\PC{0,10}")).prop_map(|(name, value)| (name.into(), value.into()))
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(cases(CASES))]

    #[test]
    fn any_bytes_are_a_configuration_or_a_mistake(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        survives(&bytes, &[]);
    }

    #[test]
    fn any_text_of_the_right_pieces_is_a_configuration_or_a_mistake(
        pieces in prop::collection::vec(piece(), 0..8),
        variables in prop::collection::vec(variable(), 0..2),
    ) {
        survives(pieces.join("\n").as_bytes(), &variables);
    }
}

proptest! {
    #![proptest_config(cases(CASES / 10))]

    #[test]
    fn a_damaged_example_is_a_configuration_or_a_mistake(bytes in damaged()) {
        survives(&bytes, &[]);
    }
}

#[test]
fn what_is_nested_deeply_is_a_mistake_and_no_overflow() {
    for text in ["[".repeat(500_000), "a.".repeat(300_000), "a = {".repeat(100_000)] {
        survives(text.as_bytes(), &[]);
    }
}
