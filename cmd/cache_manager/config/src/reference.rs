//! The reference page, made from the settings themselves.

use std::fmt::Write;

use crate::setting::{Preset, Reload, Section, Setting};
use crate::table;

const PREFACE: &str = "\
# The configuration of cache_manager

Made from the settings themselves, and compared with them by a test.

Settings come from one TOML file (`--config FILE`, or `DISTCACHE_CONFIG`), from the
environment, and from flags. A flag wins over a variable, that over the file, and
that over the default. `cache_manager config check FILE` says what is wrong with a
file, each mistake with its line and column, and `config print` shows every
setting that holds, with where it comes from.

* **Sizes** are numbers of bytes, or have a unit: `\"256MiB\"`. **Times** are numbers
  of seconds, or have a unit: `5`, `0.5`, `\"250ms\"`, `\"10m\"`; units are `ns`, `us`,
  `ms`, `s`, `m`, `h` and `d`. A path that is relative begins at the folder of the file.
* **Names that are unknown are errors**, in the file and in the environment.
  (`DISTCACHE_*` that is like no setting is left alone: others use that prefix too.)
* **Variables**: a setting of the first seven tables is in the last column. One of a
  keyspace is `DISTCACHE_KEYSPACES__USERS__TTL`, one of its source
  `DISTCACHE_KEYSPACES__USERS__SOURCE__CONNECTIONS`. The case of a keyspace's name
  does not matter there; what is no letter or digit in it is written `_`.
* **Secrets** come from a file (`password_file`) or from a variable
  (`password_env`), and are never printed or logged. One in the configuration file
  itself is taken, and warned of. A secret's file may end with a line break.
* **Reload**: SIGHUP reads the file again. If anything is wrong with it, nothing
  changes, and the log says what. Settings marked \"at once\" then hold; of those
  marked \"restart\" that were changed, the log says so. Keyspaces that were added
  to the file are added, and those that were removed from it are removed with what
  they hold. Of a keyspace that changed, the values stay. What was changed over
  HTTP in a keyspace that the file has, and that the file did not change, stays.
* The file has at most 1 MiB, and 1,024 keyspaces.
";

/// What stands in `CONFIG.md`.
pub fn reference() -> String {
    let mut text = PREFACE.to_owned();
    for section in Section::ALL {
        write!(text, "\n## `{}`\n\n{}\n\n", section.heading(), about(section))
            .expect("a String takes all text");
        let columns = match section {
            Section::Source => "| setting | of | value | default | what it sets |",
            Section::Keyspace => "| setting | value | default | on reload | what it sets |",
            _ => "| setting | value | default | on reload | what it sets | variable |",
        };
        let line = "|---".repeat(columns.matches(" | ").count() + 1);
        writeln!(text, "{columns}\n{line}|").expect("a String takes all text");
        for setting in table::settings(section) {
            row(&mut text, setting);
        }
    }
    text
}

fn about(section: Section) -> &'static str {
    match section {
        Section::Server => "Where the server listens, and how it ends.",
        Section::Cluster => {
            "Nodes that share their keys: each owns a part of them, and answers for all. Only a \
             node (`mode = \"node\"`) takes the other settings; a load balancer takes `nodes`. The nodes prove to each other who \
             they are with `tls_cert`, `tls_key` and `tls_ca` of `[server]`, if all three are \
             given; without them they listen for each other on loopback addresses only, unless \
             `insecure` is said."
        }
        Section::Balancer => {
            "A load balancer (`mode = \"load_balancer\"`) passes requests on to the HTTP servers of \
             the `nodes` of `[cluster]`, and holds nothing itself. It takes `[server]`, where \
             `tls_ca` says that the nodes speak HTTPS, and by whose word they are believed; \
             `[limits]`, `[log]`, and `max_value` of `[engine]`."
        }
        Section::Engine => {
            "Memory and data nodes; `max_entries`, `max_value` and `eviction` are what every \
             keyspace has that says nothing else."
        }
        Section::Limits => "What one client may ask. Each has a flag of the same name.",
        Section::Log => "What is told, on standard error.",
        Section::Otel => {
            "Spans of requests, calls and loads, and the numbers of the engine, for OpenTelemetry. \
             Nothing is told without an `endpoint`. Only a program that was built with \
             `--features otel` takes these settings. Neither keys nor values are told. A probe \
             (`/livez`, `/readyz`, `/metrics`) that comes without a trace begins none. What \
             waits is sent when the server ends, for 5 seconds at most. What no \
             setting here says is read from OpenTelemetry's own variables, such as \
             `OTEL_RESOURCE_ATTRIBUTES`."
        }
        Section::Keyspace => {
            "One table for each keyspace. `[keyspaces.default]` is the one behind `/`, and is \
             always there."
        }
        Section::Source => {
            "Where the values of a keyspace come from. All of it can change by a reload: \
             connections are kept if nothing in this table and none of its secrets has changed. \
             `config check --connect` opens each database and prepares its statements, reads each \
             directory, and asks each HTTP server for the key `distcache-check`."
        }
    }
}

fn row(text: &mut String, setting: &Setting) {
    let Setting { name, kind, meaning, reason, .. } = setting;
    let what = match *reason {
        "" => (*meaning).to_owned(),
        reason => format!("{meaning} ({reason})"),
    };
    let default = match setting.preset {
        Preset::Fixed(value) => format!("`{value}`"),
        Preset::Told(what) => what.to_owned(),
    };
    let reload = match setting.reload {
        Reload::Live => "at once",
        Reload::Restart => "restart",
    };
    let kind = kind.right();
    let cells = match setting.section {
        Section::Source => {
            let of: Vec<_> = setting.sources.iter().map(|source| source.name()).collect();
            let of = if of.is_empty() { "all".to_owned() } else { of.join(", ") };
            format!("{of} | {kind} | {default} | {what}")
        }
        Section::Keyspace => format!("{kind} | {default} | {reload} | {what}"),
        _ => format!("{kind} | {default} | {reload} | {what} | `{}`", setting.variable()),
    };
    writeln!(text, "| `{name}` | {cells} |").expect("a String takes all text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(not(feature = "hyper"), ignore = "the default server is another one")]
    fn the_reference_of_settings_is_what_the_settings_are() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../CONFIG.md");
        let found = std::fs::read_to_string(path).unwrap_or_default();
        let expected = reference();
        assert!(found == expected, "{path} ought to be:\n{expected}");
    }
}
