//! `/v1`, through both doors.

mod keys;
