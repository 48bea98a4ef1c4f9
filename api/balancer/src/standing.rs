//! What is known of a member: whether it may be asked, and when to look again.
//!
//! Two tell of it: who [looks](crate::look) at its `/readyz`, and each request that finds
//! nobody there. This does no I/O and reads no clock.

use std::time::Duration;

/// How a member stands.
///
/// | standing | because | is asked |
/// |---|---|---|
/// | `Ready` | `/readyz` says 200 | yes |
/// | `Unready` | `/readyz` says something else: it has no lease, its keys are not warm | if nobody is ready |
/// | `Unknown` | nobody has looked yet | if nobody is ready |
/// | `Draining` | `/readyz` says so | no |
/// | `Down` | nobody is there, or answers in time | no |
///
/// Where nobody is ready those that live are asked all the same: each of them knows best
/// what it can answer. All members of a cluster that lost its majority are unready, and
/// read from their source meanwhile; to refuse in their place would make an outage of it.
/// One that drains would only be kept from ending, and one that is down cannot answer: if
/// there is nobody else, a write is refused at once, and a read when there is still nobody
/// a moment later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has looked yet.
    Unknown,
    /// It wants requests.
    Ready,
    /// It lives, and would rather have others asked.
    Unready,
    /// It ends when it has finished what it has.
    Draining,
    /// Nobody is there.
    Down,
}

impl Standing {
    pub(crate) const ALL: [Self; 5] =
        [Self::Unknown, Self::Ready, Self::Unready, Self::Draining, Self::Down];

    /// As metrics and reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ready => "ready",
            Self::Unready => "unready",
            Self::Draining => "draining",
            Self::Down => "down",
        }
    }

    /// Whether it may be asked where nobody is ready.
    pub(crate) fn is_second_best(self) -> bool {
        match self {
            Self::Unknown | Self::Unready => true,
            Self::Ready | Self::Draining | Self::Down => false,
        }
    }
}

/// What a look has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It answered, and so it stands.
    Answer(Standing),
    /// Nobody is there, or nobody whom we understand.
    Nobody,
    /// Nothing was heard in time.
    Silence,
}

/// So many looks in a row that heard nothing make a member one that is down: a single one
/// may have met a machine that was busy.
const SILENCES_MAX: u32 = 2;

/// The first pause before a member that is down is looked at again; each is twice the one
/// before, until it is as long as between any two looks.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// What is known of one member.
#[derive(Debug)]
pub(crate) struct Health {
    standing: Standing,
    every: Duration,
    /// Looks in a row that heard nothing.
    silences: u32,
    /// Looks in a row that found nobody.
    misses: u32,
    /// How often a request has found nobody: who has begun to look before that has seen
    /// what was before.
    losses: u64,
}

/// A look that has begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    losses: u64,
}

impl Health {
    /// Of a member that is looked at so often.
    pub(crate) fn new(every: Duration) -> Self {
        Self { standing: Standing::Unknown, every, silences: 0, misses: 0, losses: 0 }
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }

    /// A look begins.
    pub(crate) fn look(&self) -> Look {
        Look { losses: self.losses }
    }

    /// A look has ended. Returns when to look again.
    ///
    /// 1. A look is answered: the member is ready.
    /// 2. The member dies. A request finds nobody, and the member is down.
    /// 3. Were the look noted now, all requests would go to the dead again.
    ///
    /// So what was seen before somebody found nobody counts for nothing.
    pub(crate) fn note(&mut self, look: Look, seen: Seen) -> Duration {
        if look.losses != self.losses {
            return PAUSE_MIN.min(self.every);
        }
        match seen {
            Seen::Answer(standing) => {
                (self.standing, self.silences, self.misses) = (standing, 0, 0);
                self.every
            }
            Seen::Silence if self.silences + 1 < SILENCES_MAX => {
                self.silences += 1;
                PAUSE_MIN.min(self.every)
            }
            Seen::Silence | Seen::Nobody => self.miss(),
        }
    }

    /// A request has found nobody there.
    pub(crate) fn lose(&mut self) {
        self.losses += 1;
        self.standing = Standing::Down;
    }

    fn miss(&mut self) -> Duration {
        self.standing = Standing::Down;
        let pause = PAUSE_MIN.saturating_mul(1 << self.misses.min(16));
        self.misses += 1;
        pause.min(self.every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(1);

    fn ready() -> Health {
        let mut health = Health::new(EVERY);
        let look = health.look();
        assert_eq!(health.note(look, Seen::Answer(Standing::Ready)), EVERY);
        health
    }

    fn note(health: &mut Health, seen: Seen) -> (Standing, u128) {
        let look = health.look();
        let pause = health.note(look, seen);
        (health.standing(), pause.as_millis())
    }

    #[test]
    fn who_is_not_there_is_down_at_once_and_looked_for_ever_less_often() {
        let mut health = ready();
        let pauses: Vec<_> = (0..7).map(|_| note(&mut health, Seen::Nobody)).collect();
        let down = |pause| (Standing::Down, pause);
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1_000, 1_000].map(down));
        let up = note(&mut health, Seen::Answer(Standing::Ready));
        assert_eq!(up, (Standing::Ready, 1_000));
        assert_eq!(note(&mut health, Seen::Nobody), down(50));
    }

    #[test]
    fn who_is_silent_once_is_looked_at_again_and_who_is_twice_is_down() {
        let mut health = ready();
        assert_eq!(note(&mut health, Seen::Silence), (Standing::Ready, 50));
        assert_eq!(note(&mut health, Seen::Answer(Standing::Ready)).0, Standing::Ready);
        assert_eq!(note(&mut health, Seen::Silence).0, Standing::Ready);
        assert_eq!(note(&mut health, Seen::Silence).0, Standing::Down);
    }

    #[test]
    fn what_was_seen_before_a_request_found_nobody_counts_for_nothing() {
        let mut health = ready();
        let look = health.look();
        health.lose();
        assert_eq!(health.note(look, Seen::Answer(Standing::Ready)).as_millis(), 50);
        assert_eq!(health.standing(), Standing::Down);
        assert_eq!(note(&mut health, Seen::Answer(Standing::Ready)).0, Standing::Ready);
    }

    #[test]
    fn every_standing_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> =
            Standing::ALL.iter().map(|one| one.name()).collect();
        assert_eq!(names.len(), Standing::ALL.len());
    }
}
