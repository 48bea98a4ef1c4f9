//! A request and its answer: whom to ask, when to ask again, and what to say if nobody
//! answers.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use distcache::codes;
use distcache_http::{Aim, Problem, Request, Response};
use futures_util::future::{Either, select};
use tokio::time::{Instant, sleep, timeout_at};

use crate::BalancerConfig;
use crate::course::{Course, Next, Roster};
use crate::exchange::{Exchange, Tried};
use crate::hedge::Allowance;
use crate::member::{Counts, Member};
use crate::outbound::{Outbound, Pseudonym};
use crate::report::Limits;

/// The pause before a read is sent again that a member has refused for now, or that no
/// member could take; each is twice the one before, up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// How often a read looks whether there is somebody again, with a pause after each: for
/// 150 ms, and a member that was lost is looked at again after 50.
const LOOKS_MAX: u32 = 4;

/// What a member says that cannot answer now.
pub(crate) const REFUSED: u16 = 503;

/// Passes requests on.
pub(crate) struct Relay {
    pub(crate) roster: Roster,
    pub(crate) own: Pseudonym,
    pub(crate) tally: Tally,
    allowance: Allowance,
    request_timeout: Duration,
    tries: u32,
    hedge_after: Option<Duration>,
}

/// What was done beyond sending each request once.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Sent again.
    pub(crate) retries: AtomicU64,
    /// Sent to a second member as well.
    pub(crate) hedges: AtomicU64,
    /// The second member answered first.
    pub(crate) hedges_won: AtomicU64,
    /// There were as many tries as may be, and none was good.
    pub(crate) gave_up: AtomicU64,
    /// The time was over.
    pub(crate) late: AtomicU64,
}

impl Relay {
    pub(crate) fn new(roster: Roster, config: &BalancerConfig) -> Self {
        Self {
            roster,
            own: Pseudonym::random(),
            tally: Tally::default(),
            allowance: Allowance::default(),
            request_timeout: config.request_timeout,
            tries: config.tries,
            hedge_after: config.hedge_after,
        }
    }

    /// The bounds of each request.
    pub(crate) fn limits(&self) -> Limits {
        let request_ms = u64::try_from(self.request_timeout.as_millis()).unwrap_or(u64::MAX);
        Limits { tries: u64::from(self.tries), request_ms }
    }

    /// The answer to a request, whoever gives it.
    pub(crate) async fn answer(&self, request: &Request<'_>) -> Result<Response, Problem> {
        let outbound = Outbound::of(request, &self.own)?;
        let aim = Aim::of(request);
        let mut course = self.roster.course(&aim);
        let exchange = Exchange {
            outbound: &outbound,
            own: &self.own,
            stall_max: self.request_timeout,
            roster: &self.roster,
            start: course.start(),
        };
        let deadline = Instant::now() + self.request_timeout;
        let answered = if aim.is_read {
            timeout_at(deadline, self.read(&exchange, &mut course, aim.is_stream)).await
        } else {
            timeout_at(deadline, self.write(&exchange, &mut course)).await
        };
        answered.unwrap_or_else(|_late| {
            Counts::add(&self.tally.late);
            let detail = if aim.is_read { "nothing was changed" } else { "its outcome is unknown" };
            Err(Problem::new(504, codes::MEMBERS_LATE).detail(detail))
        })
    }

