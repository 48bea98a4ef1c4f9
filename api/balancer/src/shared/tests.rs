//! What many ask on one connection, and what each of them is told.

use std::io::IoSlice;
use std::sync::atomic::{AtomicUsize, Ordering};

use distcache_http::AT_ONCE_HEADER;
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex,
};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tokio::time::{advance, pause};

use super::*;

const MANY_BYTES: usize = 1 << 20;

/// Nobody is there: the connection is given by the test.
fn nowhere() -> Arc<Shared> {
    to("127.0.0.1:1")
}

fn to(address: &str) -> Arc<Shared> {
    let address = address.parse().expect("an address");
    Arc::new(Shared::new(Arc::new(Pool::new(address, None, 1, Duration::from_secs(1)))))
}

/// Works a connection to the member at the other end.
fn worked(shared: &Arc<Shared>, stream: impl Stream + 'static) -> JoinHandle<io::Result<()>> {
    shared.queue.lock().worker = Worker::Busy;
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let _worked = Worked { shared: Arc::clone(&shared), next: Worker::None };
        let mut work = Work::new(&shared, Box::new(stream));
        std::future::poll_fn(|cx| work.poll(cx)).await
    })
}

/// What one is told who asks for this.
async fn asked(shared: Arc<Shared>, what: usize) -> Option<String> {
    let answer = shared.ask(false, |bytes, line| write(bytes, what, line)).await?;
    Some(String::from_utf8(answer.body.to_vec()).expect("a text"))
}

fn write(bytes: &mut Vec<u8>, what: usize, line: &str) {
    bytes.extend_from_slice(format!("GET /{what} HTTP/1.1\r\n{line}\r\n").as_bytes());
}

/// The next so many requests, as they came.
async fn heard(member: &mut DuplexStream, count: usize) -> Vec<String> {
    let mut text = String::new();
    while text.matches("\r\n\r\n").count() < count {
        let mut some = [0; 4096];
        let bytes = member.read(&mut some).await.expect("it is asked");
        assert_ne!(bytes, 0, "it was closed");
        text.push_str(str::from_utf8(&some[..bytes]).expect("a text"));
    }
    text.split_terminator("\r\n\r\n").map(str::to_owned).collect()
}

/// Tells each what it has asked for.
async fn tells(member: &mut DuplexStream, requests: &[String]) {
    for request in requests {
        let what = request.split(' ').nth(1).expect("a target");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{what}", what.len());
        member.write_all(answer.as_bytes()).await.expect("it is heard");
    }
}

#[test]
fn it_says_at_once_as_members_understand_it() {
    assert_eq!(AT_ONCE_LINE, format!("{AT_ONCE_HEADER}: {BODY_BYTES_MAX}\r\n"));
}

