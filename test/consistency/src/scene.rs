//! The runs: what is done to a cluster while its clients work.

use std::time::Duration;

use fastrand::Rng;
use hyper::{Method, StatusCode};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::checker::Window;
use crate::client::{Client, path};
use crate::failed::Failed;
use crate::fleet::{Fleet, LOADED};
use crate::load::Load;
use crate::network::Way;
use crate::operation::Nanos;
use crate::proxy::Quality;
use crate::report::Fault;
use crate::watch::Watch;

/// Before the first fault, and between two: when all is well, what is written stays.
const CALM: Duration = Duration::from_secs(2);
/// How long one that was killed stays away: longer than a lease, and than the others
/// need to agree that it is gone.
const AWAY: Duration = Duration::from_secs(4);
/// How long one stands still while another is away: a lease, and what it takes the others to
/// agree that both are gone.
const STILL: Duration = Duration::from_secs(3);
/// How long a cut lasts.
const CUT: Duration = Duration::from_secs(6);
const CUT_OFF: &str = "cut off";
const LATE: &str = "late";
const BROKEN_OFF: &str = "broken off";
/// How long connections stand before they are reset once more.
const BREAK_EVERY: Duration = Duration::from_millis(100);
/// Within which one that is cut off answers from the source.
const PASS_WITHIN: Duration = Duration::from_secs(5);

/// A cluster with clients at work.
#[derive(Debug)]
pub(crate) struct Scene {
    /// The cluster.
    pub(crate) fleet: Fleet,
    /// Its clients.
    pub(crate) load: Load,
    /// The clock of all.
    pub(crate) watch: Watch,
    /// Who is hit.
    pub(crate) rng: Rng,
    /// By which view all worked when all was well last.
    pub(crate) epoch: u64,
}

impl Scene {
    /// All is well for so long. Then: who is hit next, and since when.
    async fn next(&mut self, calm: Duration) -> (usize, Nanos) {
        sleep(calm).await;
        (self.rng.usize(..self.fleet.count()), self.watch.now())
    }

    /// Again and again one member is killed, and starts anew.
    pub(crate) async fn kill(&mut self, rounds: usize) -> Result<Vec<Fault>, Failed> {
        let mut faults = Vec::new();
        for _ in 0..rounds {
            let (member, began) = self.next(CALM).await;
            self.fleet.kill(member)?;
            sleep(AWAY).await;
            self.fleet.settled().await?;
            self.fleet.begin(member)?;
            faults.push(self.well_again("kill -9", member, began).await?);
        }
        Ok(faults)
    }

    /// Again and again one member stands still for so long.
    pub(crate) async fn pause(
        &mut self,
        rounds: usize,
        time: Duration,
    ) -> Result<Vec<Fault>, Failed> {
        let mut faults = Vec::new();
        for _ in 0..rounds {
            let (member, began) = self.next(CALM).await;
            self.fleet.pause(member)?;
            sleep(time).await;
            self.fleet.resume(member)?;
            faults.push(self.well_again("SIGSTOP", member, began).await?);
        }
        Ok(faults)
    }

    /// Again and again one member is killed while another stands still: a majority is left of
    /// five.
    pub(crate) async fn kill_and_pause(&mut self, rounds: usize) -> Result<Vec<Fault>, Failed> {
        let mut faults = Vec::new();
        let count = self.fleet.count();
        for _ in 0..rounds {
            let (killed, began) = self.next(CALM / 2).await;
            let paused = (killed + 1 + self.rng.usize(..count - 1)) % count;
            self.fleet.pause(paused)?;
            self.fleet.kill(killed)?;
            sleep(STILL).await;
            self.fleet.resume(paused)?;
            self.fleet.begin(killed)?;
            let kill = self.well_again("kill -9", killed, began).await?;
            faults.extend([Fault { kind: "SIGSTOP", member: paused, ..kill.clone() }, kill]);
        }
        Ok(faults)
    }

    /// Again and again two members are killed at once: a majority is left of five, and with
    /// three replicas one holder of every entry.
    pub(crate) async fn kill_two(&mut self, rounds: usize) -> Result<Vec<Fault>, Failed> {
        let mut faults = Vec::new();
        let count = self.fleet.count();
        for _ in 0..rounds {
            let (one, began) = self.next(CALM).await;
            let other = (one + 1 + self.rng.usize(..count - 1)) % count;
            for member in [one, other] {
                self.fleet.kill(member)?;
            }
            sleep(AWAY).await;
            self.fleet.settled().await?;
            for member in [one, other] {
                self.fleet.begin(member)?;
            }
            let kill = self.well_again("kill -9", one, began).await?;
            faults.extend([Fault { member: other, ..kill.clone() }, kill]);
        }
        Ok(faults)
    }

