//! The service: what it keeps in its database, and how it reads and writes that.

use std::time::Duration;

use async_sqlite::rusqlite::OptionalExtension;
use async_sqlite::{Pool, PoolBuilder};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use distcache::{
    Answer, AsyncDataSource, Code, Context, Engine, Found, How, Keyspace, KeyspaceConfig,
    SourceError,
};
use serde::Serialize;
use tokio::runtime::Handle;

use crate::Result;

const CONNECTIONS: usize = 2;

/// How long a request may wait for a database that is locked: longer than the
/// default of 5 s, because this one is locked on purpose.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The database, with its table.
pub(crate) async fn open(file: &std::path::Path) -> Result<Pool> {
    let database =
        PoolBuilder::new().path(file).num_conns(CONNECTIONS).queue_capacity(1024).open().await?;
    let create = "CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)";
    database.conn(|database| database.execute_batch(create)).await?;
    for result in database.conn_for_each(|database| database.busy_timeout(PATIENCE)).await {
        result?;
    }
    Ok(database)
}

#[derive(Serialize)]
struct User {
    id: i64,
    name: String,
}

/// The table of users, as the cache reads it.
struct Users {
    database: Pool,
}

impl AsyncDataSource for Users {
    async fn fetch(&self, key: &[u8], _context: &Context) -> Result<Answer, SourceError> {
        let id: i64 = std::str::from_utf8(key)?.parse()?;
        let name = self.database.conn(move |database| {
            let select = "SELECT name FROM users WHERE id = ?";
            database.query_row(select, [id], |row| row.get(0)).optional()
        });
        let user = name.await?.map(|name| serde_json::to_vec(&User { id, name }));
        Ok(user.transpose()?.into())
    }
}

/// What every request shares.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) database: Pool,
    pub(crate) users: Keyspace,
}

impl Service {
    pub(crate) fn new(engine: &Engine, database: Pool) -> Result<Self> {
        // Loads run on this runtime, and not on the task of whoever asks: a client
        // that hangs up cancels nobody's load.
        let runtime = Handle::current();
        let spawn = move |load| drop(runtime.spawn(load));
        let users = engine.add_keyspace(
            KeyspaceConfig::new("users")
                .ttl(Duration::from_mins(5))
                .negative_ttl(Duration::from_secs(10))
                .read_timeout(PATIENCE)
                .load_timeout(PATIENCE)
                .loads_max(CONNECTIONS)
                .async_source(Users { database: database.clone() }, spawn),
        )?;
        Ok(Self { database, users })
    }

    pub(crate) fn router(self) -> Router {
        Router::new().route("/users/{id}", get(show).put(store)).with_state(self)
    }

    /// Changes the database, and then lets the cache forget: in that order, and a
    /// load that has read the old row by then is not kept. Also after an error:
    /// it does not say that nothing was changed.
    async fn change(self, id: i64, name: String) -> Result<(), Problem> {
        let change = self.database.conn(move |database| {
            let upsert = "INSERT INTO users (id, name) VALUES (?, ?)
                          ON CONFLICT (id) DO UPDATE SET name = excluded.name";
            database.execute(upsert, (id, name))
        });
        let changed = change.await;
        self.users.invalidate_async(id.to_string().as_bytes()).await?;
        changed?;
        Ok(())
    }
}

/// `GET /users/{id}`
async fn show(State(service): State<Service>, Path(id): Path<i64>) -> Result<Response, Problem> {
    match service.users.get_async(id.to_string().as_bytes()).await? {
        Some(user) => Ok(json(user)),
        None => Ok(StatusCode::NOT_FOUND.into_response()),
    }
}

/// The bytes of a value as they lie in the cache: they are not copied.
fn json(user: Found) -> Response {
    // RFC 9211 tells clients how a cache has handled their request.
    let cache_status = match user.how() {
        How::Hit => "users; hit",
        How::Stale { .. } => "users; hit; detail=stale",
        How::Loaded => "users; fwd=miss",
        How::Collapsed => "users; fwd=miss; collapsed",
    };
    let headers = [(CONTENT_TYPE.as_str(), "application/json"), ("cache-status", cache_status)];
    (headers, Bytes::from_owner(user)).into_response()
}

/// `PUT /users/{id}`
async fn store(
    State(service): State<Service>,
    Path(id): Path<i64>,
    Json(name): Json<String>,
) -> Result<StatusCode, Problem> {
    // A task of its own: a client that hangs up between the two steps ends this
    // function, and would leave the old user in the cache.
    tokio::spawn(service.change(id, name)).await.expect("it does not panic")?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why a request has no answer now. It tells the code and its meaning, and not
/// the error itself: that may name what is none of a client's business.
pub(crate) struct Problem {
    code: Option<Code>,
    title: &'static str,
}

impl From<distcache::Error> for Problem {
    fn from(error: distcache::Error) -> Self {
        Self { code: Some(error.code()), title: error.code().meaning() }
    }
}

impl From<async_sqlite::Error> for Problem {
    fn from(_: async_sqlite::Error) -> Self {
        Self { code: None, title: "The database did not take the change." }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = self.code.map(|code| code.to_string());
        let body = serde_json::json!({ "title": self.title, "code": code });
        let headers = [(CONTENT_TYPE, "application/problem+json")];
        (StatusCode::SERVICE_UNAVAILABLE, headers, body.to_string()).into_response()
    }
}
