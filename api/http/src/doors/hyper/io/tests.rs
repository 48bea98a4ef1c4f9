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
    /// How long each piece was that was written.
    writes: Vec<usize>,
    /// Whether the other end takes nothing.
    is_deaf: bool,
}

impl Holding {
    fn new(is_deaf: bool) -> Self {
        let (coming, held, sent, writes) = (VecDeque::new(), Vec::new(), Vec::new(), Vec::new());
        Self { coming, held, sent, writes, is_deaf }
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
        self.writes.push(bytes.len());
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

/// Answers each GET with one word.
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
    fn begin(&self, cx: &mut Context<'_>, head: &[u8]) -> Course {
        if head.starts_with(b"GET /slow") {
            return Course::Waits;
        }
        if head.starts_with(b"GET") { self.go_on(cx) } else { Course::IsForHyper }
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
/// One whose answer is awaited.
const SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
const FOR_HYPER: &[u8] = b"PUT / HTTP/1.1\r\nhost: a\r\n\r\n";

/// These together.
fn joined(heads: &[&[u8]]) -> &'static [u8] {
    heads.concat().leak()
}

/// How many bytes hyper is shown of what comes now; and how often the word was sent.
fn shown(io: &mut GuardedIo<'_, Holding>, coming: &[&'static [u8]]) -> (usize, usize) {
    io.stream.coming.extend(coming);
    let (mut space, mut shown) = (vec![0; 64 << 10], 0);
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
fn a_head_is_answered_without_hyper_in_whatever_pieces_it_comes() {
    runtime().block_on(async {
        let word = Word::default();
        let mut io = GuardedIo::new(Holding::new(false), &Limits::default(), &word);
        assert_eq!(shown(&mut io, &[HEAD, HEAD]), (0, 2));
        assert_eq!(shown(&mut io, &[&HEAD[..9], &HEAD[9..20], &HEAD[20..]]), (0, 3));
        assert_eq!(shown(&mut io, &[&HEAD[..9]]), (0, 3));
        assert_eq!(io.guard.phase(), Phase::Head, "it is cut off if the rest does not come");
        assert_eq!(shown(&mut io, &[&HEAD[9..]]), (0, 4));
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
        assert!(io.held.bytes.is_empty() && io.is_hyper_idle);
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
fn the_answers_to_requests_that_come_together_leave_together() {
    runtime().block_on(async {
        let word = Word::default();
        let mut io = GuardedIo::new(Holding::new(false), &Limits::default(), &word);
        let (whole, rest) = HEAD.split_at(5);
        assert_eq!(shown(&mut io, &[joined(&[HEAD, HEAD, whole]), rest]), (0, 3));
        let [two, one] = io.stream.writes[..] else { panic!("{:?}", io.stream.writes) };
        assert_eq!(two, 2 * one);
        // But not without bound.
        assert_eq!(shown(&mut io, &[joined(&[HEAD; 500])]), (0, 503));
        let writes = &io.stream.writes[2..];
        assert_eq!(writes.iter().sum::<usize>(), 500 * one);
        let longest = writes.iter().max().expect("there are some");
        assert!((16 << 10..(16 << 10) + one).contains(longest), "{writes:?}");
    });
}

#[test]
fn what_comes_behind_an_awaited_answer_is_answered_behind_it_and_what_came_before_does_not_wait() {
    runtime().block_on(async {
        let word = Word::default();
        let mut io = GuardedIo::new(Holding::new(false), &Limits::default(), &word);
        io.stream.coming.push_back(joined(&[HEAD, SLOW, HEAD, HEAD, FOR_HYPER, HEAD]));
        let mut space = [0; 1 << 10];
        let mut buf = ReadBuf::new(&mut space);
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut io).poll_read(cx, &mut buf).is_pending());
        assert_eq!(said(&io), 1, "the first waits for nobody");
        assert_eq!(io.stream.writes.len(), 1);
        // What hyper is shown is all that is behind, for it answers in order.
        assert_eq!(shown(&mut io, &[]), (FOR_HYPER.len() + HEAD.len(), 4));
        assert!(!io.is_hyper_idle);
    });
}

/// How often the word was sent.
fn said(io: &GuardedIo<'_, Holding>) -> usize {
    str::from_utf8(&io.stream.sent).unwrap().matches("direct").count()
}

#[test]
fn what_is_wrong_behind_requests_is_met_when_they_are_answered() {
    runtime().block_on(async {
        for before in [&[HEAD, HEAD][..], &[HEAD, SLOW]] {
            let word = Word::default();
            let mut io = GuardedIo::new(Holding::new(false), &Limits::default(), &word);
            let wrong = [before, &[b"GET / HTTP/1.1\n"]].concat();
            io.stream.coming.push_back(joined(&wrong));
            let mut space = [0; 1 << 10];
            let mut buf = ReadBuf::new(&mut space);
            let mut reads = 0;
            let cx = &mut Context::from_waker(Waker::noop());
            while Pin::new(&mut io).poll_read(cx, &mut buf).is_pending() {
                reads += 1;
                assert!(reads < 3, "it is awaited for ever");
            }
            assert_eq!((buf.filled().len(), said(&io)), (0, 2));
            let (_, parting) = io.into_parts(&DoorWatch::default());
            assert!(matches!(parting, Parting::Tell(_)), "{parting:?}");
        }
    });
}

#[test]
fn the_rest_of_a_body_is_no_request_also_where_it_reads_like_one() {
    runtime().block_on(async {
        let word = Word::default();
        let mut io = GuardedIo::new(Holding::new(false), &Limits::default(), &word);
        let head = format!("PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", HEAD.len());
        let (head, head_bytes) = (joined(&[head.as_bytes()]), head.len());
        assert_eq!(shown(&mut io, &[head]), (head_bytes, 0));
        // hyper refuses it, and has nothing more to say.
        word.ended.store(1, Ordering::Relaxed);
        answer(&mut io).await.unwrap();
        assert!(io.is_hyper_idle);
        assert_eq!(shown(&mut io, &[HEAD]), (HEAD.len(), 0));
    });
}

#[test]
fn no_answer_overtakes_those_that_hyper_owes() {
    runtime().block_on(async {
        let word = Word::default();
        let mut io = GuardedIo::new(Holding::new(false), &Limits::default(), &word);
        let two = joined(&[FOR_HYPER, HEAD]);
        assert_eq!(shown(&mut io, &[two]), (two.len(), 0));
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
