//! A value that was found.

use std::cell::OnceCell;
use std::time::Duration;

use bytes::Bytes;
use distcache_cluster::proto;
use distcache_cluster::proto::found::How as Way;
use distcache_manager::{Draft, Label, Tick, Value, Version};

use super::{ms, ms_up};
use crate::keyspace::Inner;
use crate::{Error, Found, How, Ttl};

/// When values are sent, or have come: by one look at the clock for all of a message, and
/// by none if they need none.
pub(in crate::cluster) struct Moment<'a> {
    space: &'a Inner,
    now: OnceCell<Tick>,
}

impl<'a> Moment<'a> {
    pub(in crate::cluster) fn of(space: &'a Inner) -> Self {
        Self { space, now: OnceCell::new() }
    }

    pub(super) fn space(&self) -> &'a Inner {
        self.space
    }

    fn now(&self) -> Tick {
        *self.now.get_or_init(|| self.space.manager.now())
    }
}

/// A value, as it is sent: times as what is left of them, or as what has passed.
pub(in crate::cluster) fn found_to(space: &Inner, found: &Found) -> proto::Found {
    found_with(&Moment::of(space), found, Bytes::copy_from_slice(found))
}

/// The same of one of many, whose bytes were copied already.
pub(in crate::cluster) fn found_with(
    moment: &Moment<'_>,
    found: &Found,
    value: Bytes,
) -> proto::Found {
    let (how, stale_for) = match found.how() {
        How::Hit => (Way::Hit, Duration::ZERO),
        How::Stale { since } => (Way::Stale, moment.now().since(since)),
        How::Loaded => (Way::Loaded, Duration::ZERO),
        How::Collapsed => (Way::Collapsed, Duration::ZERO),
    };
    let ttl_left_ms = match moment.space.ttl_at(found, || moment.now()) {
        Some(Ttl::For(left)) => Some(ms(left)),
        Some(Ttl::UntilEvicted) | None => None,
    };
    proto::Found {
        value,
        how: how.into(),
        version: found.version().get(),
        ttl_left_ms,
        stale_for_ms: ms_up(stale_for),
        age_ms: found.born().map(|born| ms_up(moment.now().since(born))),
        content_type: found.content_type().map(str::to_owned),
    }
}

/// A value of another member, with times by this one's clock.
pub(in crate::cluster) fn found_from(
    moment: &Moment<'_>,
    key: &[u8],
    found: &proto::Found,
) -> Result<Found, Error> {
    let passed = |ms| Duration::from_millis(ms);
    let is_stale = found.how() == Way::Stale;
    let since = || moment.now().before(passed(found.stale_for_ms));
    let kept_from =
        |fresh_until: Tick| fresh_until.after(Inner::stale_window(&moment.space.setup.load()));
    let expires = match found.ttl_left_ms {
        Some(left) => kept_from(moment.now().after(passed(left))),
        None if is_stale => kept_from(since()),
        None => Tick::NEVER,
    };
    let how = match found.how() {
        Way::Hit => How::Hit,
        Way::Stale => How::Stale { since: since() },
        Way::Loaded => How::Loaded,
        Way::Collapsed => How::Collapsed,
    };
    let refused = distcache_manager::Error::from;
    let label = Label::new(found.content_type.as_deref(), None);
    let label = label.map_err(distcache_manager::Error::from)?;
    let draft = Draft::new(key, &found.value, expires).map_err(refused)?;
    let draft = draft.labelled(label);
    let draft = match found.age_ms {
        Some(age) => draft.born(moment.now().before(passed(age))),
        None => draft,
    };
    let value = Value::from(draft.entry_of(Version::from(found.version)));
    Ok(Found::come_by(value, how))
}
