//! The README lists every setting of a keyspace, and none that is not there.

use std::collections::BTreeSet;

/// The names of the methods by which a `KeyspaceConfig` is changed.
fn settings() -> BTreeSet<&'static str> {
    let config = include_str!("../src/config.rs");
    let (_, methods) = config.split_once("impl KeyspaceConfig {").expect("its methods");
    let (methods, _) = methods.split_once("\n}\n").expect("their end");
    let setters = methods.split("#[must_use]").skip(1);
    setters.filter_map(|setter| setter.split("pub fn ").nth(1)?.split(['(', '<']).next()).collect()
}

/// Every `name` in the first column of the table of settings.
fn listed() -> BTreeSet<&'static str> {
    let readme = include_str!("../README.md");
    let (_, section) = readme.split_once("## The settings of a keyspace").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("its end");
    let first_cells =
        section.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    first_cells.flat_map(|cell| cell.split('`').step_by(2)).collect()
}

#[test]
fn every_setting_is_explained() {
    let settings = settings();
    assert!(20 < settings.len(), "{settings:?}");
    assert_eq!(listed(), settings);
}
