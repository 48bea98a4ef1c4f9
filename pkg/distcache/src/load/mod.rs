//! Loads: where they run, and what becomes of what they bring.

mod pool;
pub(crate) use pool::{Full, Pool};

mod runs;
pub(crate) use runs::Runs;

mod error;
pub use error::LoadError;

mod arrival;
pub(crate) use arrival::{Arrival, Stays};

mod request;
pub(crate) use request::Load;

mod timed;
pub(crate) use timed::Timed;

mod under_way;
pub(crate) use under_way::{Place, UnderWay};
