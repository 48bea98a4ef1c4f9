//! The half of an end that reads.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_nats::{Client, Message, Subscriber};
use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::fate::Fate;
use super::message::Word;
use super::session::LastWords;
use super::window::Intake;

/// Bytes from the other end, in their order and without a hole, or an error.
pub(super) struct Reading {
    fate: Arc<Fate>,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    heard: Option<Subscriber>,
    /// For credits.
    client: Client,
    intake: Intake,
    /// What is left of the last message, and the bytes that it had.
    rest: Bytes,
    piece_bytes: usize,
    has_ended: bool,
}

impl Reading {
    pub(super) fn new(fate: &Arc<Fate>, heard: Subscriber) -> Self {
        Self {
            fate: fate.clone(),
            over: Box::pin(fate.over().clone().cancelled_owned()),
            heard: Some(heard),
            client: fate.session().client().clone(),
            intake: Intake::default(),
            rest: Bytes::new(),
            piece_bytes: 0,
            has_ended: false,
        }
    }

    /// The next message; an error when the pipe is over.
    fn poll_heard(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Message>> {
        if self.over.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(self.fate.check().err().unwrap_or_else(|| self.fate.lose())));
        }
        let Some(heard) = &mut self.heard else { return Poll::Ready(Err(self.fate.lose())) };
        let message = std::task::ready!(Pin::new(heard).poll_next(context));
        Poll::Ready(message.ok_or_else(|| self.fate.lose()))
    }

    fn take(&mut self, message: &Message) -> io::Result<()> {
        let Some(said) = self.fate.hear(message)? else { return Ok(()) };
        let not_here =
            || io::Error::new(io::ErrorKind::InvalidData, "who writes does not say that");
        match said.word {
            Word::Broken => {
                let why = "the other end broke";
                return Err(io::Error::new(io::ErrorKind::ConnectionReset, why));
            }
            Word::Credit(_) | Word::Stop => return Err(not_here()),
            Word::Data(data) => {
                self.intake.hear(said.number)?;
                self.intake.receive(data.len())?;
                self.piece_bytes = data.len();
                self.rest = data;
            }
            Word::End => {
                self.intake.hear(said.number)?;
                self.has_ended = true;
            }
        }
        Ok(())
    }

    fn read(&mut self, into: &mut ReadBuf<'_>) {
        let bytes = self.rest.len().min(into.remaining());
        into.put_slice(&self.rest[..bytes]);
        self.rest.advance(bytes);
        if self.rest.is_empty() {
            self.intake.read(self.piece_bytes);
        }
    }

    /// Tells the other end how much it may send, if that is due. If it cannot be said yet
    /// the task is woken when it can.
    fn tell(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let Some((number, sum)) = self.intake.owed() else { return Ok(()) };
        let mut client = Pin::new(&mut self.client);
        match client.as_mut().poll_ready(context) {
            Poll::Pending => return Ok(()),
            Poll::Ready(ready) => ready.map_err(|_closed| self.fate.lose())?,
        }
        let credit = self.fate.to_who_writes(number, Word::Credit(sum));
        client.start_send(credit).map_err(|_closed| self.fate.lose())?;
        self.intake.tell();
        Ok(())
    }
}

impl AsyncRead for Reading {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // A bound on what comes at once is the window: strangers' messages beside it are
        // read within the budget of the task, which the subscription's queue keeps to.
        while this.rest.is_empty() && !this.has_ended {
            // 1. All that may be under way was used, and the credit could not be sent.
            // 2. The other end waits for it, and this one for the other.
            // Hence it is told before every wait.
            this.tell(context)?;
            let message = std::task::ready!(this.poll_heard(context))?;
            this.take(&message).map_err(|why| this.fate.breaks(why))?;
        }
        if this.has_ended {
            return Poll::Ready(Ok(()));
        }
        this.fate.check()?;
        this.read(into);
        this.tell(context)?;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // Who has ended writes nothing more; who broke was told.
        if self.has_ended || self.fate.over().is_cancelled() {
            return;
        }
        let stop = self.fate.to_who_writes(self.intake.next_credit(), Word::Stop);
        let subscriber = self.heard.take();
        self.fate.session().say_last(LastWords { messages: vec![stop], subscriber });
    }
}
