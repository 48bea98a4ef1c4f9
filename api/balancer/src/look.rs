//! Looks at each member, again and again: whether it wants requests.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use distcache::codes;
use futures_util::future::select;
use serde::Deserialize;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::line::Wire;
use crate::member::Member;
use crate::pool::NoConnection;
use crate::standing::{Seen, Standing};

/// What is read of an answer at most: a member that is not ready says why in a line.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// The thread that looks; it ends when this is dropped.
pub(crate) struct Looking(Option<(oneshot::Sender<()>, JoinHandle<()>)>);

impl Looking {
    /// Begins to look at these.
    pub(crate) fn start(members: &[Arc<Member>], look_timeout: Duration) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel();
        for member in members {
            runtime.spawn(watch(Arc::clone(member), look_timeout));
        }
        let look = move || {
            // It comes, or its sender is dropped.
            let _ = runtime.block_on(ended);
            // A name that is being resolved holds up nobody.
            runtime.shutdown_background();
        };
        let thread = Builder::new().name("distcache-balancer".to_owned()).spawn(look)?;
        Ok(Self(Some((end, thread))))
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.0.take() {
            drop(end);
            // It has panicked, or it has ended.
            let _ = thread.join();
        }
    }
}

#[expect(clippy::infinite_loop, reason = "it ends with its runtime")]
async fn watch(member: Arc<Member>, look_timeout: Duration) {
    loop {
        let look = member.look();
        let seen = timeout(look_timeout, ask(&member)).await.unwrap_or(Seen::Silence);
        let pause = member.note(look, seen);
        select(pin!(sleep(pause)), pin!(member.is_wanted())).await;
    }
}

/// Asks a member whether it is ready, on a connection of its own: that it still takes
/// some is a part of the question.
async fn ask(member: &Member) -> Seen {
    let mut line = match member.pool.connect().await {
        Ok(line) => line,
        Err(NoConnection::Late | NoConnection::Full) => return Seen::Silence,
        Err(NoConnection::Refused(error)) => {
            log::debug!("member {}: {error}", member.address);
            return Seen::Nobody;
        }
    };
    let head =
        format!("GET /readyz HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", member.host);
    let wire = Wire { head: head.into(), body: Bytes::new(), is_head: false };
    let Ok(head) = line.send(&wire).await else { return Seen::Nobody };
    if let Some(name) = head.member {
        member.introduced(name);
    }
    let body = line.whole(ANSWER_BYTES_MAX).await;
    Seen::Answer(standing(head.response.status(), &body.unwrap_or_default()))
}

/// What an answer of `/readyz` says.
fn standing(status: u16, body: &[u8]) -> Standing {
    #[derive(Deserialize)]
    struct Why {
        code: String,
    }
    if status == 200 {
        return Standing::Ready;
    }
    match serde_json::from_slice(body) {
        Ok(Why { code }) if code == codes::DRAINING.to_string() => Standing::Draining,
        _ => Standing::Unready,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_ready_draining_or_neither() {
        let draining = br#"{"code":"DC-114","detail":"it ends"}"#;
        assert_eq!(standing(200, b"ready\n"), Standing::Ready);
        assert_eq!(standing(200, draining), Standing::Ready);
        assert_eq!(standing(503, draining), Standing::Draining);
        let no_lease = br#"{"code":"DC-148"}"#;
        assert_eq!(standing(503, no_lease), Standing::Unready);
        assert_eq!(standing(404, b"<html>"), Standing::Unready);
    }
}
