//! The half of an end that writes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_nats::message::OutboundMessage;
use async_nats::{Client, Message, Subscriber};
use futures_util::{Sink, Stream};
use tokio::io::AsyncWrite;
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::fate::Fate;
use super::message::Word;
use super::session::LastWords;
use super::window::Outlay;

/// Bytes to the other end.
pub(super) struct Writing {
    fate: Arc<Fate>,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    /// What who reads says: how much it has used, and that it has gone.
    heard: Option<Subscriber>,
    client: Client,
    outlay: Outlay,
    piece_bytes_max: usize,
    has_ended: bool,
    /// Who reads has gone, and perhaps still writes.
    is_stopped: bool,
}

impl Writing {
    pub(super) fn new(fate: &Arc<Fate>, heard: Subscriber) -> Self {
        Self {
            fate: fate.clone(),
            over: Box::pin(fate.over().clone().cancelled_owned()),
            heard: Some(heard),
            client: fate.session().client().clone(),
            outlay: Outlay::default(),
            piece_bytes_max: fate.session().piece_bytes_max(),
            has_ended: false,
            is_stopped: false,
        }
    }

    /// Takes what was said until there is nothing more. The task is woken by more of it,
    /// and by the end.
    fn listen(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        loop {
            if self.over.as_mut().poll(context).is_ready() {
                self.fate.check()?;
            }
            if self.is_stopped {
                return Err(io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads there"));
            }
            let Some(heard) = &mut self.heard else { return Err(self.fate.lose()) };
            match Pin::new(heard).poll_next(context) {
                Poll::Pending => return Ok(()),
                Poll::Ready(None) => return Err(self.fate.lose()),
                Poll::Ready(Some(message)) => {
                    self.take(&message).map_err(|why| self.fate.breaks(why))?;
                }
            }
        }
    }

    fn take(&mut self, message: &Message) -> io::Result<()> {
        let Some(said) = self.fate.hear(message)? else { return Ok(()) };
        match said.word {
            Word::Credit(used) => {
                self.outlay.hear(said.number)?;
                self.outlay.credit(used)
            }
            Word::Stop => {
                self.is_stopped = true;
                Ok(())
            }
            Word::Data(_) | Word::End | Word::Broken => {
                Err(io::Error::new(io::ErrorKind::InvalidData, "who reads does not say that"))
            }
        }
    }

    fn send(&mut self, message: OutboundMessage) -> io::Result<()> {
        let client = Pin::new(&mut self.client);
        client.start_send(message).map_err(|_closed| self.fate.lose())
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let client = Pin::new(&mut self.client);
        client.poll_ready(context).map_err(|_closed| self.fate.lose())
    }
}

impl AsyncWrite for Writing {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.listen(context)?;
        let bytes = data.len().min(this.outlay.room()).min(this.piece_bytes_max);
        if bytes == 0 && !data.is_empty() {
            // The other end does not keep up: its credit wakes the task.
            return Poll::Pending;
        }
        ready!(this.poll_ready(context))?;
        if 0 < bytes {
            this.send(this.fate.data(this.outlay.next(), &data[..bytes]))?;
            this.outlay.send(bytes);
        }
        Poll::Ready(Ok(bytes))
    }

    /// What was written is with the client of NATS, which sends it at once.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_mut().listen(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.has_ended {
            return Poll::Ready(Ok(()));
        }
        this.listen(context)?;
        ready!(this.poll_ready(context))?;
        this.send(this.fate.to_who_reads(this.outlay.next(), Word::End))?;
        this.has_ended = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if self.has_ended || self.fate.over().is_cancelled() {
            return;
        }
        let end = self.fate.to_who_reads(self.outlay.next(), Word::End);
        let subscriber = self.heard.take();
        self.fate.session().say_last(LastWords { messages: vec![end], subscriber });
    }
}
