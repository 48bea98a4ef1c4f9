//! The post between the world's processes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::{Address, Post, Unreached};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{Clock, Dice, Host};

/// Carries messages, as well as it is told to. Clones are one network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Net(Arc<Mutex<Wires>>);

#[derive(Debug)]
struct Wires {
    under_way: Vec<Parcel>,
    /// From, to: nothing gets through.
    cut: BTreeSet<(usize, usize)>,
    dice: Dice,
    /// From, to: what gets through takes so long.
    slow: BTreeMap<(usize, usize), Duration>,
    /// The same of questions; answers take no longer.
    slow_questions: BTreeMap<(usize, usize), Duration>,
    /// Any other message takes so many milliseconds, or less.
    delay_ms: u64,
    /// Of a hundred messages, so many are lost.
    lost: u64,
    /// How many were sent, and how many bytes.
    sent: (u64, u64),
}

impl Default for Wires {
    fn default() -> Self {
        Self {
            under_way: Vec::new(),
            cut: BTreeSet::new(),
            dice: Dice(0),
            slow: BTreeMap::new(),
            slow_questions: BTreeMap::new(),
            delay_ms: 2,
            lost: 0,
            sent: (0, 0),
        }
    }
}

/// A message, due at a time.
#[derive(Debug)]
struct Parcel {
    from: usize,
    to: usize,
    due: Duration,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Question(Bytes, oneshot::Sender<Bytes>),
    Answer(Bytes, oneshot::Sender<Bytes>),
}

pub(crate) fn address(index: usize) -> String {
    format!("host-{index}:1")
}

fn index_of(address: &Address) -> usize {
    let number = address.as_str().strip_prefix("host-").and_then(|rest| rest.strip_suffix(":1"));
    number.and_then(|number| number.parse().ok()).expect("an address of this world")
}

impl Net {
    /// Takes from one way to another; lost and delayed as the seed says.
    pub(crate) fn roughen(&self, seed: u64, delay_ms: u64, lost: u64) {
        let mut wires = self.0.lock();
        (wires.dice, wires.delay_ms, wires.lost) = (Dice(seed), delay_ms, lost);
    }

    /// Nothing gets from these to those.
    pub(crate) fn cut_way(&self, from: &[usize], to: &[usize]) {
        let ways = from.iter().flat_map(|from| to.iter().map(|to| (*from, *to)));
        self.0.lock().cut.extend(ways);
    }

    /// Nothing gets from one side to the other.
    pub(crate) fn cut(&self, here: &[usize], there: &[usize]) {
        self.cut_way(here, there);
        self.cut_way(there, here);
    }

    /// What gets from one to the other takes so long.
    pub(crate) fn slow_way(&self, from: usize, to: usize, delay: Duration) {
        self.0.lock().slow.insert((from, to), delay);
    }

    /// What is asked by one of the other takes so long; what it answers does not.
    pub(crate) fn slow_questions(&self, from: usize, to: usize, delay: Duration) {
        self.0.lock().slow_questions.insert((from, to), delay);
    }

    /// Everything gets through again, and soon.
    pub(crate) fn heal(&self) {
        let mut wires = self.0.lock();
        wires.cut.clear();
        wires.slow.clear();
        wires.slow_questions.clear();
    }

    /// Messages and bytes so far.
    pub(crate) fn sent(&self) -> (u64, u64) {
        self.0.lock().sent
    }

    fn send(&self, now: Duration, from: usize, to: usize, content: Content) {
        let mut wires = self.0.lock();
        let bytes = match &content {
            Content::Question(bytes, _) | Content::Answer(bytes, _) => bytes.len() as u64,
        };
        wires.sent.0 += 1;
        wires.sent.1 += bytes;
        let most = wires.delay_ms;
        let any = Duration::from_millis(1 + wires.dice.roll(most));
        let slow = match &content {
            Content::Question(..) => wires.slow_questions.get(&(from, to)),
            Content::Answer(..) => None,
        };
        let due = now + slow.or_else(|| wires.slow.get(&(from, to))).copied().unwrap_or(any);
        if wires.lost <= wires.dice.roll(100) {
            wires.under_way.push(Parcel { from, to, due, content });
        }
    }

    /// Hands over what is due. What is for a paused process waits at its door.
    pub(crate) fn deliver(&self, now: Duration, hosts: &mut [Host]) {
        let due: Vec<Parcel> = {
            let mut wires = self.0.lock();
            let cut = wires.cut.clone();
            wires.under_way.retain(|parcel| !cut.contains(&(parcel.from, parcel.to)));
            let is_due = |parcel: &mut Parcel| parcel.due <= now && !hosts[parcel.to].is_paused();
            wires.under_way.extract_if(.., is_due).collect()
        };
        for Parcel { from, to, content, .. } in due {
            match content {
                Content::Answer(bytes, asker) => {
                    // Whoever asked may have given up.
                    let _given_up = asker.send(bytes);
                }
                Content::Question(bytes, asker) => {
                    let (net, clock) = (self.clone(), hosts[to].clock());
                    hosts[to].answer(Address::new(address(from)), bytes, move |answer| {
                        net.send(clock.world(), to, from, Content::Answer(answer, asker));
                    });
                }
            }
        }
    }

    /// The post of one process.
    pub(crate) fn post(&self, from: usize, clock: &Arc<Clock>) -> Arc<dyn Post> {
        Arc::new(Letterbox { net: self.clone(), from, clock: Arc::clone(clock) })
    }
}

#[derive(Debug)]
struct Letterbox {
    net: Net,
    from: usize,
    clock: Arc<Clock>,
}

impl Post for Letterbox {
    fn ask(
        &self,
        to: &Address,
        message: Bytes,
        within: Duration,
    ) -> BoxFuture<'_, Result<Bytes, Unreached>> {
        let (asker, answer) = oneshot::channel();
        let question = Content::Question(message, asker);
        self.net.send(self.clock.world(), self.from, index_of(to), question);
        let to = to.clone();
        async move {
            match tokio::time::timeout(within, answer).await {
                Ok(Ok(bytes)) => Ok(bytes),
                Ok(Err(_lost)) => {
                    // A lost message is not told of: only the time is.
                    tokio::time::sleep(within).await;
                    Err(Unreached { to, why: "it was lost".to_owned() })
                }
                Err(_elapsed) => Err(Unreached { to, why: "it took too long".to_owned() }),
            }
        }
        .boxed()
    }
}
