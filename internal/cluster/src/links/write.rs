//! The task of a link that writes, says now and then that we are there, and parts.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::farewell::part;
use super::link::Link;
use super::outbox::Company;
use super::{Ended, frames};

/// Writes, keeps the link alive, and parts from the other, until it has ended.
pub(super) async fn run(link: Arc<Link>) {
    tokio::select! {
        () = link.over.cancelled() => {}
        why = write(&link) => link.cut(&why),
        why = keep(&link) => link.cut(&why),
        never = probe(&link) => match never {},
        never = part(&link) => match never {},
    }
}

async fn write(link: &Link) -> Ended {
    loop {
        link.bell.notified().await;
        // Whoever is ready to call or to answer does so first: one write for all.
        tokio::task::yield_now().await;
        if let Err(broken) = link.write_all().await {
            return broken.into();
        }
    }
}

/// Sends something in each interval, and ends when nothing has come for several.
async fn keep(link: &Link) -> Ended {
    let settings = &link.shared.settings;
    let every = settings.keep_alive;
    let mut ticks = ticks(every);
    let (mut heard_before, mut sent_before, mut silent_rounds) = (0, 0, 0);
    loop {
        ticks.tick().await;
        let heard = link.heard.load(Ordering::Relaxed);
        silent_rounds = if heard == heard_before { silent_rounds + 1 } else { 0 };
        heard_before = heard;
        if settings.silent_rounds_max <= silent_rounds {
            return Ended::Silent { during: every * silent_rounds };
        }
        let (sent, is_quiet) = link.progress();
        if sent == sent_before && is_quiet {
            link.post(std::iter::once(frames::keep_alive()), Company::Alone);
        }
        sent_before = link.progress().0;
    }
}

/// Sends something in each interval in which calls wait and nothing came or went.
///
/// 1. A member is killed whom two others wait for. TCP tells them at once; a server of NATS
///    tells each of them when it sends something to the dead.
/// 2. One of them happens to do that. It loads what it waited for, until there is an owner.
/// 3. The other one hears of it half a second later, by its keep-alive. By then the load of
///    step 2 has ended, and it begins another.
///
/// Hence who waits for a reply asks for such news far more often than it keeps a link.
#[expect(clippy::infinite_loop, reason = "it ends with its link")]
async fn probe(link: &Link) -> Infallible {
    let mut ticks = ticks(link.shared.settings.probe);
    let mut before = (0, 0);
    loop {
        ticks.tick().await;
        let heard = link.heard.load(Ordering::Relaxed);
        let (sent, is_quiet) = link.progress();
        if (heard, sent) == before && is_quiet && 0 < link.waiting() {
            link.post(std::iter::once(frames::keep_alive()), Company::Alone);
        }
        before = (heard, link.progress().0);
    }
}

/// Comes in each interval, from its end on. A process that stood still finds one tick behind
/// it, not a hundred in which the other seems to have said nothing.
fn ticks(every: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
