//! Values by place and name: those of one layer, or of all of them merged.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use distcache::codes;

use crate::fault::{Fault, Faults};
use crate::origin::Origin;
use crate::secret::Secret;
use crate::setting::{Preset, Section, Setting, SourceKind};
use crate::table;
use crate::value::{Raw, Value};

/// A table of the file: a section, and for those of keyspaces, of which.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Common(Section),
    Keyspace(Arc<str>),
    Source(Arc<str>),
}

impl Place {
    pub(crate) fn section(&self) -> Section {
        match self {
            Self::Common(section) => *section,
            Self::Keyspace(_) => Section::Keyspace,
            Self::Source(_) => Section::Source,
        }
    }

    /// As the file has it.
    pub(crate) fn heading(&self) -> String {
        let keyspace = |name: &str, rest: &str| format!("[keyspaces.{}{rest}]", key(name));
        match self {
            Self::Common(section) => section.heading().to_owned(),
            Self::Keyspace(name) => keyspace(name, ""),
            Self::Source(name) => keyspace(name, ".source"),
        }
    }
}

/// A name as a key of TOML: in quotes where it needs them.
pub(crate) fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(is_bare) {
        return name.to_owned();
    }
    let mut quoted = String::new();
    crate::value::quoted(&mut quoted, name).expect("a String takes all text");
    quoted
}

/// A value, and where it was given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// What was given at one place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// Its heading.
    pub(crate) origin: Origin,
    pub(crate) held: BTreeMap<&'static str, Held>,
}

/// What was given everywhere.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tables(pub(crate) BTreeMap<Place, Table>);

impl Tables {
    /// The table at a place; an empty one if there was none.
    pub(crate) fn at(&mut self, place: &Place, origin: &Origin) -> &mut Table {
        let empty = || Table { origin: origin.clone(), held: BTreeMap::new() };
        // A source makes its keyspace, also where a variable alone speaks of it.
        if let Place::Source(name) = place {
            self.0.entry(Place::Keyspace(name.clone())).or_insert_with(empty);
        }
        self.0.entry(place.clone()).or_insert_with(empty)
    }

    /// Notes what was given for a setting, if it is a value for it.
    pub(crate) fn give(
        &mut self,
        place: &Place,
        setting: &'static Setting,
        given: (&Raw<'_>, &Path),
        origin: &Origin,
        faults: &mut Faults,
    ) {
        let (raw, folder) = given;
        match setting.kind.read(raw, folder) {
            Ok(value) => {
                let held = Held { value, origin: origin.clone() };
                self.at(place, origin).held.insert(setting.name, held);
            }
            Err(wrong) => faults.add(|| {
                let what = format!("{}: {}", setting.name, wrong.what);
                let what = if origin.is_of_a_file() { what } else { wrong.what };
                Fault::new(origin, codes::SETTING_INVALID, what, format!("give {}", wrong.right))
            }),
        }
    }

    /// Finds settings of one layer that say the same in two ways.
    pub(crate) fn find_rivals(&self, faults: &mut Faults) {
        for (place, table) in &self.0 {
            let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
            for (name, held) in &table.held {
                let Some(group) = setting(place, name).group else { continue };
                let Some(first) = seen.insert(group, name) else { continue };
                let first = named_like(&held.origin, place, first);
                let second = named_like(&held.origin, place, name);
                faults.add(|| {
                    let what = format!("{first} and {second} both say {group}");
                    Fault::new(&held.origin, codes::SETTINGS_CONFLICT, what, "give one of them")
                });
            }
        }
    }

    /// Lays a layer over this one: what it gives is what holds.
    pub(crate) fn overlay(&mut self, upper: Self) {
        for (place, table) in upper.0 {
            let below = self.at(&place, &table.origin);
            for (name, held) in table.held {
                if let Some(group) = setting(&place, name).group {
                    below.held.retain(|held, _| setting(&place, held).group != Some(group));
                }
                below.held.insert(name, held);
            }
        }
    }

    pub(crate) fn view(&self, place: &Place) -> View<'_> {
        View { section: place.section(), table: self.0.get(place) }
    }

