//! One setting, described once: what reads it, prints it and explains it follows
//! from this.

use std::time::Duration;

/// The table of the file that a setting stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// `[server]`: where it listens, how it ends.
    Server,
    /// `[cluster]`: who the other nodes are, and how they are reached.
    Cluster,
    /// `[balancer]`: how a load balancer passes requests on.
    Balancer,
    /// `[engine]`: memory and data nodes, and what every keyspace has unless it
    /// says otherwise.
    Engine,
    /// `[limits]`: what one client may ask.
    Limits,
    /// `[log]`: what is told.
    Log,
    /// `[otel]`: where spans and numbers go.
    Otel,
    /// `[keyspaces.NAME]`.
    Keyspace,
    /// `[keyspaces.NAME.source]`.
    Source,
}

/// The sources that can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// A SQLite file.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// A server that has a value at the URL of each key.
    Http,
    /// The files of a directory.
    File,
}

impl SourceKind {
    pub(crate) const ALL: [Self; 4] = [Self::Sqlite, Self::Postgres, Self::Http, Self::File];
    pub(crate) const NAMES: &[&str] = &["sqlite", "postgres", "http", "file"];

    /// As `kind` has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Http => "http",
            Self::File => "file",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What a setting's value is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Bytes, from one number to another.
    Size(u64, u64),
    /// A time, at least so long, at most ten years.
    Time(Duration),
    /// A whole number, from one to another.
    Count(u64, u64),
    /// A number from 0 to 1.
    Part,
    /// A number above 0.
    Rate,
    /// `true` or `false`.
    Switch,
    /// Text, not empty.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An IP address and a port.
    Address,
    /// What the log shows.
    LogFilter,
    /// A file or directory; one in the configuration file that is relative begins
    /// at the folder of that file.
    Path,
    /// Several texts.
    List,
    /// Text that is never shown.
    Secret,
    /// Headers of HTTP, `Name: value`; the values are never shown.
    Headers,
}

/// What holds if nobody says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// This value, as one would write it.
    Fixed(&'static str),
    /// No value; the words say what that means.
    Told(&'static str),
}

/// What becomes of a setting that was changed when the file is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// It holds from then on.
    Live,
    /// It holds from the next start.
    Restart,
}

/// How a setting is given on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// Its long name, without dashes.
    pub name: &'static str,
    /// What the help calls its value; empty for a switch, which needs none.
    pub unit: &'static str,
}

/// A setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Where it stands.
    pub section: Section,
    /// Its name there.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Its default.
    pub preset: Preset,
    /// What it sets.
    pub meaning: &'static str,
    /// Why the default is what it is, or what to mind; may be empty.
    pub reason: &'static str,
    /// Whether it can change while the server runs.
    pub reload: Reload,
    /// Those of one group say the same in different ways: one of them is given.
    pub group: Option<&'static str>,
    /// Its flag, if it has one.
    pub flag: Option<Flag>,
    /// The sources that have it; empty for a setting of no source, or of all.
    pub sources: &'static [SourceKind],
}

impl Setting {
    pub(crate) const fn new(
        section: Section,
        name: &'static str,
        kind: Kind,
        preset: Preset,
        meaning: &'static str,
    ) -> Self {
        let reload = match section {
            Section::Keyspace | Section::Source | Section::Log => Reload::Live,
            Section::Server
            | Section::Cluster
            | Section::Balancer
            | Section::Engine
            | Section::Limits
            | Section::Otel => Reload::Restart,
        };
        let (reason, group, flag, sources): (_, _, _, &[_]) = ("", None, None, &[]);
        Self { section, name, kind, preset, meaning, reason, reload, group, flag, sources }
    }

    pub(crate) const fn because(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }

    pub(crate) const fn reloads(self, reload: Reload) -> Self {
        Self { reload, ..self }
    }

    pub(crate) const fn group(self, group: &'static str) -> Self {
        Self { group: Some(group), ..self }
    }

    pub(crate) const fn flag(self, name: &'static str, unit: &'static str) -> Self {
        Self { flag: Some(Flag { name, unit }), ..self }
    }

    pub(crate) const fn of(self, sources: &'static [SourceKind]) -> Self {
        Self { sources, ..self }
    }

    /// The environment variable that sets it, for those of no keyspace.
    pub fn variable(&self) -> String {
        let name = self.flag.map_or(self.name, |flag| flag.name);
        let of = if self.section == Section::Otel && self.flag.is_none() { "OTEL_" } else { "" };
        format!("{}{of}{}", crate::env::PREFIX, crate::env::in_capitals(name))
    }

    /// Whether a source of this kind has it.
    pub(crate) fn is_of(&self, kind: SourceKind) -> bool {
        self.sources.is_empty() || self.sources.contains(&kind)
    }
}
