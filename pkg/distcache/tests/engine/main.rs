//! The engine as those who embed it see it.

mod herd;
mod outage;
mod races;
mod support;
mod times;
