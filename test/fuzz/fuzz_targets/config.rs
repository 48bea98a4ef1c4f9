//! Any bytes as a configuration file are settings, or mistakes; what is printed of
//! settings is read as the same settings.
#![no_main]

use distcache_config::{Config, Given};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let read = |file: &[u8]| Config::of(Some(("a.toml", file)), &[], &Given::new());
    match read(file) {
        Err(faults) => assert!(!faults.is_empty()),
        Ok(config) => {
            let _ = config.warnings();
            let again = read(config.print().as_bytes()).expect("what is printed is right");
            assert_eq!(values(&config), values(&again));
        }
    }
});

/// What is printed, without the comments that say where each comes from.
fn values(config: &Config) -> Vec<String> {
    let printed = config.print();
    let values = printed.lines().filter(|line| !line.starts_with('#'));
    values
        .map(|line| line.rsplit_once("  # ").map_or(line, |(value, _)| value).trim_end().to_owned())
        .collect()
}
