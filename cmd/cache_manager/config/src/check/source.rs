//! Whether the settings of a source go together.

use distcache::codes;

use crate::config::conflict;
use crate::fault::{Fault, Faults};
use crate::setting::{Section, Setting, SourceKind};
use crate::table::{self, CACHE_ONLY, ROWS, URL};
use crate::tables::View;

/// What only a table has, and what only queries have.
const OF_A_TABLE: [&str; 3] = ["schema", "key_column", "value_column"];
const OF_A_QUERY: [&str; 3] = ["query_many", "query_store", "query_remove"];

pub(super) fn combinations(source: View<'_>, faults: &mut Faults) {
    let Some(kind) = source.source_kind() else {
        faults.add(|| {
            let right = format!("give kind, one of {}", SourceKind::NAMES.join(", "));
            conflict(&source.heading(), "the source has no kind".to_owned(), &right)
        });
        return;
    };
    foreign(source, kind, faults);
    match kind {
        SourceKind::Sqlite => {
            need(source, &["file"], "file", faults);
            rows(source, "?", "?1", faults);
            if source.is_given("query") && !source.is_given("keys") {
                faults.add(|| {
                    let what = "a query does not tell of which type its keys are".to_owned();
                    let right = "give keys = \"text\", \"integer\" or \"blob\"";
                    conflict(&source.origin("query"), what, right)
                });
            }
        }
        SourceKind::Postgres => {
            need(source, &group(URL), "url_file, url_env or url", faults);
            rows(source, "$1", "$1", faults);
        }
        SourceKind::Http => need(source, &group(URL), "url_file, url_env or url", faults),
        SourceKind::File => need(source, &["directory"], "directory", faults),
    }
}

fn group(name: &str) -> Vec<&'static str> {
    let settings = table::settings(Section::Source).iter();
    settings.filter(|one| one.group == Some(name)).map(|one| one.name).collect()
}

/// Finds settings that a source of this kind does not have.
fn foreign(source: View<'_>, kind: SourceKind, faults: &mut Faults) {
    let given = table::settings(Section::Source).iter().filter(|one| source.is_given(one.name));
    for setting in given.filter(|setting| !setting.is_of(kind)) {
        faults.add(|| {
            let what = format!("a source of kind {:?} has no {:?}", kind.name(), setting.name);
            let theirs = table::settings(Section::Source).iter().filter(|one| one.is_of(kind));
            let names: Vec<_> = theirs.map(|one: &Setting| one.name).collect();
            let right = format!("it has {}", names.join(", "));
            Fault::new(&source.origin(setting.name), codes::SETTING_UNKNOWN, what, right)
        });
    }
}

/// One of these settings has to be given.
fn need(source: View<'_>, names: &[&str], right: &str, faults: &mut Faults) {
    if !names.iter().any(|name| source.is_given(name)) {
        faults.add(|| {
            let kind = source.text("kind").unwrap_or_default();
            let what = format!("a source of kind {kind:?} needs {right}");
            conflict(&source.heading(), what, "give it")
        });
    }
}

/// Where the values are: in a table, or in what queries give.
fn rows(source: View<'_>, parameter: &str, shown: &str, faults: &mut Faults) {
    need(source, &group(ROWS), "table or query", faults);
    let is_query = source.is_given("query");
    let others = if is_query { OF_A_TABLE } else { OF_A_QUERY };
    for name in others.into_iter().filter(|name| source.is_given(name)) {
        faults.add(|| {
            let (one, other) = if is_query { ("query", "table") } else { ("table", "query") };
            let what = format!("{name} says nothing of a {one}");
            conflict(&source.origin(name), what, &format!("leave it out, or give a {other}"))
        });
    }
    for name in std::iter::once("query").chain(OF_A_QUERY) {
        if source.text(name).is_some_and(|sql| !sql.contains(parameter)) {
            faults.add(|| {
                let what = format!("{name} has no {shown}, which stands for the key");
                let right = format!("write WHERE ... = {shown}");
                Fault::new(&source.origin(name), codes::SETTING_INVALID, what, right)
            });
        }
    }
    let writes = source.text("writes").is_some_and(|writes| writes != CACHE_ONLY);
    let can_write = source.is_given("query_store") && source.is_given("query_remove");
    if writes && is_query && !can_write {
        faults.add(|| {
            let what = "a query is to be written to, and there is no statement for it".to_owned();
            conflict(&source.origin("writes"), what, "give query_store and query_remove")
        });
    }
}
