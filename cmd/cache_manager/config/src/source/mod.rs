//! Sources by configuration: their settings with their secrets, and what is made
//! of them.

mod kinds;
mod secrets;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use distcache::{Context, DataSource, DataStore, KeyspaceConfig, SourceError, WriteBehind, codes};

use crate::config::saturating;
use crate::fault::Fault;
use crate::origin::Origin;
use crate::recipe::saturated;
use crate::secret::Secret;
use crate::setting::{Section, SourceKind};
use crate::table::{self, BEHIND, THROUGH};
use crate::tables::{Table, View};

pub(crate) use secrets::secret;

/// A source to be made: its settings, and what was read because of them.
#[derive(Debug, Clone)]
pub(crate) struct SourceRecipe {
    table: Table,
    kind: SourceKind,
    url: Option<Secret>,
    password: Option<Secret>,
    token: Option<Secret>,
    tls_roots: Option<Vec<u8>>,
}

/// Two make the same source if all values are the same, wherever they were given.
impl PartialEq for SourceRecipe {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.view(), other.view());
        let same = |name| ours.value(name) == theirs.value(name);
        table::settings(Section::Source).iter().all(|setting| same(setting.name))
            && self.url == other.url
            && self.password == other.password
            && self.token == other.token
            && self.tls_roots == other.tls_roots
    }
}

impl SourceRecipe {
    /// Reads its secrets and certificates, and sees whether its files are there.
    pub(crate) fn of(table: &Table) -> Result<Self, Fault> {
        let view = View::new(Section::Source, table);
        // What has no kind was refused before.
        let kind = view
            .source_kind()
            .ok_or_else(|| refused(&table.origin, "the source has no kind", "give it one"))?;
        secrets::look_for_files(view, kind)?;
        Ok(Self {
            table: table.clone(),
            kind,
            url: secret(view, "url")?,
            password: secret(view, "password")?,
            token: secret(view, "token")?,
            tls_roots: secrets::tls_roots(view)?,
        })
    }

    fn view(&self) -> View<'_> {
        View::new(Section::Source, &self.table)
    }

    /// Makes the source. Connects to nothing yet.
    pub(crate) fn make(&self) -> Result<Source, Fault> {
        let origin = &self.table.origin;
        let made = match self.kind {
            SourceKind::Sqlite => kinds::sqlite(self.view()),
            SourceKind::Postgres => kinds::postgres(self),
            SourceKind::Http => kinds::http(self),
            SourceKind::File => kinds::files(self.view()),
        };
        let (data, check) = made.map_err(|what| refused(origin, &what, "change it"))?;
        let writes = self.view().text("writes");
        Ok(Source { data, check, writes: writes.map(|writes| (writes, self.write_behind())) })
    }

    fn write_behind(&self) -> WriteBehind {
        let view = self.view();
        let time = |name| view.fixed_time(name);
        let count = |name| view.fixed_count(name);
        WriteBehind::new()
            .waiting_max(saturating(count("behind_waiting_max")))
            .waiting_bytes_max(view.fixed_size("behind_waiting_bytes_max"))
            .delay(time("behind_delay"))
            .batch_max(saturating(count("behind_batch_max")))
            .tries_max(saturated(count("behind_tries_max")))
            .retry_after(time("behind_retry_after"))
    }

    /// Asks the source once, whether it is there and its statements are understood.
    pub(crate) fn ask(&self, source: &Source, timeout: Duration) -> Result<(), Fault> {
        (source.check)(&Context::within(timeout)).map_err(|error| {
            let what = format!("the source does not answer: {error}");
            let code = codes::SOURCE_UNREACHABLE;
            Fault::new(&self.table.origin, code, what, code.remedy())
        })
    }
}

fn refused(origin: &Origin, what: &str, right: &str) -> Fault {
    Fault::new(origin, codes::SETTINGS_CONFLICT, what, right)
}

/// A source that was made. Cloning it gives another handle to the same one.
#[derive(Clone)]
pub(crate) struct Source {
    data: Data,
    check: Check,
    writes: Option<(String, WriteBehind)>,
}

/// What can be read, and what can be written too.
#[derive(Clone)]
pub(crate) enum Data {
    #[cfg_attr(
        not(any(feature = "file", feature = "http")),
        expect(dead_code, reason = "no source only reads then")
    )]
    Read(Arc<dyn DataSource>),
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres")),
        expect(dead_code, reason = "no source can be written to then")
    )]
    Written(Arc<dyn DataSource>, Arc<dyn DataStore>),
}

pub(crate) type Check = Arc<dyn Fn(&Context) -> Result<(), SourceError> + Send + Sync>;

impl Source {
    /// Puts a keyspace in front of it.
    pub(crate) fn behind(&self, config: KeyspaceConfig) -> KeyspaceConfig {
        let (source, store) = match &self.data {
            Data::Read(source) => (source, None),
            Data::Written(source, store) => (source, Some(store.clone())),
        };
        let config = config.source(source.clone());
        match (store, &self.writes) {
            (Some(store), Some((way, _))) if way == THROUGH => config.write_through(store),
            (Some(store), Some((way, how))) if way == BEHIND => config.write_behind(store, *how),
            _ => config,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("writes", &self.writes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setting::Section;
    use crate::tables::default_of;

    /// The reference tells these defaults, and the library has its own.
    #[test]
    fn write_behind_by_default_is_that_of_the_library() {
        let table = Table { origin: Origin::Default, held: std::collections::BTreeMap::new() };
        let recipe = SourceRecipe {
            table,
            kind: SourceKind::Sqlite,
            url: None,
            password: None,
            token: None,
            tls_roots: None,
        };
        assert_eq!(recipe.write_behind(), WriteBehind::new());
        assert!(default_of(table::find(Section::Source, "behind_delay").unwrap()).is_some());
    }
}
