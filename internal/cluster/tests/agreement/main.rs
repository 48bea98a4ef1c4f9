//! Clusters of members that are real but for the wire and the clock: each has a tokio
//! runtime of its own, in paused time, and one thread steps through them all.
#![forbid(unsafe_code)]

mod world;

mod founding;
mod leases;
mod membership;
mod merging;
mod schedules;
