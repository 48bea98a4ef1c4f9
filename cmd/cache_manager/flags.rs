//! The command line: a flag for each setting that has one, and what to do.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::bulk_flags::{self, Bulk};
#[cfg(feature = "certs")]
use crate::certs_command;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
#[cfg(feature = "certs")]
use distcache_certs::Order;
use distcache_config::{CONFIG_VARIABLE, Given, Inputs, Preset, Section, Setting, table};

const ABOUT: &str = "A cache server: values by key, in memory, over HTTP";

const LONG_ABOUT: &str = "\
A cache server: values by key, in memory, over HTTP.

It keeps what it is given until its time is over or room is needed for something
used more recently. It never answers with an older value than the last one it has
acknowledged.";

const AFTER: &str = "\
Try it:
  cache_manager &
  curl -X POST 'http://localhost:8080/?key=a&value=hello'
  curl 'http://localhost:8080/?key=a'

A flag may be written with one dash (-port=8081), set by an environment
variable (--max-value is DISTCACHE_MAX_VALUE), or stand in the file of --config.
The flag wins over the variable, and that over the file.

It ends with status 0 after SIGTERM or SIGINT, 1 when requests had to be cut
off, 2 when it could not start, 130 at a second signal. SIGHUP makes it read the
file of --config, and those of tokens, again.";

/// The flag and the variable that name the configuration file.
pub(crate) const CONFIG: &str = "config";

/// What the command line asks for.
pub(crate) enum Task {
    /// To serve.
    Serve(Inputs),
    /// To say what is wrong with a configuration, and if wanted, ask its sources.
    Check { inputs: Inputs, connects: bool },
    /// To print the settings that hold.
    Print(Inputs),
    /// To bring many values in, or out.
    Bulk(Box<Bulk>),
    /// To make certificates.
    #[cfg(feature = "certs")]
    Certs(Box<Order>),
    /// To ask a server how it is: the one at the URL, or that of the settings.
    Health { inputs: Inputs, url: Option<String> },
}

/// Reads the command line and the environment.
///
/// # Errors
/// What is wrong, for a person; also the texts of `--help` and `--version`.
pub(crate) fn read(arguments: impl Iterator<Item = OsString>) -> Result<Task, clap::Error> {
    let matches = command().try_get_matches_from(arguments.map(two_dashes))?;
    let inputs = inputs(&matches);
    match matches.subcommand() {
        None => Ok(Task::Serve(inputs)),
        Some(("import", import)) => Ok(bulk_flags::import(inputs, import)),
        Some(("export", export)) => Ok(bulk_flags::export(inputs, export)),
        Some(("health", health)) => {
            Ok(Task::Health { inputs, url: health.get_one("url").cloned() })
        }
        #[cfg(feature = "certs")]
        Some(("certs", certs)) => Ok(Task::Certs(Box::new(certs_command::order(certs)))),
        Some((_, config)) => Ok(of_config(inputs, config)),
    }
}

fn of_config(inputs: Inputs, config: &ArgMatches) -> Task {
    match config.subcommand() {
        Some(("check", check)) => {
            let file = check.get_one("FILE").cloned().or(inputs.file);
            let connects = check.get_flag("connect");
            Task::Check { inputs: Inputs { file, ..inputs }, connects }
        }
        _ => Task::Print(inputs),
    }
}

fn inputs(matches: &ArgMatches) -> Inputs {
    let named = std::env::var_os(CONFIG_VARIABLE).filter(|name| !name.is_empty());
    let file = matches.get_one(CONFIG).cloned().or(named.map(PathBuf::from));
    let flags: Given = table::flags().filter_map(|setting| given(matches, setting)).collect();
    Inputs { file, variables: std::env::vars_os().collect(), flags }
}

/// What the words of a flag are, if it is there.
fn given(
    matches: &ArgMatches,
    setting: &'static Setting,
) -> Option<(&'static Setting, Vec<String>)> {
    let is_switch = setting.flag.is_some_and(|flag| flag.unit.is_empty());
    let words = if is_switch {
        matches.get_flag(setting.name).then(|| vec!["true".to_owned()])
    } else {
        matches.get_many(setting.name).map(|words| words.cloned().collect())
    };
    words.map(|words| (setting, words))
}

pub(crate) fn command() -> Command {
    let file = Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .value_parser(value_parser!(PathBuf))
        .global(true)
        .help("A file with settings, in TOML; see CONFIG.md")
        .long_help(format!(
            "A file with settings, in TOML; see CONFIG.md\n\n[env: {CONFIG_VARIABLE}]"
        ));
    Command::new("cache_manager")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .long_about(LONG_ABOUT)
        .after_help(AFTER)
        .arg(file)
        .args(table::flags().map(flag))
        .subcommands(certs_commands())
        .subcommands([
            config_command(),
            bulk_flags::import_command(),
            bulk_flags::export_command(),
            health_command(),
        ])
}

