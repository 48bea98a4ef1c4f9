//! What both halves of one end share: who is at the other end, and how it went wrong.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};

use async_nats::message::OutboundMessage;
use async_nats::{Message, StatusCode, Subject};
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::message::{Said, Word};
use super::session::{LastWords, Session, lost};
use super::subjects::{Id, Subjects};

/// One end of a pipe.
pub(super) struct Fate {
    session: Arc<Session>,
    own: Id,
    other: Id,
    /// Where the other end reads, and where it hears how much it may write.
    their_data: Subject,
    their_window: Subject,
    our_data: Subject,
    our_window: Subject,
    /// Cancelled when it broke, or the connection with the server is lost.
    over: CancellationToken,
    why: OnceLock<(io::ErrorKind, String)>,
}

impl Fate {
    pub(super) fn new(session: &Arc<Session>, subjects: &Subjects, own: Id, other: Id) -> Self {
        Self {
            session: session.clone(),
            own,
            other,
            their_data: subjects.data(other),
            their_window: subjects.window(other),
            our_data: subjects.data(own),
            our_window: subjects.window(own),
            over: session.over().child_token(),
            why: OnceLock::new(),
        }
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    pub(super) fn over(&self) -> &CancellationToken {
        &self.over
    }

    /// An error once it is over.
    pub(super) fn check(&self) -> io::Result<()> {
        if !self.over.is_cancelled() {
            return Ok(());
        }
        Err(self.why.get().map_or_else(lost, |(kind, why)| io::Error::new(*kind, why.clone())))
    }

    /// A subscription has ended, or nothing can be sent: the connection is of no use.
    pub(super) fn lose(&self) -> io::Error {
        self.session.lose()
    }

    /// It breaks, here and there. Numbers do not matter any more.
    pub(super) fn breaks(&self, why: io::Error) -> io::Error {
        let is_first = self.why.set((why.kind(), why.to_string())).is_ok();
        if is_first && !self.over.is_cancelled() {
            log::debug!("a pipe over NATS breaks: {why}");
            self.over.cancel();
            let broken = self.to_who_reads(0, Word::Broken);
            let stop = self.to_who_writes(0, Word::Stop);
            self.session.say_last(LastWords { messages: vec![broken, stop], subscriber: None });
        }
        why
    }

    /// What the other end has said; `None` if it was said by somebody else.
    ///
    /// 1. Two listeners are at one address, since each came when the other could not be
    ///    heard. Both answer who dials, and one of them is taken.
    /// 2. The other one ends the pipe that came to nothing.
    /// 3. That breaks the first one's.
    ///
    /// Hence each message bears the id of its end.
    pub(super) fn hear(&self, message: &Message) -> io::Result<Option<Said>> {
        if let Some(status) = message.status {
            return Err(if status == StatusCode::NO_RESPONDERS {
                let why = "there is nobody at the other end any more";
                io::Error::new(io::ErrorKind::ConnectionReset, why)
            } else {
                io::Error::new(io::ErrorKind::InvalidData, format!("the status {status} came"))
            });
        }
        let said = Said::read(&message.payload).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "what came is said by no end of a pipe")
        })?;
        Ok((said.from == self.other).then_some(said))
    }

    /// The next piece of data.
    pub(super) fn data(&self, number: u64, data: &[u8]) -> OutboundMessage {
        to_them(&self.their_data, &self.our_window, super::message::data(self.own, number, data))
    }

    pub(super) fn to_who_reads(&self, number: u64, word: Word) -> OutboundMessage {
        let payload = Said { from: self.own, number, word }.to_bytes();
        OutboundMessage { reply: None, ..to_them(&self.their_data, &self.our_window, payload) }
    }

    pub(super) fn to_who_writes(&self, number: u64, word: Word) -> OutboundMessage {
        let is_last = word == Word::Stop;
        let payload = Said { from: self.own, number, word }.to_bytes();
        let message = to_them(&self.their_window, &self.our_data, payload);
        if is_last { OutboundMessage { reply: None, ..message } } else { message }
    }
}

/// With a subject on which the server tells if nobody is there to hear it.
fn to_them(to: &Subject, reply: &Subject, payload: Bytes) -> OutboundMessage {
    let (subject, reply) = (to.clone(), Some(reply.clone()));
    OutboundMessage { subject, reply, payload, headers: None }
}

impl fmt::Debug for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fate")
            .field("own", &self.own)
            .field("other", &self.other)
            .finish_non_exhaustive()
    }
}
