//! A thousand who ask for one missing key at once, through all members: one load.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use hyper::{Method, StatusCode};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::{Client, path};
use crate::failed::Failed;
use crate::fleet::{Fleet, LOADED};
use crate::source::Source;

/// Who ask.
const ASK: usize = 1000;
/// Into the load, which takes 200 ms: when a member is killed.
const INTO_THE_LOAD: Duration = Duration::from_millis(100);

/// What came of the herds.
#[derive(Debug, Default)]
pub(crate) struct Herds {
    /// Rounds by the number of their loads: none, one, two, ...
    pub(crate) rounds_by_loads: Vec<u64>,
    /// Answers that were not the value, of members that were there all the time.
    pub(crate) wrong: Vec<String>,
}

/// A herd in each round, on a key of its own. In each, one member is killed in the
/// middle, if that is wanted; it may be the owner.
pub(crate) async fn herds(
    fleet: &Fleet,
    source: &Source,
    rounds: usize,
    mut kill: Option<Rng>,
) -> Result<Herds, Failed> {
    let mut herds = Herds::default();
    let members = (0..ASK).map(|number| number % fleet.count());
    let mut clients: Vec<_> =
        members.map(|member| (member, Client::new(fleet.address(member)))).collect();
    for round in 0..rounds {
        let key = format!("herd-{round}");
        let gate = Arc::new(Barrier::new(ASK + 1));
        let mut asking = JoinSet::new();
        for (member, mut client) in clients.drain(..) {
            let (gate, path) = (gate.clone(), path(LOADED, &key));
            asking.spawn(async move {
                // So that it is connected.
                let _ready = client.ask(Method::GET, "/livez", "").await;
                gate.wait().await;
                let answer = client.ask(Method::GET, &path, "").await;
                (member, client, answer)
            });
        }
        gate.wait().await;
        let mut killed = None;
        if let Some(rng) = &mut kill {
            sleep(INTO_THE_LOAD).await;
            let member = rng.usize(..fleet.count());
            fleet.kill(member)?;
            killed = Some(member);
        }
        let right = format!("value of {key}");
        while let Some(done) = asking.join_next().await {
            let (member, client, answer) = done.expect("clients do not panic");
            clients.push((member, client));
            let is_right = answer.as_ref().is_ok_and(|answer| {
                answer.status == StatusCode::OK && *answer.body == *right.as_bytes()
            });
            if !is_right && killed != Some(member) {
                herds.wrong.push(format!("round {round}, member {member}: {answer:?}"));
            }
        }
        herds.count(source.loads(&key));
        if let Some(member) = killed {
            fleet.begin(member)?;
            fleet.settled().await?;
        }
    }
    Ok(herds)
}

impl Herds {
    fn count(&mut self, loads: u64) {
        let loads = usize::try_from(loads).unwrap_or(usize::MAX).min(ASK);
        if self.rounds_by_loads.len() <= loads {
            self.rounds_by_loads.resize(loads + 1, 0);
        }
        self.rounds_by_loads[loads] += 1;
    }

    /// Prints what came of them. Returns whether no round had more loads than that, or
    /// none, and all answers were right.
    pub(crate) fn report(&self, loads_max: usize) -> bool {
        for (loads, rounds) in self.rounds_by_loads.iter().enumerate().filter(|one| 0 < *one.1) {
            println!("herds of {ASK} with {loads} loads: {rounds}");
        }
        println!("wrong answers: {}", self.wrong.len());
        for wrong in self.wrong.iter().take(10) {
            println!("  {wrong}");
        }
        let most = self.rounds_by_loads.len().saturating_sub(1);
        let some_without = self.rounds_by_loads.first().is_some_and(|rounds| 0 < *rounds);
        most <= loads_max && !some_without && self.wrong.is_empty()
    }
}
