//! One connection with a server of NATS. What is on it ends with it.

use std::fmt;
use std::io;
use std::time::Duration;

use async_nats::message::OutboundMessage;
use async_nats::{Client, Subject, Subscriber};
use bytes::Bytes;
use futures_util::SinkExt;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::message::HEAD_BYTES;
use super::window::{MESSAGES_MAX, OTHERS_MAX, PIECE_BYTES_MAX};
use crate::excerpt::{excerpt, told};
use crate::nats::{Event, NatsAccount, ServerError, ended};

/// What waits to be written to the server, in messages of at most [`PIECE_BYTES_MAX`]: 4 MiB.
const COMMANDS_MAX: usize = 64;

/// What the server complains of, until it is looked at.
const COMPLAINTS_MAX: usize = 16;

/// So often a server that says nothing is asked whether it is there; after two questions
/// without an answer it is not. Shorter than for discovery: links wait for it.
const PING_EVERY: Duration = Duration::from_secs(2);

/// A server that carries less in one message is of no use.
const PAYLOAD_BYTES_MIN: usize = 256;

/// One connection with a server of NATS.
pub(super) struct Session {
    client: Client,
    /// Cancelled when the connection is lost.
    over: CancellationToken,
    complaints: broadcast::Sender<String>,
    last_words: mpsc::UnboundedSender<LastWords>,
}

/// What is still to be said of a half that was dropped: two messages for each pipe end at
/// most, so the queue of them needs no other bound.
pub(super) struct LastWords {
    pub(super) messages: Vec<OutboundMessage>,
    /// 1. Who reads is told that the data has ended, and that subscription ends.
    /// 2. The server takes the second before the first, and tells the other end that
    ///    nobody is there.
    /// 3. An orderly end looks like a broken pipe.
    ///
    /// Hence a subscription ends behind the words.
    pub(super) subscriber: Option<Subscriber>,
}

impl Session {
    pub(super) async fn open(account: &NatsAccount) -> io::Result<Self> {
        let servers = account.servers().map_err(io::Error::other)?;
        let over = CancellationToken::new();
        let (complaints, _) = broadcast::channel(COMPLAINTS_MAX);
        let (token, complain) = (over.clone(), complaints.clone());
        let options = account.options("distcache".to_owned()).await.map_err(failed)?;
        let options = options
            .ping_interval(PING_EVERY)
            .subscription_capacity(MESSAGES_MAX + OTHERS_MAX)
            .client_capacity(COMMANDS_MAX)
            // What reconnects is of no use, and is not to try for ever.
            .max_reconnects(servers.len())
            .event_callback(move |event| {
                hear(&event, &token, &complain);
                std::future::ready(())
            });
        let client = options.connect(&servers[..]).await.map_err(|error| failed(told(&error)))?;
        let payload = client.max_payload();
        if payload < PAYLOAD_BYTES_MIN {
            let why = format!("its max_payload is {payload}, and {PAYLOAD_BYTES_MIN} are needed");
            return Err(failed(why));
        }
        let (last_words, waiting) = mpsc::unbounded_channel();
        tokio::spawn(say_last_words(client.clone(), over.clone(), waiting));
        Ok(Self { client, over, complaints, last_words })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Cancelled when it is over.
    pub(super) fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// It was seen to be of no use any more.
    pub(super) fn lose(&self) -> io::Error {
        self.over.cancel();
        lost()
    }

    /// What the server complains of from now on.
    pub(super) fn complaints(&self) -> broadcast::Receiver<String> {
        self.complaints.subscribe()
    }

    /// The longest data in one message.
    pub(super) fn piece_bytes_max(&self) -> usize {
        PIECE_BYTES_MAX.min(self.client.max_payload().saturating_sub(HEAD_BYTES)).max(1)
    }

    pub(super) async fn subscribe(&self, subject: Subject) -> io::Result<Subscriber> {
        self.client.subscribe(subject).await.map_err(|_closed| self.lose())
    }

    /// Says it; `reply` is where the server tells that nobody was there to hear it.
    pub(super) async fn say(
        &self,
        subject: Subject,
        reply: Option<Subject>,
        payload: Bytes,
    ) -> io::Result<()> {
        let message = OutboundMessage { subject, reply, payload, headers: None };
        let sent = self.client.clone().send(message).await;
        sent.map_err(|_closed| self.lose())
    }

    /// Says it whenever it can, from wherever a half is dropped.
    pub(super) fn say_last(&self, words: LastWords) {
        // The task has ended: so has the connection, and nobody would hear it.
        drop(self.last_words.send(words));
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("over", &self.over.is_cancelled()).finish_non_exhaustive()
    }
}

/// What is told of a pipe whose server is gone.
pub(super) fn lost() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the connection with the NATS server is lost")
}

fn failed(why: impl AsRef<str>) -> io::Error {
    io::Error::other(format!("no connection with NATS: {}", why.as_ref()))
}

fn hear(event: &Event, over: &CancellationToken, complaints: &broadcast::Sender<String>) {
    if let Event::ServerError(ServerError::Other(why)) = event {
        log::warn!("the NATS server says: {}", excerpt(why));
        // Nobody listens, most of the time.
        drop(complaints.send(why.clone()));
    }
    if let Some(why) = ended(event) {
        log::debug!("of the NATS server: {why}");
        over.cancel();
    }
}

async fn say_last_words(
    mut client: Client,
    over: CancellationToken,
    mut waiting: mpsc::UnboundedReceiver<LastWords>,
) {
    while let Some(words) = waiting.recv().await {
        for message in words.messages {
            let said = over.run_until_cancelled(client.send(message)).await;
            if !matches!(said, Some(Ok(()))) {
                return;
            }
        }
        drop(words.subscriber);
    }
}
