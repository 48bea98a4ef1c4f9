//! The settings of `[keyspaces.NAME.source]`.

use std::time::Duration;

use crate::setting::Kind::{Choice, Count, Path, Secret, Size, Switch, Text, Time};
use crate::setting::Preset::{Fixed, Told};
use crate::setting::SourceKind::{File, Postgres, Sqlite};
use crate::setting::{Kind, Preset, Section, Setting, SourceKind};
use crate::value::INSTANT;

const fn setting(name: &'static str, kind: Kind, preset: Preset, meaning: &'static str) -> Setting {
    Setting::new(Section::Source, name, kind, preset, meaning)
}

const SQL: &[SourceKind] = &[Sqlite, Postgres];

/// The groups of which a source needs one.
pub(crate) const ROWS: &str = "where the values are";
pub(crate) const URL: &str = "where the database is";
const PASSWORD: &str = "the password";

const TEXT_KEYS: &str = "text";
pub(crate) const INTEGER_KEYS: &str = "integer";
pub(crate) const BLOB_KEYS: &str = "blob";

pub(crate) const CACHE_ONLY: &str = "cache";
pub(crate) const THROUGH: &str = "through";
pub(crate) const BEHIND: &str = "behind";

pub(super) const SETTINGS: &[Setting] = &[
    setting("kind", Choice(SourceKind::NAMES), Told("none: it is needed"), "What kind of source it is"),
    setting("file", Path, Told("none: it is needed"), "The SQLite file").of(&[Sqlite]),
    setting("url", Secret, Told("none: one of these is needed"), "Where PostgreSQL is: `host=... user=... dbname=...`, or `postgres://user@host/dbname`")
        .because("it is never printed, as it may have a password in it")
        .of(&[Postgres])
        .group(URL),
    setting("url_file", Path, Told("none"), "A file that has the `url`").of(&[Postgres]).group(URL),
    setting("url_env", Text, Told("none"), "The environment variable that has the `url`")
        .of(&[Postgres])
        .group(URL),
    setting("password_file", Path, Told("the one of the `url`, or none"), "A file that has the password")
        .of(&[Postgres])
        .group(PASSWORD),
    setting("password_env", Text, Told("none"), "The environment variable that has the password")
        .of(&[Postgres])
        .group(PASSWORD),
    setting("password", Secret, Told("none"), "The password itself; a file or a variable is better, and this is warned of")
        .of(&[Postgres])
        .group(PASSWORD),
    setting("tls_roots_file", Path, Told("no TLS"), "Certificates in PEM; with them only TLS is spoken, to servers that they vouch for")
        .of(&[Postgres]),
    setting("table", Text, Told("none: this or `query` is needed"), "The table that the values are in")
        .of(SQL)
        .group(ROWS),
    setting("query", Text, Told("none"), "A query for one key, `?1` in SQLite and `$1` in PostgreSQL; its first column is the value")
        .of(SQL)
        .group(ROWS),
    setting("schema", Text, Told("where the database looks by itself"), "The schema that the table is in").of(SQL),
    setting("key_column", Text, Fixed("key"), "The table's column of keys").of(SQL),
    setting("value_column", Text, Fixed("value"), "The table's column of values").of(SQL),
    setting("ttl_column", Text, Told("none"), "The column with the seconds that a value may be cached").of(SQL),
    setting("tags_column", Text, Told("none"), "The column with the tags of a value").of(SQL),
    setting("query_many", Text, Told("one key after the other"), "A query for many keys at once: key and value; `WHERE id IN rarray(?1)` in SQLite, `WHERE id = ANY ($1)` in PostgreSQL")
        .of(SQL),
    setting("query_store", Text, Told("none"), "A statement that stores: parameter 1 is the key, 2 the value").of(SQL),
    setting("query_remove", Text, Told("none"), "A statement that removes: parameter 1 is the key").of(SQL),
    setting("keys", Choice(&[TEXT_KEYS, INTEGER_KEYS, BLOB_KEYS]), Told("as the table's column is declared; a `query` needs it"), "Of which type the keys are")
        .of(&[Sqlite]),
    setting("connections", Count(1, 1_000), Fixed("4"), "Connections at most, and with that loads at once").of(SQL),
    setting("connect_timeout", Time(INSTANT), Fixed("5s"), "How long a load waits for a new connection").of(&[Postgres]),
    setting("lock_timeout", Time(Duration::ZERO), Fixed("5s"), "How long a load waits for a lock that another connection holds").of(&[Sqlite]),
    setting("read_only", Switch, Fixed("false"), "Whether the file is opened for reading only").of(&[Sqlite])
        .because("a reader of a file in WAL mode may have to write beside it"),
    setting("writes", Choice(&[CACHE_ONLY, THROUGH, BEHIND]), Fixed(CACHE_ONLY), "Where a put or delete goes: to the cache only, to the database first (through), or to the database later (behind)")
        .of(SQL),
    setting("behind_waiting_max", Count(1, 10_000_000), Fixed("10000"), "Keys that wait to be written at most").of(SQL),
    setting("behind_waiting_bytes_max", Size(1, u64::MAX), Fixed("16MiB"), "Bytes that wait to be written at most").of(SQL)
        .because("they are not part of the capacity"),
    setting("behind_delay", Time(Duration::ZERO), Fixed("100ms"), "How long a write waits for others of its key, and for company").of(SQL)
        .because("what a crash may cost"),
    setting("behind_batch_max", Count(1, 10_000), Fixed("100"), "Writes in one transaction").of(SQL),
    setting("behind_tries_max", Count(1, 1_000_000), Fixed("5"), "How often a write is tried before it is given up").of(SQL),
    setting("behind_retry_after", Time(Duration::ZERO), Fixed("1s"), "Time between two tries").of(SQL),
    setting("directory", Path, Told("none: it is needed"), "The directory that the values are in; a key is a file's path in it").of(&[File]),
    setting("suffix", Text, Told("nothing"), "What a file's name has behind the key, such as `.json`").of(&[File]),
    setting("file_bytes_max", Size(1, u64::MAX), Fixed("64MiB"), "The largest file that is read").of(&[File]),
];
