//! One open SQLite file.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use distcache::Answer;
use rusqlite::types::ToSql;
use rusqlite::{CachedStatement, Connection, OpenFlags, TransactionBehavior, params};

use super::builder::Settings;
use super::contention::patiently;
use super::fault::Fault;
use super::keys::Keys;
use super::{affinity, bind, column};
use crate::database::{Answers, Failure, Link, Load, Select, Sheet, Write};
use crate::{Error, Table};

/// How many steps of SQLite's machine a statement takes until it is asked again
/// whether its load has ended: some 20 µs.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// A connection, and what was learnt when it was opened.
pub(crate) struct SqliteLink {
    connection: Connection,
    settings: Arc<Settings>,
    keys: Keys,
    /// Whether the column of values is declared as `BLOB`.
    values_are_blobs: bool,
}

impl Link for SqliteLink {
    type Settings = Settings;

    fn open(settings: &Arc<Settings>, load: &Load<'_>) -> Result<Self, Failure> {
        let (connection, declared) = patiently(settings, load, || {
            let connection = connect(settings)?;
            let declared = match &settings.table {
                Some(table) => declared(&connection, table)?,
                None => Declared::default(),
            };
            Ok((connection, declared))
        })?;
        Ok(Self {
            connection,
            settings: Arc::clone(settings),
            keys: settings.keys.unwrap_or_else(|| affinity::keys(&declared.key)),
            values_are_blobs: affinity::is_blob(&declared.value),
        })
    }

    fn fetch(&mut self, keys: &[&[u8]], load: &Load<'_>) -> Result<Answers, Failure> {
        let (settings, of) = (Arc::clone(&self.settings), self.keys);
        let sql = &settings.sql;
        match &sql.many {
            Some(many) if 1 < keys.len() => self.during(load, |connection| {
                // Keys that cannot be there are not asked for.
                let bound = keys.iter().filter_map(|key| of.bind(key)).collect();
                select(connection, many, keys, &Rc::<Vec<_>>::new(bound))
            }),
            _ => self.during(load, |connection| {
                let each = keys.iter().map(|key| match of.bind(key) {
                    Some(bound) => select(connection, &sql.one, &[key], &bound),
                    None => Ok(vec![Ok(Answer::NotFound)]),
                });
                Ok(each.collect::<Result<Vec<_>, _>>()?.concat())
            }),
        }
    }

    fn write(&mut self, writes: &[Write<'_>], load: &Load<'_>) -> Result<(), Failure> {
        let settings = Arc::clone(&self.settings);
        let (keys, as_blobs) = (self.keys, self.values_are_blobs);
        self.during(load, |connection| {
            // Asks for the lock at once: a transaction that begins by reading
            // may find that it cannot go on to write.
            let behavior = TransactionBehavior::Immediate;
            let transaction = connection.transaction_with_behavior(behavior)?;
            for (key, value) in writes {
                let sql = settings.sql.write(value.is_none())?;
                let mut statement = prepared(&transaction, sql)?;
                match (keys.bind(key), value) {
                    (Some(key), Some(value)) => {
                        statement.execute(params![key, bind::value(value, as_blobs)])?;
                    }
                    (Some(key), None) => {
                        statement.execute(params![key])?;
                    }
                    (None, Some(_)) => Err(Error::Key { of: keys.name().to_owned() })?,
                    // What cannot be there need not be removed.
                    (None, None) => {}
                }
            }
            Ok(transaction.commit()?)
        })
    }

    fn check(&mut self, load: &Load<'_>) -> Result<(), Failure> {
        let settings = Arc::clone(&self.settings);
        let sql = &settings.sql;
        self.during(load, |connection| {
            for select in [Some(&sql.one), sql.many.as_ref()].into_iter().flatten() {
                let statement = prepared(connection, &select.text)?;
                select.layout(statement.column_names())?;
                match statement.parameter_count() {
                    1 => {}
                    count => Err(rusqlite::Error::InvalidParameterCount(1, count))?,
                }
            }
            Ok(())
        })
    }
}

impl SqliteLink {
    /// Makes an attempt, again if others hold a lock, and stops it when the
    /// load ends.
    fn during<T>(
        &mut self,
        load: &Load<'_>,
        attempt: impl Fn(&mut Connection) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        let Self { connection, settings, .. } = self;
        patiently(settings, load, || {
            let context = load.context().clone();
            let has_ended = move || context.is_cancelled() || context.is_over();
            connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(has_ended))?;
            let result = attempt(connection);
            connection.progress_handler(0, None::<fn() -> bool>)?;
            result
        })
    }
}

fn connect(settings: &Settings) -> Result<Connection, Fault> {
    let access = if settings.read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE
    };
    // Without SQLite's own lock: a connection is used by one thread at a time.
    let flags = access | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&settings.file, flags)?;
    rusqlite::vtab::array::load_module(&connection)?;
    if let Some(ready) = &settings.on_open {
        // No key or value is known yet: what SQLite says shows none.
        ready(&mut connection).map_err(Fault::Prepare)?;
    }
    // `patiently` waits instead.
    connection.busy_timeout(Duration::ZERO)?;
    Ok(connection)
}

/// The declared types of a table's columns.
#[derive(Default)]
struct Declared {
    key: String,
    value: String,
}

fn declared(connection: &Connection, table: &Table) -> Result<Declared, Fault> {
    let mut statement = connection.prepare("SELECT name, type FROM pragma_table_xinfo(?1, ?2)")?;
    let columns = statement.query_map(params![table.name, table.schema], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    })?;
    let columns: Vec<_> = columns.collect::<Result<_, _>>()?;
    if columns.is_empty() {
        return Err(missing("table", &table.name));
    }
    let find = |wanted: &str| {
        let column = columns.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        column.map(|(_, declared)| declared.clone()).ok_or_else(|| missing("column", wanted))
    };
    Ok(Declared { key: find(&table.key)?, value: find(&table.value)? })
}

/// Says it as SQLite does.
fn missing(what: &str, name: &str) -> Fault {
    Error::Missing { reason: format!("no such {what}: {name}") }.into()
}

fn prepared<'c>(connection: &'c Connection, sql: &str) -> Result<CachedStatement<'c>, Fault> {
    connection.prepare_cached(sql).map_err(Fault::Prepare)
}

/// Runs a query, and sorts its rows to the keys.
fn select(
    connection: &Connection,
    select: &Select,
    keys: &[&[u8]],
    parameter: &dyn ToSql,
) -> Result<Answers, Fault> {
    let mut statement = prepared(connection, &select.text)?;
    let layout = select.layout(statement.column_names())?;
    let mut sheet = Sheet::new(keys);
    let mut rows = statement.query([parameter])?;
    while let Some(row) = rows.next()? {
        let content = column::row(row, layout)?;
        let key = match layout.key {
            Some(place) => column::bytes(row.get_ref(place)?),
            None => Some(keys[0].to_vec()),
        };
        if let Some(key) = key {
            sheet.fill(&key, content);
        }
    }
    Ok(sheet.finish())
}
