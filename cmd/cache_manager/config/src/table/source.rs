//! The settings of `[keyspaces.NAME.source]`.

use std::time::Duration;

use crate::setting::Kind::{Choice, Count, Headers, Path, Secret, Size, Switch, Text, Time};
use crate::setting::Preset::{Fixed, Told};
use crate::setting::SourceKind::{File, Http, Postgres, Sqlite};
use crate::setting::{Kind, Preset, Section, Setting, SourceKind};
use crate::value::INSTANT;

const fn setting(name: &'static str, kind: Kind, preset: Preset, meaning: &'static str) -> Setting {
    Setting::new(Section::Source, name, kind, preset, meaning)
}

const SQL: &[SourceKind] = &[Sqlite, Postgres];
const REMOTE: &[SourceKind] = &[Postgres, Http];

/// The groups of which a source needs one.
pub(crate) const ROWS: &str = "where the values are";
pub(crate) const URL: &str = "where they come from";
const PASSWORD: &str = "the password";
const TOKEN: &str = "the token";

const TEXT_KEYS: &str = "text";
pub(crate) const INTEGER_KEYS: &str = "integer";
pub(crate) const BLOB_KEYS: &str = "blob";

pub(crate) const CACHE_ONLY: &str = "cache";
pub(crate) const THROUGH: &str = "through";
pub(crate) const BEHIND: &str = "behind";

const NEEDED: Preset = Told("none: it is needed");
const NONE: Preset = Told("none");

