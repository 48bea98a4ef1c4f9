//! One conversation with a PostgreSQL server.
//!
//! Why not the crate `postgres`, which is made of the same parts: it waits for
//! an answer as long as it takes, and a server that fell silent (a cut cable, a
//! stopped machine) would keep a thread for ever. Here every wait ends with the
//! load.

use std::future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time;
use tokio_postgres::Client;

use super::builder::Settings;
use super::fault::{self, Fault};
use super::wire::Moving;
use crate::database::{Failure, Load};
use crate::{Error, Wait};

/// How long to wait for the server to take note of a cancellation. It says
/// nothing to it; this is for one that does not listen.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(500);

/// A connection and the runtime that moves its bytes, on the thread of whoever
/// uses it.
pub(super) struct Session {
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    client: Client,
    connection: Moving,
    settings: Arc<Settings>,
}

impl Session {
    pub(super) fn open(settings: &Arc<Settings>, load: &Load<'_>) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| no_connection(settings, error.to_string()))?;
        let connecting = settings.wire.connect(&settings.config);
        let opened = runtime.block_on(async {
            tokio::select! {
                biased;
                opened = time::timeout(settings.connect_timeout, connecting) => {
                    Ok(opened)
                }
                failure = end_of(load, Wait::Opening) => Err(failure),
            }
        });
        let failure = match opened {
            Ok(Ok(Ok((client, connection)))) => {
                let (runtime, settings) = (Some(runtime), Arc::clone(settings));
                return Ok(Self { runtime, client, connection, settings });
            }
            Ok(Ok(Err(error))) => fault::of_connecting(&error, settings).into(),
            Ok(Err(_)) => {
                let reason = format!("no answer within {:?}", settings.connect_timeout);
                no_connection(settings, reason)
            }
            Err(failure) => failure,
        };
        runtime.shutdown_background();
        Err(failure)
    }

    /// Runs a task until it is done, the connection has broken, or the load has
    /// ended.
    pub(super) fn run<T>(
        &mut self,
        load: &Load<'_>,
        task: impl AsyncFnOnce(&Client) -> Result<T, Fault>,
    ) -> Result<T, Failure> {
        let runtime = self.runtime.as_ref().expect("only dropping takes it");
        let (client, connection) = (&self.client, &mut self.connection);
        let result = runtime.block_on(async {
            tokio::select! {
                biased;
                result = moving(connection, task(client)) => {
                    result.map_err(|fault| fault.into_failure(&self.settings, load))
                }
                failure = end_of(load, Wait::Answer) => Err(failure),
            }
        });
        if let Err(Failure::Cancelled) = result {
            // The server would else go on to the end of the statement's time.
            // If it cannot be told so, it does.
            let cancel = self.client.cancel_token();
            let cancel = self.settings.wire.cancel(cancel);
            let told = async { time::timeout(CANCEL_TIMEOUT, cancel).await };
            let _ = runtime.block_on(told);
        }
        result
    }
}

impl Drop for Session {
    /// Does not wait for a name that is still being looked up.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn no_connection(settings: &Settings, reason: String) -> Failure {
    Error::Connect { address: settings.place.address.clone(), reason }.into()
}

/// Waits for the end of a load.
async fn end_of(load: &Load<'_>, waited_for: Wait) -> Failure {
    loop {
        if let Err(failure) = load.check(waited_for) {
            return failure;
        }
        time::sleep(load.pause()).await;
    }
}

/// Moves the connection's bytes for as long as a task needs them.
async fn moving<T>(
    connection: &mut Moving,
    task: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let mut task = pin!(task);
    future::poll_fn(|waker| {
        while let Poll::Ready(message) = connection.as_mut().poll(waker) {
            match message {
                Some(Ok(())) => {}
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                // Only when the client is gone, or all its requests are.
                None => break,
            }
        }
        task.as_mut().poll(waker)
    })
    .await
}