    pub(crate) fn keyspaces(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.keys().filter_map(|place| match place {
            Place::Keyspace(name) => Some(name),
            Place::Common(_) | Place::Source(_) => None,
        })
    }
}

fn setting(place: &Place, name: &str) -> &'static Setting {
    table::find(place.section(), name).expect("only settings are held")
}

/// A setting as it is called where it was given.
fn named_like(origin: &Origin, place: &Place, name: &str) -> String {
    let setting = setting(place, name);
    match (origin, setting.flag) {
        (Origin::Flag(_), Some(flag)) => format!("--{}", flag.name),
        (Origin::Variable(_), _) if matches!(place, Place::Common(_)) => setting.variable(),
        _ => name.to_owned(),
    }
}

/// The settings at one place, defaults included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    section: Section,
    table: Option<&'a Table>,
}

/// Declares how a kind of values is asked for.
macro_rules! getters {
    ($($(#[$attribute:meta])* $name:ident -> $type:ty = $pattern:pat => $value:expr;)+) => {
        $($(#[$attribute])* pub(crate) fn $name(&self, name: &str) -> Option<$type> {
            match self.value(name)? {
                $pattern => Some($value),
                other => unreachable!("{name} is {other}"),
            }
        })+
    };
}

impl<'a> View<'a> {
    pub(crate) fn new(section: Section, table: &'a Table) -> Self {
        Self { section, table: Some(table) }
    }

    /// Whether there is such a setting here, given or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        table::find(self.section, name).is_some()
    }

    pub(crate) fn held(&self, name: &str) -> Option<&Held> {
        self.table?.held.get(name)
    }

    /// Where a setting was given.
    pub(crate) fn origin(&self, name: &str) -> Origin {
        self.held(name).map_or(Origin::Default, |held| held.origin.clone())
    }

    /// Where the table begins.
    pub(crate) fn heading(&self) -> Origin {
        self.table.map_or(Origin::Default, |table| table.origin.clone())
    }

    pub(crate) fn is_given(&self, name: &str) -> bool {
        self.held(name).is_some()
    }

    /// What holds: what was given, or else the default, if that is a value.
    pub(crate) fn value(&self, name: &str) -> Option<Value> {
        if let Some(held) = self.held(name) {
            return Some(held.value.clone());
        }
        let setting = table::find(self.section, name);
        default_of(setting.unwrap_or_else(|| panic!("there is no setting {name}")))
    }

    getters! {
        size -> u64 = Value::Size(bytes) => bytes;
        time -> Duration = Value::Time(time) => time;
        count -> u64 = Value::Count(count) => count;
        number -> f64 = Value::Number(number) => number;
        switch -> bool = Value::Switch(on) => on;
        text -> String = Value::Text(text) => text;
        address -> SocketAddr = Value::Address(address) => address;
        path -> PathBuf = Value::Path(path) => path;
        list -> Vec<String> = Value::List(list) => list;
        secret -> Secret = Value::Secret(secret) => secret;
        headers -> Vec<(String, Secret)> = Value::Headers(headers) => headers;
    }

    /// Of a setting that has a default.
    pub(crate) fn fixed_time(&self, name: &str) -> Duration {
        self.time(name).expect("it has a default")
    }

    /// Of a setting that has a default.
    pub(crate) fn fixed_size(&self, name: &str) -> u64 {
        self.size(name).expect("it has a default")
    }

    /// Of a setting that has a default.
    pub(crate) fn fixed_count(&self, name: &str) -> u64 {
        self.count(name).expect("it has a default")
    }

    /// Of a setting that has a default.
    pub(crate) fn fixed_text(&self, name: &str) -> String {
        self.text(name).expect("it has a default")
    }

    /// What kind of source this is.
    pub(crate) fn source_kind(&self) -> Option<SourceKind> {
        SourceKind::named(&self.text("kind")?)
    }
}

/// The default of a setting, if that is a value.
pub(crate) fn default_of(setting: &Setting) -> Option<Value> {
    let Preset::Fixed(text) = setting.preset else { return None };
    let value = setting.kind.read(&Raw::Word(text.into()), Path::new(""));
    Some(value.expect("a test reads every default"))
}
