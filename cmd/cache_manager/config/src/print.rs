//! The configuration, printed as a file that could be read again.

use std::fmt::Write;

use crate::config::Config;
use crate::origin::Origin;
use crate::setting::{Preset, Section, Setting};
use crate::table;
use crate::tables::{Place, View};

/// Where the comments begin, as far as values are shorter.
const COMMENT_COLUMN: usize = 44;

pub(crate) fn config(config: &Config) -> String {
    let mut text = String::new();
    for section in table::COMMON {
        table_at(&mut text, config, &Place::Common(section));
    }
    for name in config.tables.keyspaces() {
        table_at(&mut text, config, &Place::Keyspace(name.clone()));
        let source = Place::Source(name.clone());
        if config.tables.0.contains_key(&source) {
            table_at(&mut text, config, &source);
        }
    }
    text.trim_start().to_owned()
}

fn table_at(text: &mut String, config: &Config, place: &Place) {
    let view = config.tables.view(place);
    write!(text, "\n{}\n", place.heading()).expect("a String takes all text");
    let kind = view_kind(place, view);
    let is_there = |setting: &&Setting| kind.is_none_or(|kind| setting.is_of(kind));
    for setting in table::settings(place.section()).iter().filter(is_there) {
        setting_of(text, view, setting);
    }
}

fn view_kind(place: &Place, view: View<'_>) -> Option<crate::SourceKind> {
    if place.section() == Section::Source { view.source_kind() } else { None }
}

fn setting_of(text: &mut String, view: View<'_>, setting: &Setting) {
    let name = setting.name;
    let (what, origin) = if let Some(value) = view.value(name) {
        (format!("{name} = {value}"), view.origin(name))
    } else {
        let Preset::Told(what) = setting.preset else { return };
        (format!("# {name}: {what}"), Origin::Default)
    };
    writeln!(text, "{what:COMMENT_COLUMN$}  # {}", one_line(&origin.brief()))
        .expect("a String takes all text");
}

/// A comment ends with its line: the name of a file could have an end in it.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), "?")
}
