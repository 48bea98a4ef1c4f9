//! A value that was found.

use std::cell::LazyCell;
use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::proto;
use distcache_cluster::proto::found::How as Way;
use distcache_manager::{Draft, Label, Tick, Value, Version};

use super::{ms, ms_up};
use crate::keyspace::Inner;
use crate::{Error, Found, How, Ttl};

/// A value, as it is sent: times as what is left of them, or as what has passed.
pub(in crate::cluster) fn found_to(space: &Inner, found: &Found) -> proto::Found {
    found_with(space, found, Bytes::copy_from_slice(found))
}

/// The same of one whose bytes were copied already.
pub(in crate::cluster) fn found_with(space: &Inner, found: &Found, value: Bytes) -> proto::Found {
    // Most values need no time, and there may be many.
    let now = LazyCell::new(|| space.manager.now());
    let (how, stale_for) = match found.how() {
        How::Hit => (Way::Hit, Duration::ZERO),
        How::Stale { since } => (Way::Stale, now.since(since)),
        How::Loaded => (Way::Loaded, Duration::ZERO),
        How::Collapsed => (Way::Collapsed, Duration::ZERO),
    };
    let ttl_left_ms = match space.ttl_of(found) {
        Some(Ttl::For(left)) => Some(ms(left)),
        Some(Ttl::UntilEvicted) | None => None,
    };
    proto::Found {
        value,
        how: how.into(),
        version: found.version().get(),
        ttl_left_ms,
        stale_for_ms: ms_up(stale_for),
        age_ms: found.born().map(|born| ms_up(now.since(born))),
        content_type: found.content_type().map(str::to_owned),
    }
}

/// A value of another member, with times by this one's clock.
pub(in crate::cluster) fn found_from(
    space: &Inner,
    key: &[u8],
    found: &proto::Found,
) -> Result<Found, Error> {
    let now = LazyCell::new(|| space.manager.now());
    let passed = |ms| Duration::from_millis(ms);
    let is_stale = found.how() == Way::Stale;
    let since = || now.before(passed(found.stale_for_ms));
    let fresh_until = match found.ttl_left_ms {
        Some(left) => now.after(passed(left)),
        None if is_stale => since(),
        None => Tick::NEVER,
    };
    let how = match found.how() {
        Way::Hit => How::Hit,
        Way::Stale => How::Stale { since: since() },
        Way::Loaded => How::Loaded,
        Way::Collapsed => How::Collapsed,
    };
    let window = Inner::stale_window(&space.setup.load());
    let refused = distcache_manager::Error::from;
    let label = Label::new(found.content_type.as_deref(), None);
    let label = label.map_err(distcache_manager::Error::from)?;
    let draft = Draft::new(key, &found.value, fresh_until.after(window)).map_err(refused)?;
    let draft = draft.labelled(label);
    let draft = match found.age_ms {
        Some(age) => draft.born(now.before(passed(age))),
        None => draft,
    };
    let value = Value::from(draft.entry_of(Version::from(found.version)));
    Ok(Found::come_by(value, how))
}
