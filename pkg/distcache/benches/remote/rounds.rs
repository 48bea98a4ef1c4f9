//! Rounds of calls: how they are made, when they count, and what comes out of them.

use std::fs::read_to_string;

use distcache::Stopwatch;
use tokio::runtime::{Builder, Runtime};

/// The host may take a virtual machine's processors away. Of a round in which it took
/// more, in percent, nothing counts; it is made again, but not more often than that.
const STOLEN_PERCENT_MAX: u64 = 3;
const AGAIN_MAX: usize = 8;

/// A runtime of one thread.
pub(crate) fn runtime(name: &str) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name(name).enable_all();
    builder.build().expect("a runtime")
}

/// A number that the environment may set.
pub(crate) fn asked(name: &str, otherwise: usize) -> usize {
    match std::env::var(name) {
        Ok(number) => number.parse().unwrap_or_else(|_| panic!("{name} is {number}: no number")),
        Err(_not_set) => otherwise,
    }
}

/// Who makes calls, one after the other. Clones make them at the same time.
pub(crate) trait Caller: Clone + Send + 'static {
    /// Makes one, with the key of that place.
    fn call(&mut self, at: usize) -> impl Future<Output = ()> + Send;
}

/// Seconds of one call, with so many in flight.
pub(crate) fn round(client: &Runtime, caller: &impl Caller, in_flight: usize, all: usize) -> f64 {
    let each = all.div_ceil(in_flight);
    let calls = seconds_each(each * in_flight, async {
        let tasks: Vec<_> = (0..in_flight)
            .map(|task| {
                let mut caller = caller.clone();
                tokio::spawn(async move {
                    for at in task * each..(task + 1) * each {
                        caller.call(at).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
    client.block_on(calls)
}

/// Seconds of each of so many calls.
pub(crate) async fn seconds_each(calls: usize, work: impl Future<Output = ()>) -> f64 {
    let since = Stopwatch::start();
    work.await;
    since.elapsed().as_secs_f64() / f64::from(u32::try_from(calls).expect("some millions"))
}

/// Makes a round in a time in which little was stolen.
fn quietly(mut round: impl FnMut() -> Vec<f64>) -> Vec<f64> {
    for _ in 0..AGAIN_MAX {
        let before = processor_ticks();
        let seconds = round();
        let after = processor_ticks();
        let (stolen, all) = (after.0 - before.0, after.1 - before.1);
        if stolen * 100 <= all * STOLEN_PERCENT_MAX {
            return seconds;
        }
        eprintln!("{} % of the processors' time was stolen: once more", stolen * 100 / all);
    }
    round()
}

/// The time of all processors so far: stolen, and in all. Nothing is told outside Linux.
fn processor_ticks() -> (u64, u64) {
    let told = read_to_string("/proc/stat").unwrap_or_default();
    let line = told.lines().next().unwrap_or_default();
    // User, nice, system, idle, waiting, interrupts of two kinds, stolen.
    let ticks = line.split_whitespace().skip(1).take(8);
    let ticks: Vec<u64> = ticks.filter_map(|number| number.parse().ok()).collect();
    (ticks.get(7).copied().unwrap_or_default(), ticks.iter().sum())
}

/// One who is measured: a round of it returns the seconds of a call.
pub(crate) struct Contestant<'a> {
    name: &'static str,
    round: Box<dyn FnMut() -> f64 + 'a>,
    rounds: Vec<f64>,
}

impl<'a> Contestant<'a> {
    pub(crate) fn new(name: &'static str, round: impl FnMut() -> f64 + 'a) -> Self {
        Self { name, round: Box::new(round), rounds: Vec::new() }
    }
}

/// All who are measured.
pub(crate) struct Contest<'a>(Vec<Contestant<'a>>);

impl<'a> Contest<'a> {
    /// Of those whose names begin with one that was asked for; of all, if none was.
    pub(crate) fn of(all: Vec<Contestant<'a>>, asked: &[String]) -> Self {
        let is_asked = |one: &Contestant<'_>| asked.iter().any(|name| one.name.starts_with(name));
        Self(all.into_iter().filter(|one| asked.is_empty() || is_asked(one)).collect())
    }

    /// Has all of them run in turn. The first round warms up.
    pub(crate) fn run(&mut self, rounds: usize) {
        for round in 0..=rounds {
            let seconds = quietly(|| self.0.iter_mut().map(|one| (one.round)()).collect());
            for (one, seconds) in self.0.iter_mut().zip(seconds) {
                if 0 < round {
                    one.rounds.push(seconds);
                }
            }
        }
        for one in &mut self.0 {
            one.rounds.sort_by(f64::total_cmp);
        }
    }

    /// The median of a contestant's seconds; `None` if it did not run.
    pub(crate) fn seconds(&self, name: &str) -> Option<f64> {
        let one = self.0.iter().find(|one| one.name == name)?;
        Some(one.rounds[one.rounds.len() / 2])
    }

    /// Name, fastest, median and slowest of each.
    pub(crate) fn told(&self) -> impl Iterator<Item = (&'static str, [f64; 3])> {
        self.0.iter().map(|one| {
            let last = one.rounds.len() - 1;
            (one.name, [0, one.rounds.len() / 2, last].map(|at| one.rounds[at]))
        })
    }
}
