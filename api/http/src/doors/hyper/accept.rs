//! Takes connections until the door closes.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use distcache::codes;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::connection;
use super::farewell;
use super::handshake::shake;
use super::shared::Shared;
use crate::observe::Gauge;
use crate::{Problem, Service};

/// How long to wait when no connection can be accepted: files are free again
/// when others close, and trying at once would only burn the core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until the door closes, then waits until the last has ended.
pub(super) async fn until_drained<S: Service>(listener: TcpListener, shared: Arc<Shared<S>>) {
    while let Some(accepted) = next(&listener, &shared).await {
        match accepted {
            Ok(stream) => start(stream, &shared),
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                log::warn!("{}: {error}", codes::ACCEPT_FAILED);
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // From here on the port refuses.
    drop(listener);
    let all = u32::try_from(shared.limits.connections).expect("validated: at most a million");
    let ended = shared.connections.acquire_many(all).await;
    drop(ended);
}

/// The next connection; none when the door closes.
async fn next<S>(listener: &TcpListener, shared: &Shared<S>) -> Option<io::Result<TcpStream>> {
    let mut closing = pin!(shared.drain.heard());
    poll_fn(|cx| {
        if closing.as_mut().poll(cx).is_ready() || shared.drain.is_started() {
            return Poll::Ready(None);
        }
        listener.poll_accept(cx).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    })
    .await
}

fn start<S: Service>(stream: TcpStream, shared: &Arc<Shared<S>>) {
    // An answer is one write: waiting for more to send with it only delays it.
    // It fails on a connection that is gone, which reading will find out.
    let _ = stream.set_nodelay(true);
    if let Ok(permit) = Arc::clone(&shared.connections).try_acquire_owned() {
        let shared = Arc::clone(shared);
        let connections = &shared.watch.connections;
        connections.mark.note(connections.add(1));
        tokio::spawn(async move {
            let open = Open(&shared.watch.connections);
            serve(stream, &shared).await;
            drop((open, permit));
        });
        return;
    }
    shared.watch.connections.mark.reach();
    if let Ok(permit) = Arc::clone(&shared.refusals).try_acquire_owned() {
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            turn_away(stream, &shared).await;
            drop(permit);
        });
    }
}

/// Serves a connection to its end, under TLS if that is spoken here.
async fn serve<S: Service>(stream: TcpStream, shared: &Shared<S>) {
    let Some(tls) = &shared.tls else { return connection::serve(stream, shared).await };
    // In a box, so that a connection without TLS does not take the room of one with.
    Box::pin(async {
        if let Some(stream) = shake(stream, tls, shared).await {
            connection::serve(stream, shared).await;
        }
    })
    .await;
}

/// Says that there is no room, so that it can be understood.
async fn turn_away<S>(stream: TcpStream, shared: &Shared<S>) {
    let problem = Problem::new(503, codes::OVERLOADED)
        .detail("there are as many connections as the server takes")
        .retry_after(1);
    let Some(tls) = &shared.tls else { return farewell::send(stream, &problem).await };
    if let Some(stream) = shake(stream, tls, shared).await {
        farewell::send(stream, &problem).await;
    }
}

/// A connection that is open, counted out on drop.
struct Open<'a>(&'a Gauge);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.sub(1);
    }
}

/// Whether a connection was gone before it was accepted: no fault of ours.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
