//! Runs in turns, and medians.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use crate::rivals::Cache;
use crate::workload::Workload;

const ROUNDS: usize = 5;

/// Somebody who can be measured: a name, and a way to make a fresh cache.
pub(crate) struct Contestant {
    name: &'static str,
    start: Box<Start>,
}

type Start = dyn Fn(&Workload) -> Box<dyn Run>;

/// A filled cache; the calls of one round are not made through a pointer to a
/// function each, only the round is.
trait Run {
    /// Seconds that the calls of the workload took.
    fn round(&self, workload: &Workload) -> f64;
}

struct Filled<C>(C);

impl Contestant {
    pub(crate) fn new<C: Cache + 'static>(
        name: &'static str,
        start: impl Fn() -> C + 'static,
    ) -> Self {
        let start = move |workload: &Workload| -> Box<dyn Run> {
            let cache = start();
            for (key, value) in workload.keys.iter().zip(&workload.values) {
                cache.put(key, value);
            }
            Box::new(Filled(cache))
        };
        Self { name, start: Box::new(start) }
    }
}

impl<C: Cache> Run for Filled<C> {
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    fn round(&self, workload: &Workload) -> f64 {
        let cache = &self.0;
        let barrier = Barrier::new(workload.calls.len() + 1);
        thread::scope(|scope| {
            for calls in &workload.calls {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    for call in calls {
                        let key = &workload.keys[call.key()];
                        if call.is_put() {
                            cache.put(key, &workload.values[call.key()]);
                        } else {
                            assert!(cache.get(key), "every key is there");
                        }
                    }
                    barrier.wait();
                });
            }
            barrier.wait();
            let start = Instant::now();
            barrier.wait();
            start.elapsed().as_secs_f64()
        })
    }
}

/// The cases that were asked for.
pub(crate) struct Contest {
    cases: Vec<String>,
}

impl Contest {
    /// All whose name begins like one of `cases`; all if there are none.
    pub(crate) fn of_cases(cases: impl Iterator<Item = String>) -> Self {
        Self { cases: cases.collect() }
    }

    /// Measures `ours` and the rivals in turn and prints how they compare.
    pub(crate) fn hold<const N: usize>(
        &self,
        case: &str,
        workload: &Workload,
        ours: Contestant,
        rivals: [Contestant; N],
    ) {
        if !self.cases.is_empty() && !self.cases.iter().any(|asked| case.starts_with(asked)) {
            return;
        }
        let contestants: Vec<_> = std::iter::once(ours).chain(rivals).collect();
        let seconds = measure(&contestants, workload);
        let calls: usize = workload.calls.iter().map(Vec::len).sum();
        for (contestant, &took) in contestants.iter().zip(&seconds) {
            #[expect(clippy::cast_precision_loss, reason = "there are a million calls")]
            let millions = calls as f64 / took / 1e6;
            println!("FACT {case}-{}-millions {millions:.3}", contestant.name);
        }
        for (rival, &took) in contestants.iter().zip(&seconds).skip(1) {
            println!("RATIO {case} {} {:.2}", rival.name, took / seconds[0]);
        }
    }
}

/// The median of each contestant's rounds, in seconds.
fn measure(contestants: &[Contestant], workload: &Workload) -> Vec<f64> {
    let filled: Vec<_> = contestants.iter().map(|one| (one.start)(workload)).collect();
    for cache in &filled {
        cache.round(workload); // to warm up
    }
    let mut seconds = vec![Vec::new(); filled.len()];
    for _ in 0..ROUNDS {
        for (cache, seconds) in filled.iter().zip(&mut seconds) {
            seconds.push(cache.round(workload));
        }
    }
    seconds.into_iter().map(median).collect()
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
