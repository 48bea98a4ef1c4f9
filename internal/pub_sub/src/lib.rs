//! INTERNAL to distcache: the in-memory bus between the manager and its nodes.
//!
//! The bus promises two things and no more:
//!
//! * a [`Topic`] tells whoever listens, never waits for anybody, and counts
//!   what a slow listener missed;
//! * a [`Mailbox`] runs a [`Command`] on a node's state, one at a time (or
//!   several readers at once), within the caller's [`Deadline`], whatever
//!   becomes of the node meanwhile.
//!
//! ```text
//!  caller ──call──► Mailbox ──try lock──► state            (inline dispatch)
//!     │                │ └──busy──► wait, to the deadline
//!     │                └─inbox (bounded)─► worker thread ─lock─► state
//!     └──◄── Waiter ◄── reply ────────────────┘           (worker dispatch)
//! ```
//!
//! Under [`Dispatch::Inline`] a caller that finds the state free runs its
//! command right there: a hand-off between threads costs a hundred times what
//! the command itself does. Under [`Dispatch::Worker`] each command travels
//! through the inbox to the node's own thread. Callers see no difference but
//! the time; one test suite runs on both.
//!
//! The crate knows neither nodes nor keys. Everything that blocks here is in
//! [`Mailbox`] and [`Subscription`]; every wait has a deadline and every queue
//! a bound.
#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod sync;

mod deadline;
pub use deadline::Deadline;

mod stopwatch;
pub use stopwatch::Stopwatch;

mod watermark;
pub use watermark::Watermark;

mod fence;
pub use fence::{Epoch, Fence};

mod command;
pub use command::{Command, Read};

mod block_on;
pub use block_on::block_on;

mod reply;
pub use reply::{Abandoned, Expire, Replier, Waiter, reply_slot};

mod timer;
pub use timer::{Timer, WAITS_MAX};

mod call;
pub use call::Call;

mod mailbox;
pub use mailbox::{CallError, Dispatch, Mailbox, MailboxSettings, PostError};

mod worker;
pub use worker::{Worker, WorkerSettings, join_by};

#[doc(hidden)]
pub mod mutants;

mod topic;
pub use topic::{Lag, Received, Subscription, Topic};

#[cfg(all(test, loom))]
mod models;
