//! What the server knows of itself: for metrics, reports, and the log.

mod operation;
pub(crate) use operation::Operation;

mod meter;
pub(crate) use meter::{Meter, Outcome};

mod door;
pub use door::DoorWatch;
#[cfg(feature = "hyper")]
pub(crate) use door::Stranger;
pub(crate) use door::{Gauge, Kept};

mod slow;
pub(crate) use slow::SlowLog;

mod history;
pub use history::History;
pub(crate) use history::{Past, WINDOWS};

pub(crate) mod metrics;
pub use metrics::{Family, Labels};

mod observer;
pub(crate) use observer::Observer;