fn config_command() -> Command {
    let file = Arg::new("FILE")
        .value_parser(value_parser!(PathBuf))
        .help("The configuration file; by default that of --config");
    let connect = Arg::new("connect")
        .long("connect")
        .action(ArgAction::SetTrue)
        .help("Ask each source once, too");
    let check = Command::new("check")
        .about("Say what is wrong with a configuration, each mistake with its place")
        .args([file, connect]);
    let print = Command::new("print")
        .about("Print every setting that holds, each with where it comes from; secrets are hidden");
    Command::new("config")
        .about("Check or print the configuration")
        .subcommand_required(true)
        .subcommands([check, print])
}

#[cfg(feature = "certs")]
fn certs_commands() -> [Command; 1] {
    [certs_command::command()]
}

#[cfg(not(feature = "certs"))]
fn certs_commands() -> [Command; 0] {
    []
}

fn health_command() -> Command {
    Command::new("health")
        .about("Ask a server whether it is ready: exit status 0 if so, else 1")
        .arg(bulk_flags::url())
}

/// A setting as a flag. What it says is read with what the file and the environment
/// say, by the same rules: here it is only taken.
fn flag(setting: &'static Setting) -> Arg {
    let flag = setting.flag.expect("only those that have one are asked for");
    let arg = Arg::new(setting.name)
        .long(flag.name)
        .global(true)
        .help(setting.meaning)
        .long_help(explanation(setting))
        .help_heading((setting.section == Section::Limits).then_some("Limits of one client"));
    match (flag.unit, setting.kind) {
        ("", _) => arg.action(ArgAction::SetTrue),
        (unit, distcache_config::Kind::List) => arg.value_name(unit).action(ArgAction::Append),
        (unit, _) => arg.value_name(unit),
    }
}

fn explanation(setting: &Setting) -> String {
    let (meaning, variable) = (setting.meaning, setting.variable());
    match default(setting) {
        "none" | "false" => format!("{meaning}\n\n[env: {variable}]"),
        default => format!("{meaning}\n\n[env: {variable}]\n[default: {default}]"),
    }
}

pub(crate) fn default(setting: &Setting) -> &'static str {
    match setting.preset {
        Preset::Fixed(default) | Preset::Told(default) => default,
    }
}

/// `-port=8081`, as Go programs take it, becomes `--port=8081`. One dash and
/// one letter stays a short flag.
fn two_dashes(argument: OsString) -> OsString {
    let is_long = argument.to_str().is_some_and(|text| {
        let name = text.strip_prefix('-').unwrap_or("");
        let name = name.split('=').next().unwrap_or("");
        1 < name.len() && name.starts_with(|first: char| first.is_ascii_alphabetic())
    });
    if !is_long {
        return argument;
    }
    let mut long = OsString::from("-");
    long.push(argument);
    long
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Task, clap::Error> {
        let program = std::iter::once("cache_manager");
        super::read(program.chain(arguments.iter().copied()).map(OsString::from))
    }

    fn flags(arguments: &[&str]) -> Vec<(&'static str, Vec<String>)> {
        let (Task::Serve(inputs)
        | Task::Print(inputs)
        | Task::Check { inputs, .. }
        | Task::Health { inputs, .. }) = read(arguments).unwrap()
        else {
            panic!("another task");
        };
        inputs.flags.into_iter().map(|(setting, words)| (setting.name, words)).collect()
    }

    #[test]
    fn one_dash_is_as_good_as_two() {
        let one = flags(&["-port=8081", "-data-nodes", "3"]);
        assert_eq!(one, [("port", vec!["8081".to_owned()]), ("data_nodes", vec!["3".to_owned()])]);
    }

    #[test]
    fn a_flag_may_stand_behind_the_command_as_well_as_before_it() {
        let behind = flags(&["config", "print", "--capacity", "1GiB"]);
        assert_eq!(behind, flags(&["--capacity", "1GiB", "config", "print"]));
        assert_eq!(behind, [("capacity", vec!["1GiB".to_owned()])]);
    }

    #[test]
    fn a_flag_that_is_repeatable_collects_its_words_and_a_switch_needs_none() {
        let given = flags(&["--allow-host", "a", "--insecure", "--allow-host", "b"]);
        let hosts = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(given, [("allow_host", hosts), ("insecure", vec!["true".to_owned()])]);
    }

    #[test]
    fn the_file_to_check_is_the_one_that_is_named() {
        let Task::Check { inputs, connects } =
            read(&["--config", "a.toml", "config", "check", "b.toml", "--connect"]).unwrap()
        else {
            panic!("it is a check");
        };
        assert_eq!((inputs.file, connects), (Some("b.toml".into()), true));
    }

    #[test]
    fn a_wrong_flag_is_named() {
        let error = read(&["--capacty", "1GiB"]).err().unwrap().to_string();
        assert!(error.contains("--capacty") && error.contains("--capacity"), "{error}");
    }
}
