//! Whole clusters under faults, and whether what their clients saw is what they may see.
//!
//! ```text
//!   run ──► scene: faults ──► fleet: members, each a process     within: members, clients
//!    │                          ▲                                and faults in this one
//!    │                         load: clients ──► history ──┐        │
//!    │                                                     ▼        ▼
//!    └── herd: a source that counts its loads             checker ──► report
//! ```
//!
//! `cargo run --release -p distcache-consistency -- --help`
#![expect(clippy::print_stdout, reason = "telling what came of a run is what it is for")]
#![expect(
    clippy::cast_precision_loss,
    reason = "figures are printed with a few digits of those they have"
)]

mod arguments;
pub use arguments::{Arguments, Run, Transport};

mod run;
pub use run::run;

mod failed;
pub use failed::Failed;

pub mod checker;
pub mod operation;

mod client;
mod fleet;
mod herd;
mod history;
mod load;
#[expect(dead_code, reason = "the tests of discovery say more")]
#[path = "../../../pkg/discovery/tests/support/nats_server.rs"]
mod nats_server;
mod network;
mod proxy;
mod report;
mod scene;
mod source;
mod watch;
mod within;
