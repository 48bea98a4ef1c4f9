//! What the links have counted.

use std::sync::atomic::{AtomicU64, Ordering};

/// Declares the counters and what they are told as, so that none is left out.
macro_rules! counts {
    ($($(#[$doc:meta])+ $name:ident,)+) => {
        /// What the links of a member count. They guard nothing; hence relaxed.
        #[derive(Debug, Default)]
        pub(super) struct Counters { $(pub(super) $name: Count,)+ }

        /// What the links of a member have counted since they began.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counts { $($(#[$doc])+ pub $name: u64,)+ }

        impl Counters {
            pub(super) fn told(&self) -> Counts {
                Counts { $($name: self.$name.get(),)+ }
            }
        }
    };
}

counts! {
    /// Connections that we have begun.
    dialled,
    /// Tries to connect that came to nothing.
    dials_failed,
    /// Connections of others that became links.
    accepted,
    /// Connections of others that were refused, or never introduced themselves.
    refused,
    /// Links that have ended, whatever the reason.
    ended,
    /// Links that ended because nothing was heard of the other.
    silent,
    /// Frames that could not be understood; each ends its link.
    not_understood,
    /// Replies that nobody waited for any more.
    stray_replies,
    /// Requests of others that were not served: there was too much to do.
    busy,
    /// Calls of ours that were not sent because a bound was reached.
    calls_refused,
    /// Frames that were written.
    frames_sent,
    /// Their bytes, without the four that tell each one's length.
    bytes_sent,
    /// Writes that they went out in.
    writes,
    /// Frames that were read.
    frames_received,
    /// Their bytes.
    bytes_received,
}

#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn one(&self) {
        self.add(1);
    }

    pub(super) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
