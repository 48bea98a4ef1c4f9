//! How processes come to agree on a view, and stay in agreement.
//!
//! ```text
//!             ┌────────────────────── outside ◄───────────────────────┐
//!   a cluster │ with a leader               nobody has one: a         │ removed, dissolved,
//!   was found ▼                             majority ▼ promises       │ never got in, or its
//!           Join ──────────► entering ◄───────── founding             │ cluster is lost and
//!                               │ the first view with this member     │ founded anew
//!                               ▼                                     │
//!                             inside ─────────────────────────────────┘
//! ```
//!
//! A `Stay` is one process's time in one cluster, under one member id. The
//! tasks of a stay: `seating` tells the engine of views, `renewing` asks for leases,
//! `leading` does the leader's duties if this member leads, and `living` (of the whole
//! process) looks around and moves it from stay to stay.

mod post;
pub use post::{Post, Unreached};

mod seat;
pub use seat::{NotTaken, Seat};

mod settings;
pub use settings::{LEASE_MIN, OnMinority, Settings, SettingsInvalid};

mod bounds;
mod message;
pub use message::MESSAGE_BYTES_MAX;

mod log;
mod machine;
mod network;

#[expect(clippy::module_inception, reason = "the agreement is what this folder is about")]
mod agreement;
pub use agreement::Agreement;
pub(crate) use agreement::LISTED_MAX;

mod answering;
mod bequest;
mod founding;
mod leading;
mod leaving;
pub use leaving::NotAgreed;
mod living;
mod proposing;
mod renewing;
mod seating;
mod stay;
mod survey;
