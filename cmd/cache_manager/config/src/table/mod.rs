//! Every setting there is. What is not in these lists cannot be set; what is
//! stands in the reference, in the help and in what is printed.

mod balancer;
mod cluster;
mod engine;
mod keyspace;
mod limits;
mod otel;
mod server;
mod source;

#[cfg(feature = "cluster")]
pub(crate) use balancer::RING;
#[cfg(feature = "cluster")]
pub(crate) use cluster::SERVE;
pub(crate) use cluster::{BALANCER, NODE, NODES, TCP};
pub(crate) use engine::WORKER;
pub(crate) use server::TINY_HTTP;
pub(crate) use source::{BEHIND, CACHE_ONLY, ROWS, THROUGH, URL};
#[cfg(feature = "sqlite")]
pub(crate) use source::{BLOB_KEYS, INTEGER_KEYS};

use crate::setting::{Section, Setting};

/// The sections that are there once, in the order in which they are told.
pub const COMMON: [Section; 7] = [
    Section::Server,
    Section::Cluster,
    Section::Balancer,
    Section::Engine,
    Section::Limits,
    Section::Log,
    Section::Otel,
];

/// The settings of a section, in the order in which they are told.
pub fn settings(section: Section) -> &'static [Setting] {
    match section {
        Section::Server => server::SETTINGS,
        Section::Cluster => cluster::SETTINGS,
        Section::Balancer => balancer::SETTINGS,
        Section::Engine => engine::SETTINGS,
        Section::Limits => limits::SETTINGS,
        Section::Log => server::LOG,
        Section::Otel => otel::SETTINGS,
        Section::Keyspace => keyspace::SETTINGS,
        Section::Source => source::SETTINGS,
    }
}

/// A setting by its name.
pub fn find(section: Section, name: &str) -> Option<&'static Setting> {
    settings(section).iter().find(|setting| setting.name == name)
}

/// The settings that are there once.
pub fn common() -> impl Iterator<Item = &'static Setting> {
    COMMON.iter().flat_map(|section| settings(*section))
}

/// The settings that have flags, in the order of the help.
pub fn flags() -> impl Iterator<Item = &'static Setting> {
    common().filter(|setting| setting.flag.is_some())
}

impl Section {
    /// Its name in the file, for those that are there once.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Cluster => "cluster",
            Self::Balancer => "balancer",
            Self::Engine => "engine",
            Self::Limits => "limits",
            Self::Log => "log",
            Self::Otel => "otel",
            Self::Keyspace => "keyspaces",
            Self::Source => "source",
        }
    }

    /// Its heading, with NAME for the name of a keyspace.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Server => "[server]",
            Self::Cluster => "[cluster]",
            Self::Balancer => "[balancer]",
            Self::Engine => "[engine]",
            Self::Limits => "[limits]",
            Self::Log => "[log]",
            Self::Otel => "[otel]",
            Self::Keyspace => "[keyspaces.NAME]",
            Self::Source => "[keyspaces.NAME.source]",
        }
    }

    pub(crate) const ALL: [Self; 9] = [
        Self::Server,
        Self::Cluster,
        Self::Balancer,
        Self::Engine,
        Self::Limits,
        Self::Log,
        Self::Otel,
        Self::Keyspace,
        Self::Source,
    ];
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::setting::Preset;
    use crate::value::Raw;

    fn all() -> impl Iterator<Item = &'static Setting> {
        Section::ALL.into_iter().flat_map(settings)
    }

    #[test]
    fn every_setting_stands_where_it_says_and_once() {
        let mut seen = BTreeSet::new();
        for section in Section::ALL {
            for setting in settings(section) {
                assert_eq!(setting.section, section, "{}", setting.name);
                assert!(seen.insert((section, setting.name)), "{} twice", setting.name);
            }
        }
    }

    #[test]
    fn no_two_settings_have_one_variable() {
        let variables: Vec<_> = common().map(Setting::variable).collect();
        let different: BTreeSet<_> = variables.iter().collect();
        assert_eq!(different.len(), variables.len(), "{variables:?}");
    }

    #[test]
    fn every_default_is_a_value_that_is_allowed() {
        for setting in all() {
            if let Preset::Fixed(text) = setting.preset {
                let read = setting.kind.read(&Raw::Word(text.into()), Path::new(""));
                assert!(read.is_ok(), "{}: {read:?}", setting.name);
            }
        }
    }

    #[test]
    fn every_setting_is_explained_in_one_sentence() {
        for setting in all() {
            let name = setting.name;
            assert!(setting.meaning.starts_with(char::is_uppercase), "{name}");
            let ends = setting.meaning.ends_with('.') && !setting.meaning.ends_with("...");
            assert!(!ends && !setting.meaning.contains('\n'), "{name}");
            assert!(!setting.meaning.contains('|') && !setting.reason.contains('|'), "{name}");
        }
    }
}
