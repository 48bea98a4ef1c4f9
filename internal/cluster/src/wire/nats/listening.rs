//! Who listens at an address: a subscription, and a task that keeps it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::dialing::{Question, reply, welcome};
use super::message::Call;
use super::session::Session;
use super::subjects::Id;
use super::{Inner, session};
use crate::wire::timely::in_time;
use crate::wire::{Address, Listener, Opening};

/// Who waits to be accepted; as many as a system lets wait.
const BACKLOG_MAX: usize = 128;

/// How long one who listens already may take to say so: a few ways there and back, and the
/// work of a busy machine. Who says nothing in that time is taken for dead.
const TAKEN_WITHIN: Duration = Duration::from_secs(1);

/// So long what this process says to itself may take through the server.
const ECHO_WITHIN: Duration = Duration::from_secs(2);

/// How long the answer to who dials may take to get to the client of NATS.
const WELCOME_WITHIN: Duration = Duration::from_secs(3);

/// Between two tries to listen again after the connection with the server was lost: at
/// first, and at most. Each doubles the one before.
const AGAIN_AFTER_MIN: Duration = Duration::from_millis(50);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(1);

/// So many numbers are tried for one who asks for any.
const PORTS_TRIED_MAX: usize = 16;

/// The ports that a system gives to who asks for any.
const PORT_FIRST: u16 = 49_152;
const PORTS: u64 = 16_384;

/// An address that is listened at.
pub(super) struct Door {
    address: Address,
    inner: Arc<Inner>,
    asked: mpsc::Receiver<Asked>,
    _ends_keeper: DropGuard,
}

/// One who wants a pipe, on the connection on which that was heard.
struct Asked {
    session: Arc<Session>,
    who: Id,
}

/// Listens there. With port 0 it finds one at which nobody answers.
pub(super) async fn listen(inner: &Arc<Inner>, at: &Address) -> io::Result<Door> {
    let session = inner.session().await?;
    let address = free(inner, &session, at).await?;
    let own = Id::random()?;
    let (waiting, asked) = mpsc::channel(BACKLOG_MAX);
    let closed = CancellationToken::new();
    let keeper = Keeper { inner: inner.clone(), address: address.clone(), own, waiting };
    let heard = keeper.subscribe(&session).await?;
    let ends_keeper = closed.clone().drop_guard();
    tokio::spawn(async move {
        // It ends when nobody listens any more.
        let _ended = closed.run_until_cancelled(keeper.run(session, heard)).await;
    });
    Ok(Door { address, inner: inner.clone(), asked, _ends_keeper: ends_keeper })
}

/// The address itself, or with a port if it has none, if nobody listens there.
async fn free(inner: &Inner, session: &Session, at: &Address) -> io::Result<Address> {
    if at.port() != 0 {
        let taken = || io::Error::new(io::ErrorKind::AddrInUse, "somebody listens there on NATS");
        return if is_taken(inner, session, at).await? { Err(taken()) } else { Ok(at.clone()) };
    }
    let host = at.as_str().rsplit_once(':').map_or(at.as_str(), |(host, _)| host);
    for _ in 0..PORTS_TRIED_MAX {
        let drawn = getrandom::u64().map_err(io::Error::other)? % PORTS;
        let port = PORT_FIRST + u16::try_from(drawn).expect("it is below 16,384");
        let tried: Address = format!("{host}:{port}").parse().map_err(io::Error::other)?;
        if !is_taken(inner, session, &tried).await? {
            return Ok(tried);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "no port is free on NATS"))
}

/// Whether somebody answers there.
async fn is_taken(inner: &Inner, session: &Session, at: &Address) -> io::Result<bool> {
    let call = (Call::Probe, Id::random()?);
    let mut question = Question::ask(session, &inner.subjects, at, call).await?;
    match timeout(TAKEN_WITHIN, question.answer()).await {
        Ok(answer) => Ok(answer?.is_some()),
        Err(_elapsed) => {
            // 1. A member's machine loses its power, and another takes over its address.
            // 2. The server does not know yet that the first is gone: that takes minutes.
            // Hence who listens and says nothing holds nobody off.
            log::warn!("somebody listens at {at} on NATS, and says nothing: taken for dead");
            Ok(false)
        }
    }
}