    /// A read, sent again until somebody answers it.
    async fn read(
        &self,
        exchange: &Exchange<'_>,
        course: &mut Course<'_>,
        is_stream: bool,
    ) -> Result<Response, Problem> {
        let mut last = None;
        let mut pauses = Pauses::default();
        let (mut tries, mut looks) = (0, 0);
        while tries < self.tries {
            let member = match course.next() {
                Next::Member(member) => member,
                Next::Round => {
                    pauses.pause().await;
                    continue;
                }
                // 1. A member refuses one connection, for whatever reason, and is down.
                // 2. Until somebody has looked again, which is soon, there is nobody.
                // 3. Were reads refused meanwhile, a member that is well would cost some.
                Next::Nobody if looks < LOOKS_MAX => {
                    looks += 1;
                    pauses.pause().await;
                    continue;
                }
                Next::Nobody => return last.unwrap_or_else(|| Err(nobody())),
            };
            self.count_try(tries);
            tries += 1;
            let tried = match self.hedge_after.filter(|_| !is_stream) {
                // In a box, so that a read that is asked of one has no room for two.
                Some(after) => Box::pin(self.read_hedged(exchange, course, member, after)).await,
                None => exchange.read(member).await,
            };
            last = match tried {
                Tried::Answered(response) if response.status() != REFUSED => return Ok(response),
                Tried::Answered(response) => {
                    // It asks for a pause; others may well say the same.
                    pauses.pause().await;
                    Some(Ok(response))
                }
                Tried::Full => Some(Err(full())),
                Tried::Lost => Some(Err(lost("nothing was changed"))),
                Tried::Unsent => last,
            };
        }
        Counts::add(&self.tally.gave_up);
        last.unwrap_or_else(|| Err(nobody()))
    }

    /// A read that is sent to a second member as well if the first takes long. The first
    /// good answer is taken; the other try is dropped, and with it its connection.
    async fn read_hedged(
        &self,
        exchange: &Exchange<'_>,
        course: &mut Course<'_>,
        member: &Arc<Member>,
        after: Duration,
    ) -> Tried {
        self.allowance.earn();
        let (first, patience) = (pin!(exchange.read(member)), pin!(sleep(after)));
        let first = match select(first, patience).await {
            Either::Left((tried, _)) => return tried,
            Either::Right(((), first)) => first,
        };
        let second = course.second().filter(|_| self.allowance.spend());
        let Some(second) = second else { return first.await };
        Counts::add(&self.tally.hedges);
        match select(first, pin!(exchange.read(second))).await {
            Either::Left((first, _)) if first.is_good() => first,
            Either::Left((first, second)) => self.better(second.await, first),
            Either::Right((second, first)) if !second.is_good() => first.await,
            Either::Right((second, _)) => self.better(second, Tried::Lost),
        }
    }

    /// The second member's, if it is good.
    fn better(&self, second: Tried, first: Tried) -> Tried {
        if second.is_good() {
            Counts::add(&self.tally.hedges_won);
            return second;
        }
        first
    }

    /// A write, sent to another member only if nothing of it has reached the one before.
    async fn write(
        &self,
        exchange: &Exchange<'_>,
        course: &mut Course<'_>,
    ) -> Result<Response, Problem> {
        let mut why = nobody();
        for tries in 0..self.tries {
            // Whoever could take it was asked once.
            let Next::Member(member) = course.next() else { return Err(why) };
            self.count_try(tries);
            match exchange.send(member).await {
                Tried::Answered(response) => return Ok(response),
                Tried::Lost => return Err(lost("its outcome is unknown")),
                Tried::Full => why = full(),
                Tried::Unsent => {}
            }
        }
        Counts::add(&self.tally.gave_up);
        Err(why)
    }

    fn count_try(&self, before: u32) {
        if 0 < before {
            Counts::add(&self.tally.retries);
        }
    }
}

/// The pauses of one request.
#[derive(Default)]
struct Pauses {
    taken: u32,
}

impl Pauses {
    async fn pause(&mut self) {
        let pause = PAUSE_MIN.saturating_mul(1 << self.taken.min(16)).min(PAUSE_MAX);
        self.taken += 1;
        sleep(pause).await;
    }
}

fn nobody() -> Problem {
    Problem::new(503, codes::NO_MEMBER).retry_after(1)
}

fn full() -> Problem {
    let detail = "as many requests as may are under way to each member";
    Problem::new(503, codes::OVERLOADED).detail(detail).retry_after(1)
}

fn lost(what: &'static str) -> Problem {
    Problem::new(502, codes::MEMBER_LOST).detail(what)
}
