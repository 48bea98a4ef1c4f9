//! What is done to members, their network and their source: one thing alone, and several
//! at once.

use std::sync::Arc;
use std::time::Duration;

use distcache_cluster::wire::Weather;
use fastrand::Rng;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

use super::world::World;
use crate::failed::Failed;

/// The kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A member ends at once, and starts anew.
    Kill,
    /// A member leaves in good order, and another one joins in its place.
    Leave,
    /// The tasks of a member's cluster are held up, and its clients are not.
    Stall,
    /// The same, and the clock by which values end stands still, as while a machine sleeps.
    Sleep,
    /// A pair is cut from each other.
    CutPair,
    /// One way of a pair is cut.
    CutOneWay,
    /// A member is cut off from all.
    CutOff,
    /// Half of all frames are lost.
    Drop,
    /// Frames are late, and overtake each other.
    Reorder,
    /// All connections of a pair break, again and again.
    Reset,
    /// The source is slow.
    SlowSource,
    /// The source fails.
    FailingSource,
    /// Data nodes panic, and are replaced.
    Panic,
    /// Something else takes all memory.
    Pressure,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 14] = [
        Self::Kill,
        Self::Leave,
        Self::Stall,
        Self::Sleep,
        Self::CutPair,
        Self::CutOneWay,
        Self::CutOff,
        Self::Drop,
        Self::Reorder,
        Self::Reset,
        Self::SlowSource,
        Self::FailingSource,
        Self::Panic,
        Self::Pressure,
    ];

    /// As a report tells it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Leave => "leave and join",
            Self::Stall => "cluster's tasks held up",
            Self::Sleep => "machine sleeps",
            Self::CutPair => "cut both ways",
            Self::CutOneWay => "cut one way",
            Self::CutOff => "cut off",
            Self::Drop => "frames lost",
            Self::Reorder => "frames late and out of order",
            Self::Reset => "connections reset",
            Self::SlowSource => "source slow",
            Self::FailingSource => "source fails",
            Self::Panic => "data node panics",
            Self::Pressure => "memory full",
        }
    }

    /// Whether it takes a member away for a time: a majority must stay.
    fn takes_away(self) -> bool {
        matches!(self, Self::Kill | Self::Leave)
    }
}

/// One fault, as it was drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blow {
    pub(super) kind: Kind,
    pub(super) member: usize,
    other: usize,
    /// So long after the round began.
    after: Duration,
    lasts: Duration,
}

/// How long a fault lasts: shorter and longer than a lease, of two seconds.
const LASTS_MS: std::ops::Range<u64> = 300..3_500;
/// By so much a machine sleeps.
/// So many faults come together at most.
const TOGETHER_MAX: usize = 3;
/// Between two breaks of a connection.
const BREAK_EVERY: Duration = Duration::from_millis(100);

/// Draws the faults of a round, of which `first` is one.
pub(super) fn draw(rng: &mut Rng, count: usize, first: Kind) -> Vec<Blow> {
    let together = rng.usize(1..=TOGETHER_MAX);
    let mut kinds = vec![first];
    while kinds.len() < together {
        let kind = Kind::ALL[rng.usize(..Kind::ALL.len())];
        let away = kinds.iter().filter(|kind| kind.takes_away()).count();
        let stays = !kind.takes_away() || away < (count - 1) / 2;
        if stays && !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let mut members: Vec<_> = (0..count).collect();
    rng.shuffle(&mut members);
    let mut blow = |(at, kind)| {
        let member = members[at % count];
        let other = (member + 1 + rng.usize(..count - 1)) % count;
        let (after, lasts) = (rng.u64(..300), rng.u64(LASTS_MS));
        let [after, lasts] = [after, lasts].map(Duration::from_millis);
        Blow { kind, member, other, after, lasts }
    };
    kinds.into_iter().enumerate().map(&mut blow).collect()
}

/// Deals them, and takes away what is left of them. Returns when that is done.
pub(super) async fn deal(world: &Arc<World>, blows: &[Blow]) -> Result<(), Failed> {
    let mut dealt = JoinSet::new();
    for blow in blows {
        let (world, blow) = (world.clone(), *blow);
        dealt.spawn(async move {
            sleep(blow.after).await;
            blow.deal(&world).await
        });
    }
    let mut outcome = Ok(());
    while let Some(done) = dealt.join_next().await {
        outcome = outcome.and(done.expect("to deal a fault does not panic"));
    }
    world.set_all(Weather::default());
    outcome
}

impl Blow {
    async fn deal(self, world: &Arc<World>) -> Result<(), Failed> {
        let Self { member, other, lasts, .. } = self;
        match self.kind {
            Kind::Kill => {
                world.kill(member);
                sleep(lasts).await;
                world.begin(member).await?;
            }
            Kind::Leave => {
                let away = world.leave(member).await;
                sleep(lasts / 2).await;
                world.begin(member).await?;
                drop(away);
            }
            Kind::Stall => {
                world.member(member).iter().for_each(|member| member.stall(lasts));
                sleep(lasts).await;
            }
            Kind::Sleep => {
                world.member(member).iter().for_each(|member| member.sleep(lasts));
                sleep(lasts).await;
            }
            Kind::CutPair => self.order(world, &[(member, other), (other, member)]).await,
            Kind::CutOneWay => self.order(world, &[(member, other)]).await,
            Kind::CutOff => {
                let others = (0..world.count()).filter(|at| *at != member);
                let ways: Vec<_> = others.flat_map(|at| [(member, at), (at, member)]).collect();
                self.order(world, &ways).await;
            }
            Kind::Drop => {
                world.set_all(Weather { lost_permille: 500, ..Weather::default() });
                sleep(lasts / 2).await;
                world.set_all(Weather::default());
            }
            Kind::Reorder => {
                let delay = Duration::from_millis(3);
                world.set_all(Weather { delay, late_permille: 200, ..Weather::default() });
                sleep(lasts).await;
                world.set_all(Weather::default());
            }
            Kind::Reset => {
                for _ in 0..lasts.as_millis() / BREAK_EVERY.as_millis() {
                    world.reset(member, other);
                    sleep(BREAK_EVERY).await;
                }
            }
            Kind::SlowSource => {
                world.database.be_slow(true);
                sleep(lasts).await;
                world.database.be_slow(false);
            }
            Kind::FailingSource => {
                world.database.fail(true);
                sleep(lasts).await;
                world.database.fail(false);
            }
            Kind::Panic => {
                for at in 0..2 {
                    world.member(member).iter().for_each(|member| member.blow_a_fuse(at));
                    sleep(lasts / 4).await;
                }
            }
            Kind::Pressure => {
                if let Some(member) = world.member(member) {
                    let brought = spawn_blocking(move || member.bring_ballast()).await;
                    brought.expect("what is refused is not kept, and no panic");
                }
            }
        }
        Ok(())
    }

    /// Cuts these ways for its time.
    async fn order(self, world: &World, ways: &[(usize, usize)]) {
        for (from, to) in ways {
            world.set(*from, *to, Weather::cut());
        }
        sleep(self.lasts).await;
        for (from, to) in ways {
            world.set(*from, *to, Weather::default());
        }
    }
}
