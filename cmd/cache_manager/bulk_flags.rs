//! The flags of `import` and `export`.

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use distcache_bulk::{BATCH_ITEMS_MAX, Export, Import};
use distcache_config::Inputs;

use crate::flags::Task;

/// How often a request is sent again if nothing is said.
const RETRIES: &str = "12";

/// Many values, in or out.
pub(crate) struct Bulk {
    pub(crate) inputs: Inputs,
    /// The server; none for that of the settings.
    pub(crate) url: Option<String>,
    pub(crate) retries: u32,
    pub(crate) work: Work,
}

/// In, or out.
pub(crate) enum Work {
    Import(Import),
    Export(Export),
}

pub(crate) fn import_command() -> Command {
    let file = Arg::new("FILE")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("Lines of JSON, as BULK.md tells; - is standard input");
    let keyspace = text("keyspace", "NAME", "Where everything goes, whatever its line says");
    let batch = number("batch", 1..=BATCH_ITEMS_MAX as u64, "Items of one request at most")
        .default_value("100");
    let from_line = number("from-line", 1..=u64::MAX, "The line to begin with").default_value("1");
    let continues = switch("continue-on-error", "Go on behind an item that fails");
    Command::new("import")
        .about("Put many values into a server that runs, from a file of JSON lines")
        .args([file, keyspace, batch, from_line, continues])
        .args(common())
}

pub(crate) fn export_command() -> Command {
    let keyspace = text("keyspace", "NAME", "The keyspace").default_value("default");
    let pattern =
        text("pattern", "PATTERN", "Which keys: * is any bytes, ? one, [a-c] one of a set")
            .default_value("*");
    let output = text("output", "FILE", "The file to write; by default standard output")
        .value_parser(value_parser!(PathBuf));
    Command::new("export")
        .about("Write what a server that runs has cached, as lines of JSON")
        .args([keyspace, pattern, output])
        .args(common())
}

/// What `import` and `export` have in common.
fn common() -> [Arg; 5] {
    let state =
        text("state", "FILE", "Where to write down how far it is, to go on there next time")
            .value_parser(value_parser!(PathBuf));
    let rate = text("rate", "NUMBER", "Items a second at most").value_parser(positive);
    let retries =
        number("retries", 0..=1_000, "How often a request is sent again that fails for now")
            .default_value(RETRIES);
    let progress =
        switch("progress", "Tell each second how far it is, also where that is no terminal");
    [url(), state, rate, retries, progress]
}

pub(crate) fn url() -> Arg {
    text("url", "URL", "The server, such as http://127.0.0.1:8080; by default that of the settings")
}

fn text(name: &'static str, unit: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(unit).help(help)
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn number(name: &'static str, range: std::ops::RangeInclusive<u64>, help: &'static str) -> Arg {
    text(name, "NUMBER", help).value_parser(value_parser!(u64).range(range))
}

fn positive(text: &str) -> Result<f64, &'static str> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && 0.001 <= *rate);
    rate.ok_or("it is a number of at least 0.001")
}

pub(crate) fn import(inputs: Inputs, matches: &ArgMatches) -> Task {
    let file = matches.get_one::<PathBuf>("FILE").filter(|file| file.as_os_str() != "-");
    let count = |name: &str| matches.get_one::<u64>(name).copied().unwrap_or(1);
    let work = Work::Import(Import {
        file: file.cloned(),
        keyspace: matches.get_one("keyspace").cloned(),
        batch_items: usize::try_from(count("batch")).unwrap_or(BATCH_ITEMS_MAX),
        from_line: count("from-line"),
        state: matches.get_one("state").cloned(),
        continues_on_error: matches.get_flag("continue-on-error"),
        rate: matches.get_one("rate").copied(),
        shows_progress: shows_progress(matches),
        value_bytes_max: VALUE_BYTES_MAX,
    });
    bulk(inputs, matches, work)
}

/// The largest value that a server takes if nothing is said.
pub(crate) const VALUE_BYTES_MAX: usize = 8 << 20;

pub(crate) fn export(inputs: Inputs, matches: &ArgMatches) -> Task {
    let given = |name: &str| matches.get_one::<String>(name).cloned().unwrap_or_default();
    let work = Work::Export(Export {
        keyspace: given("keyspace"),
        pattern: given("pattern"),
        output: matches.get_one("output").cloned(),
        state: matches.get_one("state").cloned(),
        rate: matches.get_one("rate").copied(),
        shows_progress: shows_progress(matches),
    });
    bulk(inputs, matches, work)
}

fn bulk(inputs: Inputs, matches: &ArgMatches, work: Work) -> Task {
    let retries = matches.get_one::<u64>("retries").copied().unwrap_or_default();
    let retries = u32::try_from(retries).unwrap_or(u32::MAX);
    Task::Bulk(Box::new(Bulk { inputs, url: matches.get_one("url").cloned(), retries, work }))
}

fn shows_progress(matches: &ArgMatches) -> bool {
    matches.get_flag("progress") || stderr().is_terminal()
}
