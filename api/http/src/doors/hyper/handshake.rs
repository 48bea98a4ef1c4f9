//! The handshake of TLS, and those who do not come through it.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;

use distcache::codes;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::farewell;
use super::shared::Shared;
use crate::Problem;
use crate::doors::Tls;
use crate::observe::Stranger;

/// The first byte of whoever speaks TLS: a record of the handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// Why there is no connection under TLS.
enum Failure {
    /// The client was gone before it had said anything.
    Gone,
    /// The client speaks something else.
    ClearText(TcpStream),
    /// The client and we have nothing in common, or it does not believe us.
    Refused(io::Error, TcpStream),
}

/// Shakes hands, in time. Whoever does not come through is told so, as far as it can
/// understand that, and counted. None also when the door closes meanwhile.
pub(super) async fn shake<S>(
    stream: TcpStream,
    tls: &Tls,
    shared: &Shared<S>,
) -> Option<TlsStream<TcpStream>> {
    let shaking = timeout(shared.limits.handshake_timeout, attempt(stream, tls));
    let failure = match unless_closing(shaking, shared).await? {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(failure)) => failure,
        Err(_late) => {
            shared.watch.late_to_shake();
            return None;
        }
    };
    match failure {
        Failure::Gone => {}
        Failure::ClearText(stream) => {
            shared.watch.met(Stranger::ClearText);
            farewell::send(stream, &not_tls()).await;
        }
        Failure::Refused(error, stream) => {
            shared.watch.met(Stranger::Handshake);
            log::debug!("a handshake failed: {error}");
            // What is wrong was said in an alert.
            farewell::linger(stream).await;
        }
    }
    None
}

async fn attempt(stream: TcpStream, tls: &Tls) -> Result<TlsStream<TcpStream>, Failure> {
    let mut first = [0];
    match stream.peek(&mut first).await {
        Ok(1) if first == [HANDSHAKE] => {}
        Ok(1) => return Err(Failure::ClearText(stream)),
        Ok(_) | Err(_) => return Err(Failure::Gone),
    }
    let shaken = TlsAcceptor::from(tls.config()).accept(stream).into_fallible().await;
    shaken.map_err(|(error, stream)| Failure::Refused(error, stream))
}

/// What comes of it; nothing when the door closes before: a request is not in it yet.
async fn unless_closing<T, S>(shaking: impl Future<Output = T>, shared: &Shared<S>) -> Option<T> {
    let mut closing = pin!(shared.drain.heard());
    let mut shaking = pin!(shaking);
    poll_fn(|cx| {
        // 1. The door is not closing yet.
        // 2. It closes, and wakes whoever listens.
        // 3. We begin to listen, and would wait for the client alone.
        // So we listen first and look then.
        if closing.as_mut().poll(cx).is_ready() || shared.drain.is_started() {
            return Poll::Ready(None);
        }
        shaking.as_mut().poll(cx).map(Some)
    })
    .await
}

/// In the clear, because the client is.
fn not_tls() -> Problem {
    Problem::new(400, codes::FRAMING_INVALID)
        .detail("this port speaks HTTP over TLS only; begin the URL with https://")
}
