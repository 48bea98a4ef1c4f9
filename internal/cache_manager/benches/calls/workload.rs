//! Which keys are asked for, in which order, by which thread.

use std::sync::Arc;

pub(crate) const KEYS: usize = 100_000;
const VALUE_BYTES: usize = 64;

/// The exponent that `YCSB` uses (Cooper et al., "Benchmarking cloud serving
/// systems with YCSB", 2010).
const ZIPF_EXPONENT: f64 = 0.99;

pub(crate) type Key = [u8; 16];
pub(crate) type Value = Arc<[u8]>;

/// How often each key is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Distribution {
    Uniform,
    Zipf,
}

/// One call: the key's number, and whether it puts or gets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call(u32);

/// The calls of each thread, the keys, and the value of each.
pub(crate) struct Workload {
    pub(crate) keys: Vec<Key>,
    pub(crate) values: Vec<Value>,
    pub(crate) calls: Vec<Vec<Call>>,
}

impl Call {
    const PUT: u32 = 1 << 31;

    pub(crate) fn key(self) -> usize {
        (self.0 & !Self::PUT) as usize
    }

    pub(crate) fn is_put(self) -> bool {
        self.0 & Self::PUT != 0
    }
}

impl Distribution {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf => "zipf",
        }
    }

    /// For each key the probability that it or one before it is asked for.
    fn cumulative(self) -> Vec<f64> {
        let weight = |rank: usize| match self {
            Self::Uniform => 1.0,
            #[expect(clippy::cast_precision_loss, reason = "there are 100,000 ranks")]
            Self::Zipf => (rank as f64).powf(-ZIPF_EXPONENT),
        };
        let total: f64 = (1..=KEYS).map(weight).sum();
        let mut sum = 0.0;
        let next = |rank| {
            sum += weight(rank) / total;
            sum
        };
        (1..=KEYS).map(next).collect()
    }
}

impl Workload {
    /// `calls` in all, shared out among the threads.
    pub(crate) fn new(
        distribution: Distribution,
        calls: usize,
        puts_percent: u32,
        threads: usize,
    ) -> Self {
        let mut random = Random(0x5EED);
        let cumulative = distribution.cumulative();
        let mut call = || {
            let at = random.fraction();
            let key = cumulative.partition_point(|&sum| sum < at).min(KEYS - 1);
            let is_put = random.next() % 100 < u64::from(puts_percent);
            Call(u32::try_from(key).expect("few keys") | if is_put { Call::PUT } else { 0 })
        };
        let calls = (0..threads).map(|_| (0..calls / threads).map(|_| call()).collect()).collect();
        // Ranks next to each other are no neighbours in memory elsewhere, hence
        // not as keys either.
        let mut random = Random(0x00C0_FFEE);
        let mut key = || [random.next().to_le_bytes(), random.next().to_le_bytes()];
        let keys = (0..KEYS).map(|_| key().concat().try_into().expect("two times eight bytes"));
        let values = (0..KEYS).map(|_| Value::from([7; VALUE_BYTES])).collect();
        Self { keys: keys.collect(), values, calls }
    }
}

/// `SplitMix64` (Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a fraction has")]
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