pub(super) const SETTINGS: &[Setting] = &[
    setting("kind", Choice(SourceKind::NAMES), NEEDED, "What kind of source it is"),
    setting("file", Path, NEEDED, "The SQLite file").of(&[Sqlite]),
    setting(
        "url",
        Secret,
        Told("none: one of these is needed"),
        "Where PostgreSQL is, `host=... user=... dbname=...` or `postgres://user@host/dbname`; or \
         the URL of a key's value, `https://api.example.com/users/{key}`",
    )
    .because("it is never printed, as it may have a password in it")
    .of(REMOTE)
    .group(URL),
    setting("url_file", Path, NONE, "A file that has the `url`").of(REMOTE).group(URL),
    setting("url_env", Text, NONE, "The environment variable that has the `url`")
        .of(REMOTE)
        .group(URL),
    setting("password_file", Path, Told("that of the `url`"), "A file that has the password")
        .of(&[Postgres])
        .group(PASSWORD),
    setting("password_env", Text, NONE, "The environment variable that has the password")
        .of(&[Postgres])
        .group(PASSWORD),
    setting("password", Secret, NONE, "The password itself")
        .because("a file or a variable is better, and this is warned of")
        .of(&[Postgres])
        .group(PASSWORD),
    setting("token_file", Path, NONE, "A file that has the token of `Authorization: Bearer`")
        .of(&[Http])
        .group(TOKEN),
    setting("token_env", Text, NONE, "The environment variable that has the token")
        .of(&[Http])
        .group(TOKEN),
    setting("token", Secret, NONE, "The token itself")
        .because("a file or a variable is better, and this is warned of")
        .of(&[Http])
        .group(TOKEN),
    setting("headers", Headers, NONE, "Headers that are sent with each request")
        .because("their values are never printed")
        .of(&[Http]),
    setting(
        "tls_roots_file",
        Path,
        Told("clear text to PostgreSQL; Mozilla's list for https"),
        "Certificates in PEM: TLS is spoken then, and only to servers that these vouch for",
    )
    .of(REMOTE),
    setting(
        "table",
        Text,
        Told("none: this or `query` is needed"),
        "The table that the values are in",
    )
    .of(SQL)
    .group(ROWS),
    setting(
        "query",
        Text,
        NONE,
        "A query for one key, `?1` in SQLite and `$1` in PostgreSQL; its first column is the value",
    )
    .of(SQL)
    .group(ROWS),
    setting(
        "schema",
        Text,
        Told("where the database looks by itself"),
        "The schema that the table is in",
    )
    .of(SQL),
    setting("key_column", Text, Fixed("key"), "The table's column of keys").of(SQL),
    setting("value_column", Text, Fixed("value"), "The table's column of values").of(SQL),
    setting("ttl_column", Text, NONE, "The column with the seconds that a value may be cached")
        .of(SQL),
    setting("tags_column", Text, NONE, "The column with the tags of a value").of(SQL),
    setting(
        "query_many",
        Text,
        Told("one key after the other"),
        "A query for many keys at once, that gives key and value: `WHERE id IN rarray(?1)` in \
         SQLite, `WHERE id = ANY ($1)` in PostgreSQL",
    )
    .of(SQL),
    setting(
        "query_store",
        Text,
        NONE,
        "A statement that stores: parameter 1 is the key, 2 the value",
    )
    .of(SQL),
    setting("query_remove", Text, NONE, "A statement that removes: parameter 1 is the key").of(SQL),
    setting(
        "keys",
        Choice(&[TEXT_KEYS, INTEGER_KEYS, BLOB_KEYS]),
        Told("as the table's column is declared; a `query` needs it"),
        "Of which type the keys are",
    )
    .of(&[Sqlite]),
    setting(
        "connections",
        Count(1, 1_000),
        Fixed("4"),
        "Connections at most, and with that loads at once",
    )
    .of(SQL),
    setting(
        "connect_timeout",
        Time(INSTANT),
        Told("5s to PostgreSQL, 3s to an HTTP server"),
        "How long a load waits for a new connection",
    )
    .of(REMOTE),
    setting("timeout", Time(INSTANT), Fixed("10s"), "How long a load may take, redirects included")
        .because("if the keyspace's `load_timeout` is not over before")
        .of(&[Http]),
    setting(
        "lock_timeout",
        Time(Duration::ZERO),
        Fixed("5s"),
        "How long a load waits for a lock that another connection holds",
    )
    .of(&[Sqlite]),
    setting("read_only", Switch, Fixed("false"), "Whether the file is opened for reading only")
        .because("a reader of a file in WAL mode may have to write beside it")
        .of(&[Sqlite]),
    setting(
        "writes",
        Choice(&[CACHE_ONLY, THROUGH, BEHIND]),
        Fixed(CACHE_ONLY),
        "Where a put or delete goes: to the cache only, to the database first (through), or to the \
         database later (behind)",
    )
    .of(SQL),
    setting(
        "behind_waiting_max",
        Count(1, 10_000_000),
        Fixed("10000"),
        "Keys that wait to be written at most",
    )
    .of(SQL),
    setting(
        "behind_waiting_bytes_max",
        Size(1, u64::MAX),
        Fixed("16MiB"),
        "Bytes that wait to be written at most",
    )
    .because("they are not part of the capacity")
    .of(SQL),
    setting(
        "behind_delay",
        Time(Duration::ZERO),
        Fixed("100ms"),
        "How long a write waits for others of its key, and for company",
    )
    .because("what a crash may cost")
    .of(SQL),
    setting("behind_batch_max", Count(1, 10_000), Fixed("100"), "Writes in one transaction")
        .of(SQL),
    setting(
        "behind_tries_max",
        Count(1, 1_000_000),
        Fixed("5"),
        "How often a write is tried before it is given up",
    )
    .of(SQL),
    setting("behind_retry_after", Time(Duration::ZERO), Fixed("1s"), "Time between two tries")
        .of(SQL),
    setting("answer_bytes_max", Size(1, u64::MAX), Fixed("8MiB"), "The largest value that is read")
        .because("it is held whole while it is loaded")
        .of(&[Http]),
    setting("redirects_max", Count(0, 100), Fixed("3"), "Redirects of one load that are followed")
        .because("only within the same scheme, host and port")
        .of(&[Http]),
    setting(
        "idle_connections_max",
        Count(0, 1_024),
        Fixed("16"),
        "Connections that stay open for the next loads",
    )
    .of(&[Http]),
    setting(
        "directory",
        Path,
        NEEDED,
        "The directory that the values are in; a key is a file's path in it",
    )
    .of(&[File]),
    setting(
        "suffix",
        Text,
        Told("nothing"),
        "What a file's name has behind the key, such as `.json`",
    )
    .of(&[File]),
    setting("file_bytes_max", Size(1, u64::MAX), Fixed("64MiB"), "The largest file that is read")
        .of(&[File]),
];
