//! The sources themselves, one function for each kind. One that is not built in
//! says so.

use super::{Check, Data, SourceRecipe};
use crate::tables::View;

type Made = Result<(Data, Check), String>;

#[cfg(not(all(feature = "file", feature = "http", feature = "postgres", feature = "sqlite")))]
fn not_built(feature: &str) -> Made {
    Err(format!("this program was built without such sources (`--features {feature}`)"))
}

#[cfg(not(feature = "sqlite"))]
pub(super) fn sqlite(_: View<'_>) -> Made {
    not_built("sqlite")
}

#[cfg(not(feature = "postgres"))]
pub(super) fn postgres(_: &SourceRecipe) -> Made {
    not_built("postgres")
}

#[cfg(not(feature = "http"))]
pub(super) fn http(_: &SourceRecipe) -> Made {
    not_built("http")
}

#[cfg(not(feature = "file"))]
pub(super) fn files(_: View<'_>) -> Made {
    not_built("file")
}

#[cfg(feature = "sqlite")]
pub(super) use self::of_sqlite::sqlite;

#[cfg(feature = "sqlite")]
mod of_sqlite {
    use std::sync::Arc;

    use distcache::Context;
    use distcache_sources::{Keys, Sqlite};

    use super::{Data, Made, View, rows};
    use crate::config::saturating;
    use crate::table::{BLOB_KEYS, INTEGER_KEYS};

    pub(in crate::source) fn sqlite(view: View<'_>) -> Made {
        let file = view.path("file").ok_or("a file is needed")?;
        let mut builder = Sqlite::builder(file, rows(view)?)
            .connections(saturating(view.fixed_count("connections")))
            .lock_timeout(view.fixed_time("lock_timeout"));
        if view.switch("read_only") == Some(true) {
            builder = builder.read_only();
        }
        if let Some(keys) = view.text("keys") {
            builder = builder.keys(match keys.as_str() {
                INTEGER_KEYS => Keys::Integer,
                BLOB_KEYS => Keys::Blob,
                _ => Keys::Text,
            });
        }
        let source = Arc::new(builder.build().map_err(|error| error.to_string())?);
        let asked = source.clone();
        let check = Arc::new(move |context: &Context| asked.check(context));
        Ok((Data::Written(source.clone(), source), check))
    }
}

#[cfg(feature = "postgres")]
pub(super) use self::of_postgres::postgres;

#[cfg(feature = "postgres")]
mod of_postgres {
    use std::sync::Arc;

    use distcache::Context;
    use distcache_sources::Postgres;

    use super::{Data, Made, SourceRecipe, rows};
    use crate::config::saturating;

    pub(in crate::source) fn postgres(recipe: &SourceRecipe) -> Made {
        let view = recipe.view();
        let url = recipe.url.as_ref().ok_or("a url is needed")?;
        let mut builder = Postgres::builder(url.reveal(), rows(view)?)
            .connections(saturating(view.fixed_count("connections")));
        if let Some(timeout) = view.time("connect_timeout") {
            builder = builder.connect_timeout(timeout);
        }
        if let Some(password) = &recipe.password {
            builder = builder.password(password.reveal());
        }
        if let Some(roots) = &recipe.tls_roots {
            builder = builder.tls_roots(roots.clone());
        }
        let source = Arc::new(builder.build().map_err(|error| error.to_string())?);
        let asked = source.clone();
        let check = Arc::new(move |context: &Context| asked.check(context));
        Ok((Data::Written(source.clone(), source), check))
    }
}

#[cfg(feature = "http")]
pub(super) use self::of_http::http;

#[cfg(feature = "http")]
mod of_http {
    use std::sync::Arc;

    use distcache::{Context, DataSource};
    use distcache_sources::Http;

    use super::{Data, Made, SourceRecipe};
    use crate::config::saturating;
    use crate::recipe::saturated;

    /// The key that a check asks for. Whether the server has it does not matter.
    const CHECK_KEY: &[u8] = b"distcache-check";

    pub(in crate::source) fn http(recipe: &SourceRecipe) -> Made {
        let view = recipe.view();
        let url = recipe.url.as_ref().ok_or("a url is needed")?;
        let mut builder = Http::builder(url.reveal())
            .timeout(view.fixed_time("timeout"))
            .bytes_max(view.fixed_size("answer_bytes_max"))
            .redirects_max(saturated(view.fixed_count("redirects_max")))
            .idle_connections_max(saturating(view.fixed_count("idle_connections_max")));
        if let Some(timeout) = view.time("connect_timeout") {
            builder = builder.connect_timeout(timeout);
        }
        for (name, value) in view.headers("headers").unwrap_or_default() {
            builder = builder.header(name, value.reveal());
        }
        if let Some(token) = &recipe.token {
            builder = builder.bearer(token.reveal());
        }
        if let Some(roots) = &recipe.tls_roots {
            builder = builder.tls_roots(roots.clone());
        }
        let source = Arc::new(builder.build().map_err(|error| error.to_string())?);
        let asked = source.clone();
        let check = move |context: &Context| asked.fetch(CHECK_KEY, context).map(drop);
        Ok((Data::Read(source), Arc::new(check)))
    }
}

#[cfg(feature = "file")]
pub(super) use self::of_files::files;

#[cfg(feature = "file")]
mod of_files {
    use std::sync::Arc;

    use distcache::{Context, SourceError};
    use distcache_sources::Files;

    use super::{Data, Made, View};

    pub(in crate::source) fn files(view: View<'_>) -> Made {
        let directory = view.path("directory").ok_or("a directory is needed")?;
        let mut source = Files::new(&directory).bytes_max(view.fixed_size("file_bytes_max"));
        if let Some(suffix) = view.text("suffix") {
            source = source.suffix(suffix);
        }
        let check = move |_: &Context| -> Result<(), SourceError> {
            Ok(std::fs::read_dir(&directory).map(drop)?)
        };
        Ok((Data::Read(Arc::new(source)), Arc::new(check)))
    }
}

/// A setting, and what takes it.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
type Way<T> = (&'static str, fn(T, String) -> T);

/// Where in a database the values are.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
fn rows(view: View<'_>) -> Result<distcache_sources::Rows, String> {
    use distcache_sources::{Query, Table};

    let text = |name| view.text(name);
    if let Some(sql) = text("query") {
        let mut query = Query::new(sql);
        let ways: [Way<Query>; 5] = [
            ("query_many", Query::many),
            ("query_store", Query::store),
            ("query_remove", Query::remove),
            ("ttl_column", Query::ttl_column),
            ("tags_column", Query::tags_column),
        ];
        for (name, with) in ways {
            query = text(name).into_iter().fold(query, with);
        }
        return Ok(query.into());
    }
    let column = |name| text(name).expect("it has a default");
    let name = text("table").ok_or("a table or a query is needed")?;
    let mut table = Table::new(name, column("key_column"), column("value_column"));
    let ways: [Way<Table>; 3] = [
        ("schema", Table::schema),
        ("ttl_column", Table::ttl_column),
        ("tags_column", Table::tags_column),
    ];
    for (name, with) in ways {
        table = text(name).into_iter().fold(table, with);
    }
    Ok(table.into())
}
