//! Clients that write, read and delete without end, each at one member, and remember
//! all of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastrand::Rng;
use hyper::{Method, StatusCode};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::{Answer, Client, NoAnswer, path};
use crate::fleet::{Fleet, PLAIN};
use crate::history::{Failure, History};
use crate::operation::{Found, Operation, What};
use crate::watch::Watch;

/// Few, so that each is hot.
pub(crate) const KEYS: u32 = 100;

/// How often which key is asked for, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mix {
    /// Each key as often as any other; a third writes.
    Even,
    /// By Zipf's law; few write.
    Hot,
}

/// The skew of what is hot.
const ZIPF: f64 = 1.2;

impl Mix {
    /// Of a hundred calls, those that write, and those that delete; the others read.
    fn changes(self) -> (u32, u32) {
        match self {
            Self::Even => (35, 2),
            Self::Hot => (4, 1),
        }
    }

    /// The share of calls that write, as it must come out at least.
    pub(crate) fn writes_min(self) -> f64 {
        match self {
            Self::Even => 0.3,
            Self::Hot => 0.03,
        }
    }

    /// Up to which chance each key is drawn.
    fn chances(self) -> Vec<f64> {
        let weight = |rank: u32| match self {
            Self::Even => 1.0,
            Self::Hot => f64::from(rank).powf(-ZIPF),
        };
        let sum: f64 = (1..=KEYS).map(weight).sum();
        let mut up_to = 0.0;
        let mut next = |rank| {
            up_to += weight(rank) / sum;
            up_to
        };
        (1..=KEYS).map(&mut next).collect()
    }
}

const CLIENTS_A_MEMBER: usize = 4;
/// Between two calls of a client: members and clients share the machine.
const THINKING: Duration = Duration::from_millis(1);
/// After one that failed.
const PAUSE: Duration = Duration::from_millis(20);

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Load {
    is_over: Arc<AtomicBool>,
    /// Held for writing while nobody is to ask the member.
    gates: Vec<Arc<RwLock<()>>>,
    clients: JoinSet<History>,
}

impl Load {
    /// Begins to ask all members.
    pub(crate) fn start(fleet: &Fleet, watch: Watch, seed: u64, mix: Mix) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let gates: Vec<_> = (0..fleet.count()).map(|_| Arc::new(RwLock::new(()))).collect();
        let mut clients = JoinSet::new();
        for (member, gate) in gates.iter().enumerate() {
            for _ in 0..CLIENTS_A_MEMBER {
                let number = clients.len() as u64;
                let worker = Worker {
                    member: u8::try_from(member).expect("few members"),
                    client: Client::new(fleet.address(member)),
                    rng: Rng::with_seed(seed ^ number << 32),
                    mix,
                    chances: mix.chances(),
                    next_value: number << 40,
                    watch,
                    history: History::default(),
                };
                clients.spawn(worker.run(gate.clone(), is_over.clone()));
            }
        }
        Self { is_over, gates, clients }
    }

    /// Asks a member nothing while the guard is there, as a load balancer does before it
    /// is restarted. Returns when all that was asked is answered.
    pub(crate) async fn look_away(&self, member: usize) -> OwnedRwLockWriteGuard<()> {
        self.gates[member].clone().write_owned().await
    }

    /// Ends all clients. What they have seen.
    pub(crate) async fn end(mut self) -> History {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = History::default();
        while let Some(ended) = self.clients.join_next().await {
            let one = ended.expect("clients do not panic");
            all.add(one);
        }
        all
    }
}

/// One client.
struct Worker {
    member: u8,
    client: Client,
    rng: Rng,
    mix: Mix,
    chances: Vec<f64>,
    /// No two writes have the same.
    next_value: u64,
    watch: Watch,
    history: History,
}

impl Worker {
    async fn run(mut self, gate: Arc<RwLock<()>>, is_over: Arc<AtomicBool>) -> History {
        while !is_over.load(Ordering::Relaxed) {
            let allowed = gate.read().await;
            let has_failed = self.call().await;
            drop(allowed);
            sleep(if has_failed { PAUSE } else { THINKING }).await;
        }
        self.history
    }

    /// Makes one call. Returns whether it has failed.
    async fn call(&mut self) -> bool {
        let drawn = self.rng.f64();
        let key = self.chances.partition_point(|up_to| *up_to <= drawn).min(KEYS as usize - 1);
        let key = u32::try_from(key).expect("there are few keys");
        let (writes, deletes) = self.mix.changes();
        let path = path(PLAIN, &format!("key-{key}"));
        let (method, body) = match self.rng.u32(..100) {
            drawn if drawn < writes => {
                self.next_value += 1;
                (Method::PUT, self.next_value.to_string())
            }
            drawn if drawn < writes + deletes => (Method::DELETE, String::new()),
            _ => (Method::GET, String::new()),
        };
        let began = self.watch.now();
        let answer = self.client.ask(method.clone(), &path, &body).await;
        let ended = self.watch.now();
        let (what, failed) = outcome(&method, self.next_value, &answer);
        if let Some(what) = what {
            let ended = failed.is_none().then_some(ended);
            self.history.operations.push(Operation {
                key,
                member: self.member,
                began,
                ended,
                what,
            });
        }
        let has_failed = failed.is_some();
        let member = self.member;
        self.history.failures.extend(failed.map(|said| Failure { member, began, ended, said }));
        has_failed
    }
}

/// What a call was, if it may have been done; and how it failed.
fn outcome(
    method: &Method,
    value: u64,
    answer: &Result<Answer, NoAnswer>,
) -> (Option<What>, Option<String>) {
    let may_be_done = match *method {
        Method::PUT => Some(What::Write { value, version: None }),
        Method::DELETE => Some(What::Delete),
        _ => None,
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(NoAnswer::NotConnected) => return (None, Some("not connected".to_owned())),
        Err(NoAnswer::Lost) => return (may_be_done, Some("no answer".to_owned())),
    };
    let found = || {
        let value = std::str::from_utf8(&answer.body).ok()?.parse().ok()?;
        Some(Found { value, version: answer.version? })
    };
    let done = match (answer.status, method.as_str()) {
        (StatusCode::OK, "GET") => found().map(|found| What::Read(Some(found))),
        (StatusCode::NOT_FOUND, "GET") => Some(What::Read(None)),
        (StatusCode::NO_CONTENT | StatusCode::NOT_FOUND, "DELETE") => Some(What::Delete),
        (StatusCode::NO_CONTENT, "PUT") => {
            answer.version.map(|version| What::Write { value, version: Some(version) })
        }
        _ => None,
    };
    if done.is_some() {
        return (done, None);
    }
    let body = String::from_utf8_lossy(&answer.body);
    (may_be_done, Some(format!("{}: {body}", answer.status)))
}
