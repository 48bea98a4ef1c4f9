//! `Cache-Status`: how an answer was come by (RFC 9211).

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use distcache::{Code, Found, How, Tick, Ttl, Version};

/// It was there.
const HIT: &str = "distcache; hit";

/// There is no value.
pub(super) const ABSENT: &str = "distcache; detail=absent";

/// The value could not be loaded.
pub(super) fn failed(code: Code) -> String {
    format!("distcache; fwd=miss; detail={code}")
}

/// Whether the cache holds what was found, and not only handed it on.
pub(super) fn is_kept(found: &Found) -> bool {
    found.version() != Version::ZERO
}

/// Displays as the header's value.
///
/// - `distcache; hit; ttl=42`: fresh for so many seconds; negative for a stale value.
/// - `distcache; fwd=miss; stored`: loaded by this request, and kept.
/// - `distcache; fwd=miss; collapsed`: loaded by another, for which this one waited.
pub(super) struct CacheStatus<'a> {
    pub(super) found: &'a Found,
    pub(super) ttl: Option<Ttl>,
    pub(super) now: Tick,
}

impl CacheStatus<'_> {
    /// How long ago the value was put or loaded.
    pub(super) fn age(&self) -> Option<Duration> {
        self.found.born().map(|born| self.now.since(born))
    }

    /// The header's value: a part of the program for a hit without an end.
    pub(super) fn text(&self) -> Cow<'static, str> {
        let has_no_end = !matches!(self.ttl, Some(Ttl::For(_)));
        if self.found.how() == How::Hit && has_no_end {
            HIT.into()
        } else {
            self.to_string().into()
        }
    }
}

impl fmt::Display for CacheStatus<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found.how() {
            How::Hit => f.write_str(HIT)?,
            How::Stale { since } => {
                let past = self.now.since(since).as_secs();
                return write!(f, "{HIT}; ttl=-{past}");
            }
            How::Loaded => f.write_str("distcache; fwd=miss")?,
            How::Collapsed => f.write_str("distcache; fwd=miss; collapsed")?,
        }
        if self.found.how() == How::Loaded && is_kept(self.found) {
            f.write_str("; stored")?;
        }
        match self.ttl {
            Some(Ttl::For(left)) => write!(f, "; ttl={}", left.as_secs()),
            Some(Ttl::UntilEvicted) | None => Ok(()),
        }
    }
}