/// Counts the writes.
struct Counted(DuplexStream, Arc<AtomicUsize>);

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        unreachable!("it is one piece")
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[test]
fn what_all_ask_that_can_leaves_in_one_write() {
    // As a door runs it: whoever is woken last runs first.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let writes = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&writes);
    let all = runtime.spawn(async move {
        let (shared, (here, mut member)) = (nowhere(), duplex(MANY_BYTES));
        let working = worked(&shared, Counted(here, counts));
        for _ in 0..3 {
            let asking: Vec<_> =
                (0..10).map(|what| tokio::spawn(asked(Arc::clone(&shared), what))).collect();
            let requests = heard(&mut member, 10).await;
            tells(&mut member, &requests).await;
            for (what, one) in asking.into_iter().enumerate() {
                assert_eq!(one.await.expect("no panic"), Some(format!("/{what}")));
            }
        }
        assert_eq!(shared.in_use(), 0);
        drop(member);
        working.await.expect("no panic").expect("it was closed");
    });
    runtime.block_on(all).expect("no panic");
    assert_eq!(writes.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn who_has_gone_away_leaves_no_answer_to_others() {
    let (shared, (here, mut member)) = (nowhere(), duplex(MANY_BYTES));
    let _working = worked(&shared, here);
    let [first, second, third] =
        [0, 1, 2].map(|what| tokio::spawn(asked(Arc::clone(&shared), what)));
    let requests = heard(&mut member, 3).await;
    second.abort();
    assert!(second.await.is_err());
    tells(&mut member, &requests).await;
    let told = (first.await.expect("no panic"), third.await.expect("no panic"));
    assert_eq!(told, (Some("/0".to_owned()), Some("/2".to_owned())));
    assert_eq!(shared.in_use(), 0);
}

#[tokio::test]
async fn no_more_wait_than_may_and_when_it_ends_nobody_does() {
    let (shared, (here, mut member)) = (nowhere(), duplex(MANY_BYTES));
    let working = worked(&shared, here);
    let asking: Vec<_> =
        (0..ASKED_MAX).map(|what| tokio::spawn(asked(Arc::clone(&shared), what))).collect();
    heard(&mut member, ASKED_MAX).await;
    assert_eq!(asked(Arc::clone(&shared), 0).await, None);
    assert_eq!(shared.bound().reached, 1);
    drop(member);
    working.await.expect("no panic").expect("it was closed");
    for one in asking {
        assert_eq!(one.await.expect("no panic"), None);
    }
    assert_eq!(shared.in_use(), 0);
}

#[tokio::test]
async fn no_more_is_kept_for_a_member_that_reads_nothing_than_may() {
    let (shared, (here, _member)) = (nowhere(), duplex(64));
    let _working = worked(&shared, here);
    let long = vec![b'x'; QUEUED_BYTES_MAX];
    let ask = |shared: Arc<Shared>, long: Vec<u8>| async move {
        shared.ask(false, |bytes, _| bytes.extend_from_slice(&long)).await.is_some()
    };
    // One is being written, and the next is queued.
    let asking = [(); 2].map(|()| ask(Arc::clone(&shared), long.clone()));
    for one in asking {
        tokio::spawn(one);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(shared.in_use(), 2);
    assert!(!ask(Arc::clone(&shared), Vec::new()).await);
}

#[tokio::test]
async fn one_that_is_stuck_is_given_up_and_left_alone_for_a_while() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let shared = to(&listener.local_addr().expect("it is bound").to_string());
    // It hears everything, and says nothing.
    assert_eq!(asked(Arc::clone(&shared), 0).await, None);
    assert!(matches!(shared.queue.lock().worker, Worker::Rests(_)));
    assert_eq!(asked(Arc::clone(&shared), 0).await, None);
    assert!(matches!(shared.queue.lock().worker, Worker::Rests(_)), "nobody has begun");
    // Then it is tried again.
    shared.queue.lock().worker = Worker::Rests(Instant::now());
    let (told, ()) = tokio::join!(asked(Arc::clone(&shared), 7), async {
        let _stuck = listener.accept().await.expect("the first one");
        let (mut member, _) = listener.accept().await.expect("another one");
        let mut some = [0; 64];
        let _ = member.read(&mut some).await.expect("it is asked");
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/7";
        member.write_all(answer).await.expect("it is heard");
    });
    assert_eq!(told.as_deref(), Some("/7"));
}

#[tokio::test]
async fn where_nobody_is_nobody_waits_and_the_next_one_tries_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let shared = to(&listener.local_addr().expect("it is bound").to_string());
    drop(listener);
    for _ in 0..2 {
        assert_eq!(asked(Arc::clone(&shared), 0).await, None);
        assert!(matches!(shared.queue.lock().worker, Worker::None));
    }
}

#[tokio::test]
async fn one_that_is_idle_for_long_is_closed() {
    pause();
    let (shared, (here, mut member)) = (nowhere(), duplex(MANY_BYTES));
    let working = worked(&shared, here);
    let asking = tokio::spawn(asked(Arc::clone(&shared), 0));
    let requests = heard(&mut member, 1).await;
    tells(&mut member, &requests).await;
    assert_eq!(asking.await.expect("no panic").as_deref(), Some("/0"));
    advance(IDLE_MAX / 2).await;
    assert!(!working.is_finished());
    // Time goes on by itself where everybody waits.
    working.await.expect("no panic").expect("it is closed in good order");
    assert!(matches!(shared.queue.lock().worker, Worker::None));
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_ends_it() {
    let (shared, (here, mut member)) = (nowhere(), duplex(MANY_BYTES));
    let working = worked(&shared, here);
    tells(&mut member, &["GET /0 HTTP/1.1".to_owned()]).await;
    let error = working.await.expect("no panic").expect_err("it is nobody's");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}
