//! The engine as those who embed it see it.

mod herd;
mod support;
