//! Requests at a fixed rate, whatever becomes of those before.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};

/// Enough that one is always idle: the server answers or refuses within a tenth
/// of a second.
const CONNECTIONS: usize = 2_000;

/// Keys that no request has asked for before.
static NEXT_KEY: AtomicU64 = AtomicU64::new(0);

/// What came of the requests of one rate.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    seconds: f64,
    offered: usize,
    /// From when each was due, of those answered with a value; sorted.
    latencies: Vec<Duration>,
    pub(crate) refused: usize,
    pub(crate) refused_with_retry_after: usize,
    pub(crate) others: usize,
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
impl Outcome {
    pub(crate) fn values_per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    pub(crate) fn offered_per_second(&self) -> f64 {
        self.offered as f64 / self.seconds
    }

    pub(crate) fn refused_per_second(&self) -> f64 {
        self.refused as f64 / self.seconds
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "part of a length")]
    pub(crate) fn percentile_ms(&self, part: f64) -> f64 {
        let at = (self.latencies.len() as f64 * part) as usize;
        self.latencies.get(at).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
    }

    fn note(&mut self, due: Instant, answer: &Answer) {
        match *answer {
            Answer { status: 200, .. } => self.latencies.push(due.elapsed()),
            Answer { status: 503, retry_after } => {
                self.refused += 1;
                self.refused_with_retry_after += usize::from(retry_after);
            }
            _ => self.others += 1,
        }
    }
}

struct Answer {
    status: u16,
    retry_after: bool,
}

/// Asks for `per_second` missing keys a second, for so long.
pub(crate) fn offer(address: SocketAddr, per_second: f64, time: Duration) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("threads").block_on(offer_async(address, per_second, time))
}

async fn offer_async(address: SocketAddr, per_second: f64, time: Duration) -> Outcome {
    let outcome = Arc::new(Mutex::new(Outcome::default()));
    let (requests, queue) = mpsc::channel(CONNECTIONS);
    let queue = Arc::new(Mutex::new(queue));
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let stream = TcpStream::connect(address).await.expect("the door listens");
        stream.set_nodelay(true).expect("an open socket");
        clients.push(tokio::spawn(client(stream, queue.clone(), outcome.clone())));
    }
    let (started, offered) = send_on_time(&requests, per_second, time).await;
    drop(requests);
    for client in clients {
        client.await.expect("a client does not panic");
    }
    let mut outcome = std::mem::take(&mut *outcome.lock().await);
    outcome.seconds = started.elapsed().as_secs_f64();
    outcome.offered = offered;
    outcome.latencies.sort_unstable();
    outcome
}

/// Hands out requests when they are due; several at once where the clock of the
/// runtime is coarser than their distance.
async fn send_on_time(
    requests: &mpsc::Sender<Instant>,
    per_second: f64,
    time: Duration,
) -> (Instant, usize) {
    let started = now();
    let mut offered = 0_u32;
    loop {
        let due = started + Duration::from_secs_f64(f64::from(offered) / per_second);
        if time < due - started {
            return (started, offered as usize);
        }
        if now() < due {
            tokio::time::sleep_until(due.into()).await;
        }
        requests.send(due).await.expect("the clients wait for requests");
        offered += 1;
    }
}

async fn client(
    stream: TcpStream,
    queue: Arc<Mutex<mpsc::Receiver<Instant>>>,
    outcome: Arc<Mutex<Outcome>>,
) {
    let mut stream = BufReader::new(stream);
    loop {
        let due = queue.lock().await.recv().await;
        let Some(due) = due else { return };
        let answer = ask(&mut stream).await.expect("the door answers");
        outcome.lock().await.note(due, &answer);
    }
}

async fn ask(stream: &mut BufReader<TcpStream>) -> std::io::Result<Answer> {
    let key = NEXT_KEY.fetch_add(1, Ordering::Relaxed);
    let request = format!("GET /v1/keyspaces/rows/keys/{key} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes()).await?;
    let (mut line, mut status, mut length, mut retry_after) = (String::new(), 0, 0, false);
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or_default();
        }
        retry_after |= line.starts_with("retry-after: ");
        if let Some(text) = line.strip_prefix("content-length: ") {
            length = text.trim_end().parse().expect("digits");
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Answer { status, retry_after })
}

#[expect(clippy::disallowed_methods, reason = "what is measured is real time")]
fn now() -> Instant {
    Instant::now()
}
