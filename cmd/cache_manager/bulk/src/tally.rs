//! What has become of the items.

use std::collections::BTreeMap;
use std::fmt;

use distcache::Code;

/// Failures that are told one by one; of more, only the number.
pub const FAILURES_TOLD_MAX: usize = 20;

/// How many went well, and which did not.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Those that went well.
    pub done: u64,
    /// Those that did not.
    pub failed: u64,
    /// How many failed with each code: as many as there are codes at most.
    by_code: BTreeMap<String, u64>,
    /// The first of them.
    told: Vec<String>,
}

impl Tally {
    /// So many went well before.
    pub(crate) fn after(done: u64) -> Self {
        Self { done, ..Self::default() }
    }

    /// Counts a failure. `place` says which item, and never what is in it.
    pub(crate) fn fail(&mut self, place: impl fmt::Display, code: Code, what: impl fmt::Display) {
        self.failed += 1;
        *self.by_code.entry(code.to_string()).or_default() += 1;
        if self.told.len() < FAILURES_TOLD_MAX {
            self.told.push(format!("{place}: {code} {what}"));
        }
    }

    /// The first failures, a line each, and how many there are of each code.
    pub fn failures(&self) -> impl Iterator<Item = String> {
        let is_cut = (self.told.len() as u64) < self.failed;
        let codes = self.by_code.iter().map(|(code, count)| format!("{code}: {count}"));
        let sum = is_cut.then(|| {
            format!("in all {} failed: {}", self.failed, codes.collect::<Vec<_>>().join(", "))
        });
        self.told.iter().cloned().chain(sum)
    }
}

#[cfg(test)]
mod tests {
    use distcache::codes;

    use super::*;

    #[test]
    fn the_first_failures_are_told_and_the_others_counted_by_code() {
        let mut tally = Tally::default();
        tally.fail("line 1", codes::LINE_INVALID, "no JSON");
        assert_eq!(tally.failures().collect::<Vec<_>>(), ["line 1: DC-331 no JSON"]);
        for line in 0..FAILURES_TOLD_MAX {
            tally.fail(line, codes::VALUE_TOO_LARGE, "");
        }
        let failures: Vec<_> = tally.failures().collect();
        assert_eq!(failures.len(), FAILURES_TOLD_MAX + 1);
        assert_eq!(failures.last().unwrap(), "in all 21 failed: DC-105: 20, DC-331: 1");
    }
}
