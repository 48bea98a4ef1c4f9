//! One request to a source: for a key, or for several.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use distcache_bus::{Deadline, reply_slot};
use distcache_manager::{Landing, Lead, Stopwatch};

use super::timed::{Alarm, Timed};
use super::{LoadError, Place};
use crate::gate::Permit;
use crate::keyspace::{Inner, Setup};
use crate::otel::{Here, LoadWatch};
use crate::source::{Answers, Cancelled, DynAsyncSource, SourceError};
use crate::write::Kept;
use crate::{Answer, Context, DataSource};

/// A request that is to be made, and the flights that wait for its answers.
///
/// Whatever becomes of it, every flight lands: a request that is dropped before
/// it was made tells those who wait that it was cancelled.
pub(crate) struct Load {
    pub(crate) space: Arc<Inner>,
    pub(crate) setup: Arc<Setup>,
    pub(crate) flights: Vec<Lead>,
    /// The breaker's, if there is one.
    pub(crate) permit: Option<Permit>,
    /// How long the rate limit lets it wait.
    pub(crate) wait: Duration,
    pub(crate) place: Place,
    /// Where the call stands that leads it.
    pub(crate) here: Here,
}

/// What a request comes to, for each of its flights.
type Outcomes = Vec<Result<Answer, LoadError>>;

impl Load {
    /// Makes the request on this thread.
    pub(crate) fn run(mut self, source: &dyn DataSource) {
        if !self.wait.is_zero() {
            // Nobody answers: the wait ends by its deadline, or is called off.
            let (_replier, waiter) = reply_slot::<()>();
            self.place.ends(waiter.expiry());
            waiter.wait(&Deadline::within(self.wait));
        }
        self.drop_unwanted();
        for (lead, kept) in self.take_what_waits_to_be_written() {
            self.space.land_kept(&self.setup, lead.flight(), &kept);
        }
        if self.flights.is_empty() {
            return;
        }
        let told = self.space.watch.load(&self.here, self.flights.len());
        let (context, watch) = (self.context(&told), Stopwatch::start());
        let ask = || match &*self.flights {
            [lead] => source.fetch(lead.flight().key(), &context).map(|answer| vec![Ok(answer)]),
            flights => {
                let keys: Vec<_> = flights.iter().map(|lead| lead.flight().key()).collect();
                source.fetch_many(&keys, &context)
            }
        };
        let asked = catch_unwind(AssertUnwindSafe(|| told.here().run(ask)));
        let asked = asked.map_err(|_panic| LoadError::Panicked);
        let answers = self.judge(asked, &context, watch, told);
        let flights = std::mem::take(&mut self.flights);
        for (lead, answer) in flights.iter().zip(answers) {
            self.space.land(&self.setup, lead.flight(), answer);
        }
    }

    /// Makes the request as a future.
    pub(crate) async fn run_async(mut self, source: Arc<dyn DynAsyncSource>) {
        let space = self.space.clone();
        let timer = space.manager.timer();
        if !self.wait.is_zero() {
            Alarm::after(self.wait, timer, Some(&self.place)).await;
        }
        self.drop_unwanted();
        for (lead, kept) in self.take_what_waits_to_be_written() {
            self.space.land_kept_async(&self.setup, lead.flight(), &kept).await;
        }
        if self.flights.is_empty() {
            return;
        }
        let told = self.space.watch.load(&self.here, self.flights.len());
        let (context, watch) = (self.context(&told), Stopwatch::start());
        let timeout = self.setup.config.load_timeout;
        let asked = {
            let keys: Vec<_> = self.flights.iter().map(|lead| lead.flight().key()).collect();
            let keys = &*keys;
            // What makes the future may panic as well as the future.
            if let [key] = *keys {
                let one = told.here().run_async(async { source.fetch(key, &context).await });
                Timed::new(Box::pin(one), timeout, timer, Some(&self.place))
                    .await
                    .map(|fetched| fetched.map(|answer| vec![Ok(answer)]))
            } else {
                let many = told.here().run_async(async { source.fetch_many(keys, &context).await });
                Timed::new(Box::pin(many), timeout, timer, Some(&self.place)).await
            }
        };
        let answers = self.judge(asked, &context, watch, told);
        let flights = std::mem::take(&mut self.flights);
        for (lead, answer) in flights.iter().zip(answers) {
            self.space.land_async(&self.setup, lead.flight(), answer).await;
        }
    }

