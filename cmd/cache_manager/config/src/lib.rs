//! INTERNAL to the distcache server: its settings.
//!
//! ```text
//!   file ──┐
//!   env ───┼─► layers of values, each with where it was given ──► Config
//!   flags ─┘        (the later wins)                                │
//!                                        files and secrets are read ▼
//!   Engine ◄── take_over (SIGHUP) ◄── try_out ◄── Loaded: recipes and sources
//! ```
//!
//! Each setting is described once, in [`table`]: its name, kind, default, meaning,
//! and whether it can change while the server runs. What reads, checks, prints and
//! explains settings follows from that. Whatever text is given, the end is settings
//! or [`Faults`], never a panic.
#![forbid(unsafe_code)]

mod secret;
pub use secret::Secret;

mod units;

mod value;
pub use value::Value;

mod setting;
pub use setting::{Flag, Kind, Preset, Reload, Section, Setting, SourceKind};

pub mod table;

mod origin;
pub use origin::Origin;

mod fault;
pub use fault::{Fault, Faults};

mod nearest;

mod tables;

mod file;
pub use file::FILE_BYTES_MAX;

mod env;
pub use env::CONFIG as CONFIG_VARIABLE;

mod config;
pub use config::{Config, Given, Inputs};

mod check;

mod recipe;

mod source;

mod loaded;
pub use loaded::Loaded;

mod tls;
pub use tls::TlsSettings;

mod cluster;
#[cfg(feature = "cluster")]
pub use cluster::{Membership, Proofs};

mod otel;
pub use otel::OtelSettings;

mod reload;
pub use reload::{Changes, Next};

mod print;

mod reference;
pub use reference::reference;