/// The task of a listener.
struct Keeper {
    inner: Arc<Inner>,
    address: Address,
    own: Id,
    waiting: mpsc::Sender<Asked>,
}

impl Keeper {
    /// Listens from now on, and waits until what this process says comes back: so it may
    /// both say and hear what there is to be said.
    async fn subscribe(&self, session: &Session) -> io::Result<Subscriber> {
        let subjects = &self.inner.subjects;
        let mut heard = session.subscribe(subjects.of_listener(&self.address)).await?;
        let call = (Call::Probe, self.own);
        let mut echo = Question::ask(session, subjects, &self.address, call).await?;
        let came_back = async {
            loop {
                tokio::select! {
                    message = heard.next() => {
                        let message = message.ok_or_else(|| session.lose())?;
                        if Call::read(&message.payload) == Some((Call::Probe, self.own)) {
                            return Ok(());
                        }
                    }
                    // Only a complaint ends it: of those who answer one came at the same time.
                    answer = echo.answer() => {
                        answer?;
                    }
                }
            }
        };
        match timeout(ECHO_WITHIN, came_back).await {
            Ok(came_back) => came_back.map(|()| heard),
            Err(_elapsed) => {
                let why = "what is said there on NATS does not come back";
                Err(io::Error::new(io::ErrorKind::TimedOut, why))
            }
        }
    }

    async fn run(self, mut session: Arc<Session>, mut heard: Subscriber) {
        while !self.waiting.is_closed() {
            // It returns when the connection is lost.
            let _lost = self.serve(&session, &mut heard).await;
            (session, heard) = self.listen_again().await;
        }
    }

    /// Hands on who asks, until the connection is lost.
    async fn serve(&self, session: &Arc<Session>, heard: &mut Subscriber) -> io::Result<()> {
        loop {
            let message = tokio::select! {
                message = heard.next() => message.ok_or_else(|| session.lose())?,
                () = session.over().cancelled() => return Err(session.lose()),
            };
            let Some((who, call)) = self.take(session, &message) else { continue };
            reply(session, &self.inner.subjects, who, call, self.own).await?;
        }
    }

    /// Whom to answer at once, and what.
    fn take(&self, session: &Arc<Session>, message: &Message) -> Option<(Id, Call)> {
        match Call::read(&message.payload)? {
            (Call::Dial, who) => {
                let asked = Asked { session: session.clone(), who };
                // If nobody listens any more this task is about to end.
                let is_full = matches!(self.waiting.try_send(asked), Err(TrySendError::Full(_)));
                is_full.then_some((who, Call::Full))
            }
            (Call::Probe, who) => (who != self.own).then_some((who, Call::Taken)),
            (Call::OtherVersion, who) => Some((who, Call::OtherVersion)),
            // An answer is for nobody here.
            (Call::Welcome | Call::Full | Call::Taken, _) => None,
        }
    }

    /// Tries until it listens again.
    async fn listen_again(&self) -> (Arc<Session>, Subscriber) {
        let mut after = AGAIN_AFTER_MIN;
        log::warn!("nobody reaches {} on NATS: {}", self.address, session::lost());
        loop {
            match self.try_again().await {
                Ok(listening) => {
                    log::info!("{} is reached on NATS again", self.address);
                    return listening;
                }
                Err(why) => log::debug!("{} is not reached on NATS yet: {why}", self.address),
            }
            sleep(after).await;
            after = (after * 2).min(AGAIN_AFTER_MAX);
        }
    }

    async fn try_again(&self) -> io::Result<(Arc<Session>, Subscriber)> {
        let session = self.inner.session().await?;
        let heard = self.subscribe(&session).await?;
        Ok((session, heard))
    }
}

impl Listener for Door {
    fn address(&self) -> &Address {
        &self.address
    }

    fn accept(&mut self) -> BoxFuture<'_, io::Result<Opening>> {
        Box::pin(async {
            let ended = || io::Error::other("the task that listens has ended");
            let Asked { session, who } = self.asked.recv().await.ok_or_else(ended)?;
            let (inner, address) = (self.inner.clone(), self.address.clone());
            let opening = async move {
                let pipe = welcome(&session, &inner.subjects, who, inner.frame_bytes_max);
                in_time(address, WELCOME_WITHIN, pipe).await
            };
            Ok(Box::pin(opening) as Opening)
        })
    }
}