    /// Loads that were called off are not made; nor those that have waited so
    /// long for their turn that others have given them up: whoever still waits
    /// looks again.
    fn drop_unwanted(&mut self) {
        if self.place.is_called_off() {
            self.flights.clear();
        }
        let now = self.space.manager.now();
        self.flights.retain(|lead| !lead.flight().was_given_up(now));
    }

    /// Answers from the writes that wait for their store: the source does not
    /// know of them yet. Asked before the source is, and after the flight began:
    ///
    /// 1. Value 2 is put: the cache has it, the store still has 1.
    /// 2. It is evicted. A reader misses, and the source answers 1.
    fn take_what_waits_to_be_written(&mut self) -> Vec<(Lead, Kept)> {
        let Some(writer) = &self.setup.writer else { return Vec::new() };
        let mut waits = Vec::new();
        for lead in std::mem::take(&mut self.flights) {
            match writer.pending(lead.flight().key()) {
                Some(kept) => waits.push((lead, kept)),
                None => self.flights.push(lead),
            }
        }
        waits
    }

    fn context(&self, told: &LoadWatch) -> Context {
        let context = Context::within(self.setup.config.load_timeout);
        let stale = |lead: &Lead| lead.flight().stale().cloned();
        let context = match &*self.flights {
            [lead] => context.with_stale(stale(lead)),
            leads => context.with_stales(leads.iter().map(stale)),
        };
        context.cancelled_by(self.space.under_way.flag()).at(told.here())
    }

    /// Counts and tells what came of the request, tells the breaker, and gives each
    /// flight its answer.
    fn judge(
        &mut self,
        asked: Result<Result<Answers, SourceError>, LoadError>,
        context: &Context,
        watch: Stopwatch,
        told: LoadWatch,
    ) -> Outcomes {
        let flights = self.flights.len();
        let asked = asked.and_then(|fetched| fetched.map_err(|error| why(error, self, context)));
        let mut answers: Outcomes = match asked {
            Ok(answers) => {
                answers.into_iter().map(|one| one.map_err(|e| why(e, self, context))).collect()
            }
            Err(error) => vec![Err(error); flights],
        };
        answers.truncate(flights);
        answers.resize_with(flights, || Err(LoadError::NoAnswer));
        for (answer, lead) in answers.iter_mut().zip(&self.flights) {
            if matches!(answer, Ok(Answer::Unchanged { .. })) && lead.flight().stale().is_none() {
                *answer = Err(LoadError::NothingToCompare);
            }
        }
        let took = watch.elapsed();
        self.space.stats.count_request(&answers, took);
        told.end(&answers, took);
        if let Some(permit) = self.permit.take() {
            let is_cancelled = |answer: &_| matches!(answer, Err(LoadError::Cancelled));
            if answers.iter().any(Result::is_ok) {
                permit.succeeded();
            } else if !answers.iter().all(is_cancelled) {
                permit.failed(self.space.manager.now());
            }
        }
        answers
    }
}

/// What a source's error means.
fn why(error: SourceError, load: &Load, context: &Context) -> LoadError {
    if error.is::<Cancelled>() && context.is_cancelled() {
        return LoadError::Cancelled;
    }
    if context.is_over() {
        log::debug!("a source's error after its time was over: {error}");
        return LoadError::TimedOut { timeout: load.setup.config.load_timeout };
    }
    LoadError::Failed(error.into())
}

impl Drop for Load {
    /// 1. A caller leads, and its request waits for a thread.
    /// 2. The engine shuts down, or the runtime does: the request is dropped.
    /// 3. Those who wait for the flight wait to their deadlines, for nothing.
    fn drop(&mut self) {
        for lead in &self.flights {
            lead.flight().land(&Landing::Failed(Arc::new(LoadError::Cancelled)));
        }
    }
}
