//! Finds the best share of something by trying.

/// Moves a share up or down, and turns round when the hit ratio falls.
///
/// G. Einziger, O. Eytan, R. Friedman, B. Manes, "Adaptive Software Cache
/// Management", Middleware 2018, <https://doi.org/10.1145/3274808.3274816>; the
/// steps and the periods are those of Caffeine. Shares and ratios are counted in
/// parts of [`WHOLE`].
#[derive(Debug)]
pub(super) struct Climber {
    share: u64,
    is_growing: bool,
    /// What the share changes by next.
    stride: u64,
    hits: u64,
    requests: u64,
    /// The hit ratio of the period before; `None` in the first.
    hit_ratio: Option<u64>,
}

const WHOLE: u64 = 1 << 16;

/// Where the search begins: at a place from which it is not far to any other.
const SHARE_AT_FIRST: u64 = WHOLE / 10;

const SHARE_MAX: u64 = WHOLE * 8 / 10;

const STRIDE_AT_FIRST: u64 = WHOLE / 16;

/// When the hit ratio changes by so much, the requests have changed: the next
/// step is as large as the first.
const CHANGE_TO_RESTART: u64 = WHOLE / 20;

/// Requests in one period, for each entry.
const REQUESTS_AN_ENTRY: u64 = 10;

impl Climber {
    pub(super) fn new() -> Self {
        Self {
            share: SHARE_AT_FIRST,
            is_growing: true,
            stride: STRIDE_AT_FIRST,
            hits: 0,
            requests: 0,
            hit_ratio: None,
        }
    }

    /// Whether `part` is at least the share of `total`.
    pub(super) fn is_reached(&self, part: u64, total: u64) -> bool {
        u128::from(total) * u128::from(self.share) <= u128::from(part) * u128::from(WHOLE)
    }

    #[inline]
    pub(super) fn hit(&mut self) {
        self.hits += 1;
        self.requests += 1;
    }

    #[inline]
    pub(super) fn missed(&mut self) {
        self.requests += 1;
    }

    /// Takes a step, if a period of a cache with so many entries is over.
    pub(super) fn climb(&mut self, entries: usize) {
        if REQUESTS_AN_ENTRY * entries as u64 <= self.requests {
            self.step(self.hits * WHOLE / self.requests.max(1));
            (self.hits, self.requests) = (0, 0);
        }
    }

    /// Takes a step, at the end of a period with this hit ratio.
    fn step(&mut self, hit_ratio: u64) {
        let Some(before) = self.hit_ratio.replace(hit_ratio) else { return };
        self.is_growing ^= hit_ratio < before;
        self.share = if self.is_growing {
            SHARE_MAX.min(self.share + self.stride)
        } else {
            self.share.saturating_sub(self.stride)
        };
        let is_new = CHANGE_TO_RESTART <= hit_ratio.abs_diff(before);
        self.stride = if is_new { STRIDE_AT_FIRST } else { self.stride * 9 / 10 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share after `periods`, where the hit ratio is `ratio` of the share.
    fn share_after(periods: usize, ratio: impl Fn(u64) -> u64) -> u64 {
        let mut climber = Climber::new();
        (0..periods).for_each(|_| climber.step(ratio(climber.share)));
        climber.share
    }

    #[test]
    fn it_climbs_to_where_the_hit_ratio_is_best() {
        for best in [0, WHOLE / 100, WHOLE / 4, WHOLE / 2] {
            let found = share_after(100, |share| WHOLE / 2 - share.abs_diff(best) / 4);
            assert!(found.abs_diff(best) <= STRIDE_AT_FIRST, "{found} for {best}");
        }
    }

    #[test]
    fn steps_shrink_until_the_requests_change() {
        let mut climber = Climber::new();
        for hit_ratio in [1_000, 1_001, 1_002] {
            climber.step(hit_ratio);
        }
        assert_eq!(climber.stride, STRIDE_AT_FIRST * 9 / 10 * 9 / 10);
        climber.step(1_002 + CHANGE_TO_RESTART);
        assert_eq!((climber.stride, climber.is_growing), (STRIDE_AT_FIRST, true));
        climber.step(1_002);
        assert_eq!((climber.stride, climber.is_growing), (STRIDE_AT_FIRST, false));
    }

    #[test]
    fn a_period_is_ten_requests_an_entry() {
        let mut climber = Climber::new();
        (0..5).for_each(|_| climber.hit());
        (0..14).for_each(|_| climber.missed());
        climber.climb(2);
        assert_eq!(climber.hit_ratio, None, "19 requests are too few for 2 entries");
        climber.missed();
        climber.climb(2);
        assert_eq!(climber.hit_ratio, Some(WHOLE / 4));
        assert!(climber.is_reached(10, 100) && !climber.is_reached(9, 100));
    }
}
