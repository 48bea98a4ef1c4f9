//! `FLAGS.md`, made from the flags themselves: this test holds it to them.

use std::fmt::Write;

use clap::{Arg, CommandFactory};

use crate::flags::Flags;

const PREFACE: &str = "\
# The flags of cache_manager

Made from the flags themselves, and compared with them by a test. A size is a
number and, if wanted, KiB, MiB or GiB; a time is a number of seconds, with a
fraction if wanted. Each flag may be written with one dash (`-port=8081`) and
set by its environment variable; the flag wins.

| flag | variable | default | what it sets |
|---|---|---|---|
";

/// The document that ought to be there.
fn document() -> String {
    let mut command = Flags::command();
    command.build();
    let mut text = PREFACE.to_owned();
    for arg in command.get_arguments().filter(|arg| arg.get_env().is_some()) {
        row(&mut text, arg);
    }
    text
}

fn row(text: &mut String, arg: &Arg) {
    let long = arg.get_long().expect("every flag has a long name");
    let takes_value = arg.get_action().takes_values();
    let value = arg.get_value_names().filter(|_| takes_value).unwrap_or_default();
    let value = value.iter().fold(String::new(), |text, name| text + " " + name);
    let variable = arg.get_env().and_then(|name| name.to_str()).expect("filtered for it");
    let help = arg.get_help().expect("every flag is explained").to_string().replace('\n', " ");
    // A default that depends on something is told in the text.
    let (what, told) = help.split_once(" [default: ").unwrap_or((&help, "none"));
    let fixed = arg.get_default_values().iter().find_map(|value| value.to_str());
    let default = fixed.unwrap_or_else(|| told.trim_end_matches(']'));
    writeln!(text, "| `--{long}{value}` | `{variable}` | {default} | {what} |")
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
