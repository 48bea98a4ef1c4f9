//! One open connection to PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use distcache::Answer;
use futures_util::future::{join, join3, try_join_all};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Statement};

use super::builder::Settings;
use super::column;
use super::fault::Fault;
use super::param::{Misfit, Param};
use super::session::Session;
use super::statement::{Prepared, PreparedWrite, Statements};
use crate::Error;
use crate::database::{Answers, Failure, Link, Load, Sheet, Write};

/// The server gives up so much earlier than we do (but by a tenth at most), so
/// that its answer arrives and the connection can go on being used.
const HEAD_START_MAX: Duration = Duration::from_millis(50);

/// A conversation, and the statements that were prepared in it.
pub(crate) struct PostgresLink {
    session: Session,
    statements: Statements,
    settings: Arc<Settings>,
}

impl Link for PostgresLink {
    type Settings = Settings;

    fn open(settings: &Arc<Settings>, load: &Load<'_>) -> Result<Self, Failure> {
        let session = Session::open(settings, load)?;
        Ok(Self { session, statements: Statements::default(), settings: Arc::clone(settings) })
    }

    fn fetch(&mut self, keys: &[&[u8]], load: &Load<'_>) -> Result<Answers, Failure> {
        let Self { session, statements, settings } = self;
        let sql = &settings.sql;
        session.run(load, async |client| match &sql.many {
            Some(many) if 1 < keys.len() => {
                let prepared = statements.many(client, many).await?;
                let params = keys.iter().map(|key| param(&prepared.key, key));
                // Keys that cannot be there are not asked for.
                let params: Vec<_> =
                    params.filter_map(Result::transpose).collect::<Result<_, _>>()?;
                select(client, &prepared, keys, &params, load).await
            }
            _ => {
                let prepared = statements.one(client, &sql.one).await?;
                let mut answers = Answers::with_capacity(keys.len());
                for key in keys {
                    answers.extend(match param(&prepared.key, key)? {
                        Some(param) => select(client, &prepared, &[key], &param, load).await?,
                        None => vec![Ok(Answer::NotFound)],
                    });
                }
                Ok(answers)
            }
        })
    }

    fn write(&mut self, writes: &[Write<'_>], load: &Load<'_>) -> Result<(), Failure> {
        match self.begin(writes, load) {
            // It may be made although nobody tells us.
            Ok(()) => self.say("COMMIT", load).map_err(Failure::without_another_try),
            Err(failure) if failure.keeps_the_link() => match self.say("ROLLBACK", load) {
                Ok(()) => Err(failure),
                Err(_) => Err(failure.without_the_link()),
            },
            Err(failure) => Err(failure),
        }
    }

    fn check(&mut self, load: &Load<'_>) -> Result<(), Failure> {
        let Self { session, statements, settings } = self;
        let sql = &settings.sql;
        session.run(load, async |client| {
            statements.one(client, &sql.one).await?;
            if let Some(many) = &sql.many {
                statements.many(client, many).await?;
            }
            Ok(())
        })
    }
}

impl PostgresLink {
    /// Makes all writes, but for the last word.
    fn begin(&mut self, writes: &[Write<'_>], load: &Load<'_>) -> Result<(), Failure> {
        let Self { session, statements, settings } = self;
        session.run(load, async |client| {
            let mut ready = Vec::with_capacity(writes.len());
            for (key, value) in writes {
                let sql = settings.sql.write(value.is_none())?;
                let prepared = statements.write(client, sql, value.is_none()).await?;
                ready.extend(Ready::new(prepared, key, *value)?);
            }
            // All are on their way before the first answer comes.
            let begin = begin(load);
            let executed = try_join_all(ready.iter().map(|write| write.execute(client)));
            let (begun, executed) = join(client.batch_execute(&begin), executed).await;
            begun?;
            executed?;
            Ok(())
        })
    }

    fn say(&mut self, word: &str, load: &Load<'_>) -> Result<(), Failure> {
        self.session.run(load, async |client| Ok(client.batch_execute(word).await?))
    }
}

/// A write that is ready to be sent.
struct Ready<'a> {
    statement: Statement,
    key: Param<'a>,
    value: Option<Param<'a>>,
}

impl<'a> Ready<'a> {
    /// `None` for the removal of a key that cannot be there.
    fn new(
        prepared: PreparedWrite,
        key: &'a [u8],
        value: Option<&'a [u8]>,
    ) -> Result<Option<Self>, Error> {
        let PreparedWrite { statement, key: of_key, value: of_value } = prepared;
        let key = match Param::new(&of_key, key) {
            Ok(key) => key,
            Err(Misfit::Form) if value.is_none() => return Ok(None),
            Err(Misfit::Form) => return Err(Error::Key { of: of_key.to_string() }),
            Err(Misfit::Type) => return Err(Error::Type { of: of_key.to_string() }),
        };
        let value = match (of_value, value) {
            (Some(of), Some(value)) => {
                Some(Param::new(&of, value).map_err(|misfit| match misfit {
                    Misfit::Form => Error::Value { of: of.to_string() },
                    Misfit::Type => Error::Type { of: of.to_string() },
                })?)
            }
            _ => None,
        };
        Ok(Some(Self { statement, key, value }))
    }

    async fn execute(&self, client: &Client) -> Result<u64, tokio_postgres::Error> {
        match &self.value {
            Some(value) => client.execute(&self.statement, &[&self.key, value]).await,
            None => client.execute(&self.statement, &[&self.key]).await,
        }
    }
}

/// Opens a transaction that ends before the load does.
fn begin(load: &Load<'_>) -> String {
    let left = load.remaining();
    if left == Duration::MAX {
        return "BEGIN".to_owned();
    }
    let statement_timeout = left.saturating_sub(HEAD_START_MAX.min(left / 10));
    // Zero would be for ever, and more than an `int` is not understood.
    let milliseconds = statement_timeout.as_millis().clamp(1, 0x7fff_ffff);
    format!("BEGIN; SET LOCAL statement_timeout = {milliseconds}")
}

/// Runs a query, and sorts its rows to the keys.
async fn select(
    client: &Client,
    prepared: &Prepared,
    keys: &[&[u8]],
    parameter: &(dyn ToSql + Sync),
    load: &Load<'_>,
) -> Result<Answers, Fault> {
    // All three are sent at once, and answered at once.
    let begin = begin(load);
    let (begun, rows, ended) = join3(
        client.batch_execute(&begin),
        client.query(&prepared.statement, &[parameter]),
        client.batch_execute("COMMIT"),
    )
    .await;
    begun?;
    let rows = rows?;
    ended?;
    let mut sheet = Sheet::new(keys);
    for row in &rows {
        let content = column::read(row, prepared.layout);
        let key = match prepared.layout.key {
            Some(place) => column::bytes(row, place)?,
            None => Some(keys[0].to_vec()),
        };
        if let Some(key) = key {
            sheet.fill(&key, content);
        }
    }
    Ok(sheet.finish())
}

/// A key as a parameter; `None` for one that cannot be there.
fn param<'a>(of: &Type, key: &'a [u8]) -> Result<Option<Param<'a>>, Error> {
    match Param::new(of, key) {
        Ok(param) => Ok(Some(param)),
        Err(Misfit::Form) => Ok(None),
        Err(Misfit::Type) => Err(Error::Type { of: of.to_string() }),
    }
}
