//! `FLAGS.md`, made from the settings that have flags: this test holds it to them.

use std::fmt::Write;

use distcache_config::{CONFIG_VARIABLE, Setting, table};

use crate::flags::default;

const PREFACE: &str = "\
# The flags of cache_manager

Made from the settings themselves, and compared with them by a test. A size is a
number and, if wanted, KiB, MiB or GiB; a time is a number of seconds, with a
fraction if wanted, or has a unit: `250ms`, `5s`, `10m`. Each flag may be written
with one dash (`-port=8081`), set by its environment variable, or stand in the
configuration file, which has more settings than these: [CONFIG.md](CONFIG.md).
The flag wins over the variable, and that over the file.

| flag | variable | default | what it sets |
|---|---|---|---|
";

/// The document that ought to be there.
fn document() -> String {
    let mut text = PREFACE.to_owned();
    writeln!(
        text,
        "| `--config FILE` | `{CONFIG_VARIABLE}` | none | The configuration file, in TOML |"
    )
    .expect("a String takes all text");
    table::flags().for_each(|setting| row(&mut text, setting));
    text
}

fn row(text: &mut String, setting: &Setting) {
    let flag = setting.flag.expect("only those that have one are asked for");
    let usage = format!("{} {}", flag.name, flag.unit);
    let (usage, variable, default) = (usage.trim_end(), setting.variable(), default(setting));
    writeln!(text, "| `--{usage}` | `{variable}` | {default} | {} |", setting.meaning)
        .expect("a String takes all text");
}

#[test]
#[cfg_attr(not(feature = "hyper"), ignore = "the default server is another one")]
fn the_reference_of_flags_is_what_the_flags_are() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cmd/cache_manager/FLAGS.md");
    let found = std::fs::read_to_string(path).unwrap_or_default();
    let expected = document();
    assert!(found == expected, "{path} ought to be:\n{expected}");
}
