//! Faults that are planted on purpose, to see that the runs of `test/consistency` find them.
//!
//! There are none but in a program that was built with `DISTCACHE_MUTANTS=1`; in any other
//! [`is_planted`] is a constant, and what stands behind it is not compiled. Which one is at
//! work says the variable `DISTCACHE_MUTANT` of the process, by its name.

/// A fault. Each takes away what one line prevents; the interleaving stands above that line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A lease lasts for ever.
    LeaseUnchecked,
    /// Who has gained a key answers for it before the one before has heard of that, and before
    /// others have dropped their near copies of it.
    UnsettledViews,
    /// Every member answers for every key.
    OwnersUnchecked,
    /// A member counts on its lease for longer than it was granted.
    LeaseTooLong,
    /// What is handed over takes the place of what was put meanwhile.
    ArrivalsUnchecked,
    /// A write is acknowledged before others have their copies.
    AckedBeforeCopies,
    /// A read tells what others have no copies of yet.
    ReadBeforeCopies,
    /// A write is committed when the quickest of those who keep copies has it.
    CommittedByQuickest,
    /// Copies of what was deleted stay.
    ForgetUntold,
    /// One change of sixteen is not made to the copies.
    CopiesLost,
    /// Copies are read of which others may not have heard.
    TentativeRead,
    /// Copies are read without a lease.
    CopiesUnleased,
    /// Copies are adopted without asking what others have heard of.
    CopiesUnasked,
    /// A put whose owner has changed is made again, whatever came after it.
    PutMadeTwice,
    /// Near copies of what was changed stay.
    NearKept,
    /// Who grants a near copy does not count on it.
    NearUncounted,
}

impl Mutant {
    /// Each of them.
    pub const ALL: [Self; 16] = [
        Self::LeaseUnchecked,
        Self::UnsettledViews,
        Self::OwnersUnchecked,
        Self::LeaseTooLong,
        Self::ArrivalsUnchecked,
        Self::AckedBeforeCopies,
        Self::ReadBeforeCopies,
        Self::CommittedByQuickest,
        Self::ForgetUntold,
        Self::CopiesLost,
        Self::TentativeRead,
        Self::CopiesUnleased,
        Self::CopiesUnasked,
        Self::PutMadeTwice,
        Self::NearKept,
        Self::NearUncounted,
    ];

    /// Its name, as `DISTCACHE_MUTANT` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeaseUnchecked => "lease-unchecked",
            Self::UnsettledViews => "unsettled-views",
            Self::OwnersUnchecked => "owners-unchecked",
            Self::LeaseTooLong => "lease-too-long",
            Self::ArrivalsUnchecked => "arrivals-unchecked",
            Self::AckedBeforeCopies => "acked-before-copies",
            Self::ReadBeforeCopies => "read-before-copies",
            Self::CommittedByQuickest => "committed-by-quickest",
            Self::ForgetUntold => "forget-untold",
            Self::CopiesLost => "copies-lost",
            Self::TentativeRead => "tentative-read",
            Self::CopiesUnleased => "copies-unleased",
            Self::CopiesUnasked => "copies-unasked",
            Self::PutMadeTwice => "put-made-twice",
            Self::NearKept => "near-kept",
            Self::NearUncounted => "near-uncounted",
        }
    }
}

/// Whether this fault is at work.
#[cfg(not(distcache_mutants))]
#[inline(always)]
#[expect(clippy::inline_always, reason = "nothing may be left of it")]
pub const fn is_planted(_: Mutant) -> bool {
    false
}

/// Whether this fault is at work.
///
/// # Panics
/// If `DISTCACHE_MUTANT` names none: a run would find nothing, and say that all is well.
#[cfg(distcache_mutants)]
pub fn is_planted(mutant: Mutant) -> bool {
    use std::sync::OnceLock;

    static CHOSEN: OnceLock<Option<Mutant>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| {
        let name = std::env::var("DISTCACHE_MUTANT").ok()?;
        let found = Mutant::ALL.into_iter().find(|mutant| mutant.name() == name);
        Some(found.unwrap_or_else(|| panic!("{name:?} is the name of no mutant")))
    });
    *chosen == Some(mutant)
}

/// Where a fault shows in a moment only, makes that moment long.
pub fn linger(mutant: Mutant, is_slow: bool) {
    if is_planted(mutant) && is_slow {
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        let names: HashSet<_> = Mutant::ALL.map(Mutant::name).into_iter().collect();
        assert_eq!(names.len(), Mutant::ALL.len());
    }

    #[test]
    #[cfg(not(distcache_mutants))]
    fn in_a_program_that_was_not_built_for_that_none_is_planted() {
        assert!(!Mutant::ALL.into_iter().any(is_planted));
    }
}
