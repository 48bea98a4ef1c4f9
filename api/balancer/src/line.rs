//! One connection to a member.
//!
//! Whoever asks something on it also works it: what is written and read is written and read
//! by the task that waits for the answer. A task of its own would be woken for each request,
//! and wake the other for each answer, often on another core.
//!
//! An idle one nobody works, and it holds no memory to read into. That the member has closed
//! it is seen when it is taken next.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::framing::{Framing, Step, malformed, take};
use crate::head::{Begins, Head};

/// What is read at a time: onto the stack first.
const READ_BYTES: usize = 16 << 10;

/// How many times a member may say that an answer will come, before it comes.
const INTERIM_MAX: u32 = 8;

/// Where bytes go to, and come from.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Speaks HTTP/1.1 with a member, one request after the other. Dropped, it is closed.
pub(crate) struct Line {
    stream: Box<dyn Stream>,
    /// Whether what it has not taken has not left: TLS may fail when it has sent a part.
    is_clear: bool,
    /// Read, and not yet looked at.
    held: Vec<u8>,
    place: Place,
}

/// What is under way.
enum Place {
    /// Nothing: another request can be sent.
    Idle,
    /// A request is being sent, or its answer awaited.
    Asked,
    /// A body comes; and whether another request can be sent behind it.
    Body(Framing, bool),
    /// Nothing, and nothing more can be sent.
    Over,
}

/// A request in the bytes of HTTP/1.1.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    /// The head.
    pub(crate) head: Bytes,
    /// What comes behind it.
    pub(crate) body: Bytes,
    /// Whether the answer to it has no body, whatever its head says.
    pub(crate) is_head: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failed {
    /// Nothing of the request has left.
    Unsent(io::Error),
    /// It may have reached the member.
    Lost(io::Error),
}

impl Line {
    /// Speaks over a stream.
    pub(crate) fn over(stream: impl Stream + 'static) -> Self {
        let stream = Box::new(stream);
        Self { stream, is_clear: true, held: Vec::new(), place: Place::Idle }
    }

    /// Speaks over one that is encrypted.
    pub(crate) fn secured(stream: impl Stream + 'static) -> Self {
        Self { is_clear: false, ..Self::over(stream) }
    }

