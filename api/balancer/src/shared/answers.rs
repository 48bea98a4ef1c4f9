//! Answers that come one behind the other.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};

use super::BODY_BYTES_MAX;
use crate::framing::{Framing, malformed};
use crate::head::{Begins, Head};

/// What is read at a time.
const READ_BYTES: usize = 16 << 10;

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
}

/// What has come, and was not handed out.
#[derive(Default)]
pub(super) struct Answers {
    held: BytesMut,
    /// The head of the next one, if it was read, and how long its body is.
    begun: Option<(Head, usize)>,
}

impl Answers {
    /// Reads what there is: how many bytes, none at the end.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        stream: Pin<&mut (impl AsyncRead + ?Sized)>,
    ) -> Poll<io::Result<usize>> {
        let mut space = [const { MaybeUninit::uninit() }; READ_BYTES];
        let mut fresh = ReadBuf::uninit(&mut space);
        ready!(stream.poll_read(cx, &mut fresh))?;
        self.held.extend_from_slice(fresh.filled());
        Poll::Ready(Ok(fresh.filled().len()))
    }

    /// The next answer, to a HEAD or to a GET; none if it is not whole yet.
    ///
    /// # Errors
    /// It is none, or none of those that may come here.
    pub(super) fn next(&mut self, to_head: bool) -> io::Result<Option<Answer>> {
        if self.begun.is_none() {
            self.begun = self.begin(to_head)?;
        }
        let is_whole = |(_, length): &mut (Head, usize)| *length <= self.held.len();
        let Some((head, length)) = self.begun.take_if(is_whole) else { return Ok(None) };
        // A copy: a part of what was read would keep all of it, for as long as a client reads.
        let body = Bytes::copy_from_slice(&self.held[..length]);
        self.held.advance(length);
        Ok(Some(Answer { head, body }))
    }

    /// Whether all that has come was handed out.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.begun.is_none()
    }

    fn begin(&mut self, to_head: bool) -> io::Result<Option<(Head, usize)>> {
        match Head::read(&self.held, to_head)? {
            Begins::Head(head, head_bytes) => {
                let length = match head.framing {
                    Framing::Length(length) => usize::try_from(length).ok(),
                    Framing::Chunked(_) | Framing::UntilClosed => None,
                };
                let length = length.filter(|length| *length <= BODY_BYTES_MAX);
                let length = length.ok_or_else(|| malformed("an answer too long for here"))?;
                self.held.advance(head_bytes);
                Ok(Some((head, length)))
            }
            Begins::More => Ok(None),
            Begins::Interim(_) => Err(malformed("an answer that only will come")),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What is understood of bytes that come in these pieces: a status and a body.
    pub(crate) fn read(pieces: &[&[u8]], to_head: bool) -> Option<(u16, Bytes)> {
        let mut answers = Answers::default();
        pieces.iter().find_map(|piece| {
            answers.held.extend_from_slice(piece);
            let answer = answers.next(to_head).ok()??;
            Some((answer.head.response.status(), answer.body))
        })
    }

    #[test]
    fn answers_are_taken_one_after_the_other() {
        let mut answers = Answers::default();
        let two = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\noneHTTP/1.1 304 A\r\n\r\n";
        answers.held.extend_from_slice(two);
        answers.held.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
        let mut next = |is_head| {
            let answer = answers.next(is_head).expect("it is well-formed")?;
            Some((answer.head.response.status(), answer.body))
        };
        assert_eq!(next(false), Some((200, Bytes::from("one"))));
        assert_eq!(next(false), Some((304, Bytes::new())));
        assert_eq!(next(true), Some((200, Bytes::new())));
        assert_eq!(next(false), None);
        assert!(answers.is_empty());
    }
}
