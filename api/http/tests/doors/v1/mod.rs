//! `/v1`, through both doors.

mod access;
mod keys;
