//! How far the queues of a keyspace were ever filled.

use std::sync::Arc;

use distcache_manager::Watermark;

/// The marks of one keyspace's queues, whatever settings they had: these change,
/// and what was reached stays.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) loads: Arc<QueueMarks>,
    pub(crate) lanes: Arc<QueueMarks>,
    pub(crate) behind: Arc<BehindMarks>,
}

/// Of what runs a few jobs at once, and lets some wait.
#[derive(Debug, Default)]
pub(crate) struct QueueMarks {
    /// Reached when a job has to wait.
    pub(crate) running: Watermark,
    /// Reached when a job is refused.
    pub(crate) waiting: Watermark,
}

/// Of what keeps writes for later.
#[derive(Debug, Default)]
pub(crate) struct BehindMarks {
    pub(crate) writes: Watermark,
    pub(crate) bytes: Watermark,
}
