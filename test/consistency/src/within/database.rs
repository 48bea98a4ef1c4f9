//! What two of the keyspaces are loaded from: a number for each key, which only grows. It
//! can be slow, and fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// How long a load takes while it is slow.
const SLOW: Duration = Duration::from_millis(150);

/// The database of all members.
#[derive(Debug)]
pub(super) struct Database {
    numbers: Vec<AtomicU64>,
    is_slow: AtomicBool,
    fails: AtomicBool,
    troubled: AtomicU64,
}

/// It does not answer now.
#[derive(Debug, thiserror::Error)]
#[error("the database is away")]
pub(super) struct Away;

impl Database {
    /// One in which each of so many keys has the number 1.
    pub(super) fn new(keys: usize) -> Arc<Self> {
        Arc::new(Self {
            numbers: (0..keys).map(|_| AtomicU64::new(1)).collect(),
            is_slow: AtomicBool::new(false),
            fails: AtomicBool::new(false),
            troubled: AtomicU64::new(0),
        })
    }

    /// The number of a key.
    pub(super) async fn get(&self, key: usize) -> Result<u64, Away> {
        if self.is_slow.load(Ordering::Relaxed) {
            self.troubled.fetch_add(1, Ordering::Relaxed);
            sleep(SLOW).await;
        }
        let number = self.numbers[key].load(Ordering::SeqCst);
        // What is read may be told late: by then it is not the last any more.
        tokio::task::yield_now().await;
        if self.fails.load(Ordering::Relaxed) {
            self.troubled.fetch_add(1, Ordering::Relaxed);
            return Err(Away);
        }
        Ok(number)
    }

    /// Gives a key its next number. Returns it.
    pub(super) fn renew(&self, key: usize) -> u64 {
        self.numbers[key].fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Loads that were slow, or failed.
    pub(super) fn troubled(&self) -> u64 {
        self.troubled.load(Ordering::Relaxed)
    }

    pub(super) fn be_slow(&self, is_slow: bool) {
        self.is_slow.store(is_slow, Ordering::Relaxed);
    }

    pub(super) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }
}
