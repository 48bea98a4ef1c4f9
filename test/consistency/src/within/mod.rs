//! A cluster within this process: members over a network whose weather is ordered, each
//! with a clock of its own, whose clients do all that can be done with an engine.
//!
//! It is far quicker than processes are, and deals what cannot be dealt to those: frames
//! that are lost or late, a machine that sleeps, a data node that panics, several at once. What
//! is drawn at random follows from the seed: who is hit by what and when, and what each
//! client asks for. In which order threads take their turns does not.

mod clients;
mod clock;
mod database;
mod faults;
mod member;
mod world;

use std::sync::Arc;
use std::time::Duration;

use distcache::KeyspaceStats;
use fastrand::Rng;
use tokio::time::sleep;

use crate::arguments::Arguments;
use crate::checker::Window;
use crate::failed::Failed;
use crate::report::{Demands, Fault, report, report_sourced};
use crate::watch::Watch;
use clients::{Clients, Seen};
use faults::{Blow, Kind};
use world::World;

/// Keys of each keyspace: few, so that each is hot.
const KEYS: u32 = 40;
/// Between two rounds: when all is well, what is written stays.
const CALM: Duration = Duration::from_millis(500);
/// The share of the faults that has hit, as it must come out at least.
const HIT_SHARE_MIN: f64 = 0.8;
/// The share of the calls that write, as it must come out at least.
const WRITES_MIN: f64 = 0.2;

/// The number of a keyspace's key. No two keyspaces have the same.
fn key_of(space: usize, number: u32) -> u32 {
    u32::try_from(space).expect("few keyspaces") * KEYS + number
}

/// The tag of a key's values, which a quarter of all bear.
fn tag_of(key: u32) -> String {
    format!("tag-{}", key % 4)
}

/// So many rounds of faults among so many members, and more until so many calls were answered.
/// Prints what came of it; returns whether all was as it should be.
pub(crate) async fn within(arguments: &Arguments) -> Result<bool, Failed> {
    let Arguments { rounds, members, seed, calls_min, .. } = *arguments;
    let world = World::start(members, seed).await?;
    let watch = Watch::start();
    let clients = Clients::start(&world, watch, arguments);
    let mut rng = Rng::with_seed(seed);
    let (mut faults, mut kinds) = (Vec::new(), Vec::new());
    let mut round = 0;
    while round < rounds || clients.done() < calls_min {
        if kinds.is_empty() {
            kinds = Kind::ALL.to_vec();
            rng.shuffle(&mut kinds);
        }
        let first = kinds.pop().expect("there are kinds");
        let blows = faults::draw(&mut rng, members, first);
        let names: Vec<_> = blows.iter().map(|blow| (blow.kind.name(), blow.member)).collect();
        let now_ms = watch.now() / 1_000_000;
        println!("round {round} at {now_ms} ms, {} calls: {names:?}", clients.done());
        faults.extend(deal(&world, watch, &blows).await?);
        sleep(CALM).await;
        round += 1;
    }
    let seen = clients.end().await;
    let is_good = tell(&world, &seen, &faults);
    world.end().await;
    Ok(is_good)
}

/// What shows that a fault has hit, before it or after.
struct Signs {
    epoch: u64,
    troubled_loads: u64,
    evicted: u64,
    replaced: u64,
}

impl Signs {
    fn of(world: &World, epoch: u64) -> Self {
        let members: Vec<_> = (0..world.count()).filter_map(|at| world.member(at)).collect();
        Self {
            epoch,
            troubled_loads: world.database.troubled(),
            evicted: members.iter().map(|member| member.evicted()).sum(),
            replaced: members.iter().map(|member| member.replaced()).sum(),
        }
    }

    /// Whether those whom a fault was dealt to say that it has hit; `None` where clients
    /// see it.
    fn tell(&self, before: &Self, kind: Kind) -> Option<bool> {
        match kind {
            Kind::SlowSource | Kind::FailingSource => {
                Some(before.troubled_loads < self.troubled_loads)
            }
            // Those of a member that is started anew are counted anew.
            Kind::Pressure => Some(before.evicted != self.evicted),
            Kind::Panic => Some(before.replaced != self.replaced),
            _ => None,
        }
    }
}

/// Deals the faults of a round, and waits until all is well again.
async fn deal(world: &Arc<World>, watch: Watch, blows: &[Blow]) -> Result<Vec<Fault>, Failed> {
    let epoch = world.settled().await?;
    let before = Signs::of(world, epoch);
    let began = watch.now();
    faults::deal(world, blows).await?;
    let epoch = world.settled().await?;
    let window = Window { began, ended: watch.now() };
    let after = Signs::of(world, epoch);
    let views = after.epoch.abs_diff(before.epoch);
    let fault = |blow: &Blow| {
        let (kind, told) = (blow.kind.name(), after.tell(&before, blow.kind));
        Fault { kind, member: blow.member, window, views, told }
    };
    Ok(blows.iter().map(fault).collect())
}

fn tell(world: &World, seen: &Seen, faults: &[Fault]) -> bool {
    let members: Vec<_> = (0..world.count()).filter_map(|at| world.member(at)).collect();
    let hits = |of: fn(&KeyspaceStats) -> u64| -> u64 {
        let all = members.iter().flat_map(|member| member.stats());
        all.map(|stats| of(&stats)).sum()
    };
    let demands = Demands {
        // A fault may find everybody held up by another one.
        faults_min: 0,
        hit_share_min: HIT_SHARE_MIN,
        no_failures: false,
        recovery_max: None,
        copy_hits: Some(hits(|stats| stats.copy_hits)),
        near_hits: Some(hits(|stats| stats.near_hits)),
        writes_min: WRITES_MIN,
        calls_min: 0,
    };
    println!("keys that are put:");
    let is_good = report(&seen.put, faults, demands);
    println!("keys that are loaded:");
    report_sourced(&seen.loaded, faults) && is_good
}
