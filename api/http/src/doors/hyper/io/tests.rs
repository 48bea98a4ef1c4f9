//! What is written reaches the client, in its order, or the connection ends: also over a
//! stream that holds bytes back, as TLS does while the kernel takes no more.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;

use bytes::Bytes;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use super::super::direct::Sending;
use super::*;
use crate::{Method, Response};

/// Holds back what is written until it is flushed.
struct Holding {
    /// What is still to be read, piece by piece.
    coming: VecDeque<&'static [u8]>,
    held: Vec<u8>,
    sent: Vec<u8>,
    /// Whether the other end takes nothing.
    is_deaf: bool,
}

impl Holding {
    fn new(is_deaf: bool) -> Self {
        Self { coming: VecDeque::new(), held: Vec::new(), sent: Vec::new(), is_deaf }
    }
}

impl AsyncRead for Holding {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(piece) = self.coming.pop_front() else { return Poll::Pending };
        buf.put_slice(piece);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Holding {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.held.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_deaf {
            return Poll::Pending;
        }
        this.sent.append(&mut this.held);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Holding {
    fn socket(&self) -> &TcpStream {
        unreachable!("nobody takes leave here")
    }
}

/// Answers whatever it may with one word.
#[derive(Default)]
struct Word {
    /// How many answers of hyper have ended.
    ended: AtomicU64,
    /// How often it is looked at before there is an answer.
    looks: AtomicU64,
    /// Whether hyper has to give it then.
    is_for_hyper: bool,
}

impl Direct for Word {
    fn begin(&self, cx: &mut Context<'_>, _: &[u8]) -> Course {
        self.go_on(cx)
    }

    fn go_on(&self, _: &mut Context<'_>) -> Course {
        let left = self.looks.load(Ordering::Relaxed);
        self.looks.store(left.saturating_sub(1), Ordering::Relaxed);
        match left {
            0 if self.is_for_hyper => Course::IsForHyper,
            0 => {
                let response = Response::octets(Bytes::from_static(b"direct"));
                Course::Sends(Sending::new(response, None, Method::Get))
            }
            _ => Course::Waits,
        }
    }

    fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime")
}

async fn answer(io: &mut GuardedIo<'_, Holding>) -> io::Result<()> {
    let written = poll_fn(|cx| Pin::new(&mut *io).poll_write(cx, b"an answer")).await?;
    assert_eq!(written, 9);
    poll_fn(|cx| Pin::new(&mut *io).poll_flush(cx)).await
}

#[test]
fn what_a_stream_holds_back_is_flushed_behind_an_answer() {
    runtime().block_on(async {
        let word = Word::default();
        let mut io = GuardedIo::new(Holding::new(false), &Limits::default(), &word);
        answer(&mut io).await.unwrap();
        assert_eq!(io.stream.sent, b"an answer");
    });
}

#[test]
fn a_flush_that_does_not_end_is_cut_off_in_the_time_of_a_write() {
    runtime().block_on(async {
        let limits = Limits { write_timeout: Duration::from_millis(5), ..Limits::default() };
        let word = Word::default();
        let mut io = GuardedIo::new(Holding::new(true), &limits, &word);
        let error = answer(&mut io).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    });
}

const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const TWO_HEADS: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// How many bytes hyper is shown of what comes now; and how often the word was sent.
fn shown(io: &mut GuardedIo<'_, Holding>, coming: &[&'static [u8]]) -> (usize, usize) {
    io.stream.coming.extend(coming);
    let (mut space, mut shown) = ([0; 1 << 10], 0);
    let cx = &mut Context::from_waker(Waker::noop());
    loop {
        let mut buf = ReadBuf::new(&mut space);
        if Pin::new(&mut *io).poll_read(cx, &mut buf).is_pending() {
            let sent = str::from_utf8(&io.stream.sent).unwrap();
            return (shown, sent.matches("direct").count());
        }
        shown += buf.filled().len();
    }
}

#[test]
fn a_whole_head_that_comes_alone_is_answered_without_hyper() {
    runtime().block_on(async {
        let word = Word::default();
        let mut io = GuardedIo::new(Holding::new(false), &Limits::default(), &word);
        assert_eq!(shown(&mut io, &[HEAD, HEAD]), (0, 2));
        // What is not, hyper is shown.
        assert_eq!(shown(&mut io, &[&HEAD[..9], &HEAD[9..]]), (HEAD.len(), 2));
        assert_eq!(shown(&mut io, &[HEAD]), (HEAD.len(), 2), "it owes an answer");
    });
}

#[test]
fn an_answer_that_is_awaited_is_sent_before_anything_more_is_read() {
    runtime().block_on(async {
        let word = Word { looks: 2.into(), ..Word::default() };
        let mut io = GuardedIo::new(Holding::new(false), &Limits::default(), &word);
        assert_eq!(shown(&mut io, &[HEAD, HEAD]), (0, 0));
        // hyper, which is idle, flushes whenever it is polled.
        poll_fn(|cx| Pin::new(&mut io).poll_flush(cx)).await.unwrap();
        assert_eq!((shown(&mut io, &[]), io.stream.coming.len()), ((0, 0), 1));
        assert_eq!((shown(&mut io, &[]), io.stream.coming.len()), ((0, 2), 0));
        assert!(io.held.is_empty() && io.is_hyper_idle);
    });
}

#[test]
fn a_head_whose_answer_was_awaited_and_is_for_hyper_is_shown_to_hyper() {
    runtime().block_on(async {
        let word = Word { looks: 1.into(), is_for_hyper: true, ..Word::default() };
        let mut io = GuardedIo::new(Holding::new(false), &Limits::default(), &word);
        assert_eq!(shown(&mut io, &[HEAD]), (0, 0));
        assert_eq!(shown(&mut io, &[]), (HEAD.len(), 0));
        assert_eq!(shown(&mut io, &[HEAD]), (HEAD.len(), 0), "it owes an answer");
        word.ended.store(2, Ordering::Relaxed);
        answer(&mut io).await.unwrap();
        assert!(io.is_hyper_idle);
    });
}

#[test]
fn heads_that_come_together_are_all_for_hyper() {
    runtime().block_on(async {
        let word = Word::default();
        let mut io = GuardedIo::new(Holding::new(false), &Limits::default(), &word);
        assert_eq!(shown(&mut io, &[TWO_HEADS]), (TWO_HEADS.len(), 0));
    });
}

#[test]
fn no_answer_overtakes_those_that_hyper_owes() {
    runtime().block_on(async {
        let word = Word::default();
        let mut io = GuardedIo::new(Holding::new(false), &Limits::default(), &word);
        shown(&mut io, &[TWO_HEADS]);
        assert_eq!(shown(&mut io, &[HEAD]), (HEAD.len(), 0), "it has answered nothing");
        word.ended.store(2, Ordering::Relaxed);
        answer(&mut io).await.unwrap();
        assert_eq!(shown(&mut io, &[HEAD]), (HEAD.len(), 0), "two of three are answered");
        word.ended.store(4, Ordering::Relaxed);
        assert_eq!(shown(&mut io, &[HEAD]), (HEAD.len(), 0), "they are in its buffer");
        word.ended.store(5, Ordering::Relaxed);
        answer(&mut io).await.unwrap();
        assert_eq!(shown(&mut io, &[HEAD]), (0, 1));
    });
}

#[test]
fn an_answer_of_ours_is_cut_off_in_the_time_of_a_write() {
    runtime().block_on(async {
        let limits = Limits { write_timeout: Duration::from_millis(5), ..Limits::default() };
        let word = Word::default();
        let mut io = GuardedIo::new(Holding::new(true), &limits, &word);
        io.stream.coming.push_back(HEAD);
        let mut space = [0; 64];
        let mut buf = ReadBuf::new(&mut space);
        let error = poll_fn(|cx| Pin::new(&mut io).poll_read(cx, &mut buf)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    });
}