    /// The stream, on which nothing was said yet.
    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }

    /// Whether the last answer has come to its end, and the member has not said that it was
    /// the last.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.place, Place::Idle)
    }

    /// Whether another request can be sent: it is idle, and the member has not closed it, nor
    /// said anything unasked.
    pub(crate) async fn is_usable(&mut self) -> bool {
        let mut space = [0; 1];
        poll_fn(|cx| {
            let mut said = ReadBuf::new(&mut space);
            let is_silent = Pin::new(&mut self.stream).poll_read(cx, &mut said).is_pending();
            Poll::Ready(is_silent && self.is_idle())
        })
        .await
    }

    /// Sends a request, and waits for the head of the answer. What comes behind is left where
    /// it is, for [`poll_piece`](Self::poll_piece).
    ///
    /// # Errors
    /// [`Failed`]. Nothing more can be asked on it then.
    pub(crate) async fn send(&mut self, wire: &Wire) -> Result<Head, Failed> {
        if !self.is_idle() {
            return Err(Failed::Unsent(io::ErrorKind::NotConnected.into()));
        }
        // 1. A request is sent, and whoever waits for the answer goes away.
        // 2. The connection is given back, and another request sent on it.
        // 3. The answer to the first one is taken for the answer to the second.
        //
        // So it is in use until the last byte of the answer was taken.
        self.place = Place::Asked;
        let mut rest = wire.head.clone().chain(wire.body.clone());
        let whole = rest.remaining();
        let mut sending = Sending::Goes;
        let mut interim = 0;
        poll_fn(|cx| {
            if let Sending::Goes = sending {
                match poll_write(&mut *self.stream, cx, &mut rest) {
                    Poll::Ready(Ok(())) => sending = Sending::Done,
                    // 1. A member answers without reading the body, and closes.
                    // 2. Writing on fails. The answer is here, and has not been read.
                    // 3. Were it given up now, the client was not told why.
                    Poll::Ready(Err(error)) => sending = Sending::Broken(error),
                    Poll::Pending => {}
                }
            }
            let is_unsent = self.is_clear && rest.remaining() == whole;
            if let Sending::Broken(error) = &sending
                && is_unsent
            {
                return Poll::Ready(Err(Failed::Unsent(error.kind().into())));
            }
            // Also while there is more to write: a member that answers early may not read on.
            match ready!(self.poll_head(cx, wire.is_head, &mut interim)) {
                Ok(head) => {
                    let stays = head.stays && matches!(sending, Sending::Done);
                    self.begin_body(head.framing.clone(), stays);
                    Poll::Ready(Ok(head))
                }
                Err(error) => Poll::Ready(Err(Failed::Lost(error))),
            }
        })
        .await
    }

    /// The next piece of the body of the last answer; none when it has come to its end.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let piece = ready!(self.poll_body(cx));
        if piece.is_err() {
            self.place = Place::Over;
        }
        Poll::Ready(piece.transpose())
    }

    /// The body of the last answer as a whole.
    ///
    /// # Errors
    /// It does not come to its end, or is longer than it may be.
    pub(crate) async fn whole(&mut self, bytes_max: usize) -> io::Result<Bytes> {
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(piece) = poll_fn(|cx| self.poll_piece(cx)).await {
            let piece = piece?;
            if bytes_max < first.len() + all.len() + piece.len() {
                return Err(malformed("a body that is too long"));
            }
            if first.is_empty() && all.is_empty() {
                first = piece;
            } else {
                all.extend_from_slice(&std::mem::take(&mut first));
                all.extend_from_slice(&piece);
            }
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        to_head: bool,
        interim: &mut u32,
    ) -> Poll<io::Result<Head>> {
        loop {
            if !self.held.is_empty() {
                match Head::read(&self.held, to_head)? {
                    Begins::Head(head, length) => {
                        self.held.drain(..length);
                        return Poll::Ready(Ok(head));
                    }
                    Begins::Interim(_) if *interim == INTERIM_MAX => {
                        return Poll::Ready(Err(malformed("an answer that only will come")));
                    }
                    Begins::Interim(length) => {
                        *interim += 1;
                        self.held.drain(..length);
                        continue;
                    }
                    Begins::More => {}
                }
            }
            if ready!(self.poll_hold(cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    fn begin_body(&mut self, framing: Framing, stays: bool) {
        self.place = Place::Body(framing, stays);
        if let Place::Body(Framing::Length(0), stays) = self.place {
            self.end_body(stays);
        }
    }

    /// What has come behind the end nobody asked for.
    fn end_body(&mut self, stays: bool) {
        self.place = if stays && self.held.is_empty() { Place::Idle } else { Place::Over };
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            let Place::Body(framing, stays) = &mut self.place else { return Poll::Ready(Ok(None)) };
            let stays = *stays;
            let bytes_max = match framing {
                Framing::Length(left) => *left,
                Framing::UntilClosed => u64::MAX,
                Framing::Chunked(chunked) => match chunked.next(&mut self.held)? {
                    Step::Piece(piece) => return Poll::Ready(Ok(Some(piece))),
                    Step::End => {
                        self.end_body(stays);
                        return Poll::Ready(Ok(None));
                    }
                    Step::More => {
                        if ready!(self.poll_hold(cx))? == 0 {
                            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                        }
                        continue;
                    }
                },
            };
            let piece = if self.held.is_empty() {
                ready!(poll_bytes(&mut *self.stream, cx, bytes_max))?
            } else {
                take(&mut self.held, bytes_max)
            };
            match framing {
                Framing::Length(_) if piece.is_empty() => {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                Framing::Length(left) => {
                    *left -= piece.len() as u64;
                    if *left == 0 {
                        self.end_body(stays);
                    }
                }
                Framing::Chunked(_) | Framing::UntilClosed if piece.is_empty() => {
                    self.place = Place::Over;
                    return Poll::Ready(Ok(None));
                }
                Framing::Chunked(_) | Framing::UntilClosed => {}
            }
            return Poll::Ready(Ok(Some(piece)));
        }
    }

    /// Reads what there is behind what is held: how many bytes.
    fn poll_hold(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [const { MaybeUninit::uninit() }; READ_BYTES];
        let mut fresh = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut fresh))?;
        self.held.extend_from_slice(fresh.filled());
        Poll::Ready(Ok(fresh.filled().len()))
    }
}

/// How far a request was sent.
enum Sending {
    Goes,
    Done,
    Broken(io::Error),
}

/// Writes on. Ready when all was taken.
pub(crate) fn poll_write(
    mut stream: &mut dyn Stream,
    cx: &mut Context<'_>,
    rest: &mut impl Buf,
) -> Poll<io::Result<()>> {
    while rest.has_remaining() {
        let mut pieces = [IoSlice::new(&[]); 2];
        let written = match rest.chunks_vectored(&mut pieces) {
            1 => Pin::new(&mut stream).poll_write(cx, &pieces[0]),
            _ => Pin::new(&mut stream).poll_write_vectored(cx, &pieces),
        };
        match ready!(written)? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            count => rest.advance(count),
        }
    }
    Pin::new(&mut stream).poll_flush(cx)
}

/// Reads what there is, up to so many bytes: none at the end.
fn poll_bytes(
    mut stream: &mut dyn Stream,
    cx: &mut Context<'_>,
    bytes_max: u64,
) -> Poll<io::Result<Bytes>> {
    let room = usize::try_from(bytes_max).unwrap_or(READ_BYTES).min(READ_BYTES);
    let mut space = [const { MaybeUninit::uninit() }; READ_BYTES];
    let mut fresh = ReadBuf::uninit(&mut space[..room]);
    ready!(Pin::new(&mut stream).poll_read(cx, &mut fresh))?;
    Poll::Ready(Ok(Bytes::copy_from_slice(fresh.filled())))
}

#[cfg(test)]
mod any_answer;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const BEGUN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nval";
    const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nvalue";
    const BODY_BYTES_MAX: usize = 1 << 20;

    fn wire() -> Wire {
        let head = Bytes::from_static(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        Wire { head, body: Bytes::new(), is_head: false }
    }

    /// What the member does, asked once.
    async fn answers(member: &mut DuplexStream, answer: &[u8]) {
        let mut head = [0; 1024];
        assert_ne!(member.read(&mut head).await.expect("it is asked"), 0);
        member.write_all(answer).await.expect("it is heard");
    }

    /// The body of an answer that comes as a whole.
    async fn ask(line: &mut Line, member: &mut DuplexStream, answer: &[u8]) -> io::Result<Bytes> {
        let (wire, answers) = (wire(), answers(member, answer));
        let (head, ()) = tokio::join!(line.send(&wire), answers);
        head.expect("it is answered");
        line.whole(BODY_BYTES_MAX).await
    }

    #[tokio::test]
    async fn it_is_usable_when_the_answer_has_come_to_its_end_until_the_member_closes_it() {
        let (here, mut member) = duplex(1024);
        let (mut line, wire) = (Line::over(here), wire());
        for _ in 0..2 {
            assert!(line.is_usable().await);
            let (head, ()) = tokio::join!(line.send(&wire), answers(&mut member, BEGUN));
            assert_eq!(head.expect("it is answered").response.status(), 200);
            assert!(!line.is_idle(), "it has not come to its end");
            member.write_all(b"ue").await.expect("it is heard");
            assert_eq!(line.whole(BODY_BYTES_MAX).await.expect("it is whole"), "value");
        }
        drop(member);
        assert!(!line.is_usable().await);
        let failed = line.send(&wire).await.expect_err("nobody is there");
        assert!(matches!(failed, Failed::Unsent(_)), "nothing of it was written: {failed:?}");
    }

    #[tokio::test]
    async fn what_the_member_says_unasked_ends_it() {
        let (here, mut member) = duplex(1024);
        let mut line = Line::over(here);
        member.write_all(WHOLE).await.expect("it is heard");
        assert!(!line.is_usable().await);

        let (here, mut member) = duplex(1024);
        let mut line = Line::over(here);
        let two = [WHOLE, WHOLE].concat();
        assert_eq!(ask(&mut line, &mut member, &two).await.expect("it is whole"), "value");
        assert!(!line.is_idle(), "the other would be taken for that to another request");
    }

    #[tokio::test]
    async fn one_that_the_member_closes_after_its_answer_is_not_usable() {
        let last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nvalue";
        let old = b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nvalue";
        for answer in [&last[..], old] {
            let (here, mut member) = duplex(1024);
            let mut line = Line::over(here);
            assert_eq!(ask(&mut line, &mut member, answer).await.expect("it is whole"), "value");
            assert!(!line.is_idle());
        }
    }

    #[tokio::test]
    async fn a_body_that_is_cut_off_or_too_long_does_not_look_whole() {
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nvalue\r\n";
        let closed = b"HTTP/1.1 200 OK\r\n\r\ntoo long";
        for (answer, bytes_max, kind) in [
            (BEGUN, BODY_BYTES_MAX, io::ErrorKind::UnexpectedEof),
            (chunked, BODY_BYTES_MAX, io::ErrorKind::UnexpectedEof),
            (closed, 7, io::ErrorKind::InvalidData),
            (WHOLE, 4, io::ErrorKind::InvalidData),
        ] {
            let (here, mut member) = duplex(1024);
            let (mut line, wire) = (Line::over(here), wire());
            let (head, ()) = tokio::join!(line.send(&wire), answers(&mut member, answer));
            head.expect("it is answered");
            drop(member);
            assert_eq!(line.whole(bytes_max).await.expect_err("it is not").kind(), kind);
        }
    }

    #[tokio::test]
    async fn a_body_without_a_length_ends_with_the_connection() {
        let (here, mut member) = duplex(1024);
        let (mut line, wire) = (Line::over(here), wire());
        let answer = b"HTTP/1.1 200 OK\r\n\r\nvalue";
        let (head, ()) = tokio::join!(line.send(&wire), answers(&mut member, answer));
        assert_eq!(head.expect("it is answered").framing, Framing::UntilClosed);
        drop(member);
        assert_eq!(line.whole(BODY_BYTES_MAX).await.expect("it is whole"), "value");
        assert!(!line.is_idle());
    }

    #[tokio::test]
    async fn a_member_that_answers_before_it_was_told_all_is_heard() {
        let refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\n\r\nno!!!";
        // It reads no further; and then it is gone.
        for leaves in [false, true] {
            let (here, mut member) = duplex(256);
            let mut line = Line::over(here);
            let wire = Wire { body: Bytes::from(vec![b'x'; 4096]), ..wire() };
            let refuses = async {
                answers(&mut member, refusal).await;
                leaves.then(|| drop(member))
            };
            let (head, _member) = tokio::join!(line.send(&wire), refuses);
            assert_eq!(head.expect("it is answered").response.status(), 413);
            assert_eq!(line.whole(BODY_BYTES_MAX).await.expect("it is whole"), "no!!!");
            assert!(!line.is_idle(), "it waits for the rest of the request");
        }
    }

    #[tokio::test]
    async fn one_that_breaks_within_a_request_may_have_heard_it() {
        for is_clear in [true, false] {
            let (here, mut member) = duplex(64);
            let mut line = if is_clear { Line::over(here) } else { Line::secured(here) };
            let wire = Wire { body: Bytes::from(vec![b'x'; 4096]), ..wire() };
            let breaks = async {
                let mut some = [0; 16];
                member.read_exact(&mut some).await.expect("it is asked");
                drop(member);
            };
            let (head, ()) = tokio::join!(line.send(&wire), breaks);
            assert!(matches!(head.expect_err("it broke"), Failed::Lost(_)));
        }
        let (here, member) = duplex(64);
        drop(member);
        let failed = Line::secured(here).send(&wire()).await.expect_err("nobody is there");
        assert!(matches!(failed, Failed::Lost(_)), "nobody knows what TLS has sent");
    }

    #[tokio::test]
    async fn a_word_that_an_answer_will_come_is_not_the_answer() {
        let interim = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n";
        for (count, is_answered) in [(1, true), (INTERIM_MAX, true), (INTERIM_MAX + 1, false)] {
            let (here, mut member) = duplex(4096);
            let (mut line, wire) = (Line::over(here), wire());
            let answer = [interim.repeat(count as usize), WHOLE.to_vec()].concat();
            let (head, ()) = tokio::join!(line.send(&wire), answers(&mut member, &answer));
            assert_eq!(head.is_ok(), is_answered, "{count}");
        }
    }
}
