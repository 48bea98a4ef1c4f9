//! One process of the world.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::{Address, Agreement, MemberId, Settings, Standing, View};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::Instant;

use super::net::address;
use super::{Clock, D, Net, STEP, Served};

/// A process: a runtime of its own, whose time goes on when it is stepped.
#[derive(Debug)]
pub(crate) struct Host {
    running: Option<Running>,
    clock: Arc<Clock>,
    served: Arc<Served>,
    listed: watch::Sender<Option<Vec<Address>>>,
    pause: Option<Pause>,
}

#[derive(Debug)]
struct Running {
    agreement: Arc<Agreement>,
    standing: Arc<Standing>,
    runtime: Runtime,
}

/// What becomes of a process's timers while it is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is stopped: they are late, and go off at once when it goes on.
    Stopped,
    /// Its machine sleeps: they wait as long as they would have waited.
    Asleep,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    kind: Kind,
    until: Duration,
    missed: Duration,
}

impl Host {
    pub(crate) fn start(index: usize, now: Duration, net: &Net, tune: fn(&mut Settings)) -> Self {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        // Clocks of different machines have nothing to do with each other.
        let clock =
            Arc::new(Clock::new(Duration::from_secs(50) * u32::try_from(index).expect("few")));
        let served = Arc::new(Served::default());
        let (listed, listener) = watch::channel(None);
        let mut settings = Settings::new(address(index));
        settings.lease = D;
        tune(&mut settings);
        let agreement = runtime.block_on(async {
            clock.begin(now, Instant::now());
            let post = net.post(index, &clock);
            let seat = served.of(&address(index));
            let agreement = Agreement::start(settings, post, seat, clock.clone(), listener);
            Arc::new(agreement.expect("the settings are fine"))
        });
        let standing = agreement.standing();
        let running = Some(Running { agreement, standing, runtime });
        Self { running, clock, served, listed, pause: None }
    }

    pub(crate) fn list(&self, indices: &[usize]) {
        let addresses = indices.iter().map(|index| Address::new(address(*index)));
        self.listed.send_replace(Some(addresses.collect()));
    }

    /// At a test's start: how fast its clock goes, in millionths.
    pub(crate) fn set_clock_rate(&self, rate: u32) {
        self.clock.set_rate(rate);
    }

    pub(crate) fn clock(&self) -> Arc<Clock> {
        Arc::clone(&self.clock)
    }

    pub(crate) fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            let Running { agreement, standing: _, runtime } = running;
            runtime.block_on(async { drop(agreement) });
            runtime.shutdown_background();
        }
    }

    /// Drops its part in the cluster, and runs what is left: how many tasks that are.
    pub(crate) fn drop_agreement(&mut self, time: Duration) -> usize {
        let Running { agreement, standing: _, runtime } = self.running.take().expect("it runs");
        drop(agreement);
        runtime.block_on(async { tokio::time::sleep(time).await });
        runtime.metrics().num_alive_tasks()
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.running.is_some()
    }

    /// None of its tasks runs until then.
    pub(crate) fn pause(&mut self, kind: Kind, until: Duration) {
        self.pause = Some(Pause { kind, until, missed: Duration::ZERO });
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    pub(crate) fn step(&mut self, now: Duration) {
        let Some(Running { runtime, .. }) = &self.running else { return };
        let mut missed = Duration::ZERO;
        if let Some(pause) = &mut self.pause {
            if now < pause.until {
                pause.missed += STEP;
                return;
            }
            if pause.kind == Kind::Stopped {
                missed = pause.missed;
            }
            self.pause = None;
        }
        runtime.block_on(async {
            // What the process missed went by before this step.
            self.clock.begin(now, Instant::now() + missed);
            if !missed.is_zero() {
                tokio::time::advance(missed).await;
            }
            tokio::time::sleep_until(Instant::now() + STEP).await;
        });
    }

    /// Hands a question over; `done` gets the answer.
    pub(crate) fn answer(
        &self,
        from: Address,
        question: Bytes,
        done: impl FnOnce(Bytes) + Send + 'static,
    ) {
        if let Some(Running { agreement, runtime, .. }) = &self.running {
            let agreement = Arc::clone(agreement);
            runtime.spawn(async move {
                let answer = agreement.answer(&from, &question).await;
                drop(agreement);
                done(answer);
            });
        }
    }

    /// Runs something of the process that goes on while it is stepped.
    pub(crate) fn spawn<F: Future<Output = ()> + Send + 'static>(
        &self,
        task: impl FnOnce(Arc<Agreement>) -> F,
    ) {
        let Running { agreement, runtime, .. } = self.running.as_ref().expect("it runs");
        runtime.spawn(task(Arc::clone(agreement)));
    }

    pub(crate) fn served(&self) -> &Served {
        &self.served
    }

    /// The view that it works by.
    pub(crate) fn view(&self) -> Option<Arc<View>> {
        let Running { agreement, .. } = self.running.as_ref()?;
        agreement.view().borrow().clone()
    }

    pub(crate) fn id(&self) -> Option<MemberId> {
        self.running.as_ref().and_then(|running| running.agreement.id())
    }

    /// Whether it holds a lease at a time of the world, paused or not.
    pub(crate) fn holds(&self, now: Duration) -> bool {
        let running = self.running.as_ref();
        running.is_some_and(|running| running.standing.holds(self.clock.at(now)))
    }

    pub(crate) fn weighs(&self) -> bool {
        let Some(Running { agreement, runtime, .. }) = &self.running else { return false };
        // It asks for the time.
        runtime.block_on(async { agreement.weighs() })
    }

    pub(crate) fn settled(&self) -> u64 {
        self.running.as_ref().map_or(0, |running| running.standing.settled())
    }

    /// Whether it holds itself for its cluster's leader.
    pub(crate) fn leads(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| running.agreement.leader() == running.agreement.id())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill();
    }
}
