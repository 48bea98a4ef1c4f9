//! Many values into a cache, and out of it: lines of JSON over the HTTP door.
//!
//! It knows no engine. What it does to a cache any client could do: `PUT`,
//! `batch/put`, `scan`, and `GET` with `only-if-cached`. It reads and writes one line
//! at a time, so that a file may be larger than the memory.
//!
//! `import`: [`Feed`] numbers the lines of a file and reads each as an [`Item`];
//! a batch of them goes to the [`Door`]; then how far that is is written down, so that
//! who was interrupted goes on behind what was acknowledged.
//!
//! `export`: a page of the scan, then each key's value, then all of it into the
//! file, then where the scan goes on into the state.
#![forbid(unsafe_code)]

mod item;
pub use item::{ITEM_LIKE, Item, KEY_BYTES_MAX, Life, LineError, TTL_MS_MAX};
mod feed;
pub use feed::{Feed, LINE_FRAME_BYTES, Numbered, line_bytes_max};
mod fault;
pub use fault::Fault;
mod pace;
mod progress;
mod state;
mod tally;
pub use tally::{FAILURES_TOLD_MAX, Tally};
mod door;
pub use door::{Door, DoorError, DoorOptions};
mod import;
pub use import::{BATCH_ITEMS_MAX, Import, Imported};
mod export;
pub use export::{Export, Exported};