    /// One member after the other is restarted in good order, all of them in each round.
    pub(crate) async fn roll(&mut self, rounds: usize) -> Result<Vec<Fault>, Failed> {
        let mut faults = Vec::new();
        let count = self.fleet.count();
        for member in (0..rounds).flat_map(|_| 0..count) {
            sleep(CALM).await;
            let began = self.watch.now();
            let away = self.load.look_away(member).await;
            self.fleet.end(member).await?;
            let leave = self.well_again("leave", member, began).await?;
            let left = leave.window.ended;
            faults.push(leave);
            self.fleet.begin(member)?;
            faults.push(self.well_again("join", member, left).await?);
            drop(away);
        }
        Ok(faults)
    }

    /// Again and again links are cut: one pair's both ways, one way, and all of one member;
    /// over a server the last alone. With proxies all of one member are also late, and broken
    /// off.
    pub(crate) async fn cut(&mut self, rounds: usize) -> Result<Vec<Fault>, Failed> {
        let mut faults = Vec::new();
        let kinds: &[_] = if self.fleet.is_carried() {
            &[CUT_OFF]
        } else if self.fleet.network().proxies().is_some() {
            &["cut both ways", "cut one way", CUT_OFF, LATE, BROKEN_OFF]
        } else {
            &["cut both ways", "cut one way", CUT_OFF]
        };
        for kind in (0..rounds).flat_map(|_| kinds) {
            let (member, began) = self.next(CALM).await;
            let (ways, until) = (self.ways(kind, member), Instant::now() + CUT);
            match *kind {
                LATE => self.spoil(&ways, Quality::Late)?,
                BROKEN_OFF => self.break_off(&ways, until).await?,
                _ => self.spoil(&ways, Quality::Cut)?,
            }
            if *kind == CUT_OFF {
                self.passes(member, began).await?;
            }
            sleep_until(until).await;
            self.spoil(&ways, Quality::Good)?;
            faults.push(self.well_again(kind, member, began).await?);
        }
        Ok(faults)
    }

    fn spoil(&self, ways: &[Way], quality: Quality) -> Result<(), Failed> {
        ways.iter().try_for_each(|way| self.fleet.network().spoil(*way, quality))
    }

    /// Connections are reset again and again, and made again between.
    async fn break_off(&self, ways: &[Way], until: Instant) -> Result<(), Failed> {
        while Instant::now() < until {
            self.spoil(ways, Quality::Broken)?;
            sleep(BREAK_EVERY / 4).await;
            self.spoil(ways, Quality::Good)?;
            sleep(BREAK_EVERY).await;
        }
        Ok(())
    }

    /// The ways that are cut.
    fn ways(&mut self, kind: &str, member: usize) -> Vec<Way> {
        let count = self.fleet.count();
        let other = (member + 1 + self.rng.usize(..count - 1)) % count;
        match kind {
            _ if self.fleet.is_carried() => vec![Way::ToCarrier(member)],
            "cut both ways" => vec![Way::Members(member, other), Way::Members(other, member)],
            "cut one way" => vec![Way::Members(member, other)],
            _ => (0..count)
                .filter(|at| *at != member)
                .flat_map(|at| [Way::Members(member, at), Way::Members(at, member)])
                .collect(),
        }
    }

    /// A member that is cut off reads what it is asked for from the source.
    async fn passes(&self, member: usize, round: Nanos) -> Result<(), Failed> {
        let key = path(LOADED, &format!("passed-{round}"));
        let mut client = Client::new(self.fleet.address(member));
        let answered = async {
            loop {
                let answer = client.ask(Method::GET, &key, "").await;
                if answer.is_ok_and(|answer| answer.status == StatusCode::OK) {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let late = |_elapsed| {
            let what = format!("member {member}, cut off, has read from the source");
            Failed::Late { what, within: PASS_WITHIN }
        };
        timeout(PASS_WITHIN, answered).await.map_err(late)
    }

    /// Waits until all is well, which ends the fault.
    async fn well_again(
        &mut self,
        kind: &'static str,
        member: usize,
        began: Nanos,
    ) -> Result<Fault, Failed> {
        let epoch = self.fleet.settled().await?;
        let views = epoch.abs_diff(std::mem::replace(&mut self.epoch, epoch));
        Ok(Fault {
            kind,
            member,
            window: Window { began, ended: self.watch.now() },
            views,
            told: None,
        })
    }
}
