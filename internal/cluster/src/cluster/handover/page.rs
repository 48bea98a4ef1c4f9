//! Entries as they travel.

use std::time::Duration;

use bytes::Bytes;
use distcache_manager::{
    CacheManager, Draft, Entry, Error, Keyspace, Label, Parcel, Passage, Tick, Version,
};

use super::awaited::KEYS_AT_ONCE_MAX;
use crate::proto::page_taken::Entry as Sent;
use crate::proto::take_page::Place;
use crate::proto::{PageTaken, TakePage};

/// Bytes of entries in one page, unless a single one is longer: a page is taken off its
/// node, sent and stored in some milliseconds, and there are few of them at once.
pub(super) const PAGE_BYTES_MAX: u64 = 1 << 20;

/// Takes what is asked for off the cache. Goes through its nodes: not for a task.
pub(super) fn take_off(
    cache: &CacheManager,
    ask: &TakePage,
) -> Result<(Parcel, Option<Place>), Error> {
    let mut parcel = Parcel::new(PAGE_BYTES_MAX);
    let Some(keyspace) = cache.keyspace(&ask.keyspace) else { return Ok((parcel, None)) };
    if !ask.keys.is_empty() {
        let keys = ask.keys.iter().take(KEYS_AT_ONCE_MAX).map(AsRef::as_ref);
        let has_room = cache.give_keys(ask.tenure, &keyspace, ask.heir, keys, &mut parcel)?;
        let is_all = has_room && ask.keys.len() <= KEYS_AT_ONCE_MAX;
        return Ok((parcel, (!is_all).then(Place::default)));
    }
    let mut next = Some(passage(ask.from.unwrap_or_default()));
    while let Some(from) = next {
        next = cache.give(ask.tenure, &keyspace, ask.heir, from, &mut parcel)?;
        if parcel.is_full() {
            break;
        }
    }
    Ok((parcel, next.map(place)))
}

/// The page that is sent. `now` is by the clock of the entries.
pub(super) fn wrap(parcel: &Parcel, next: Option<Place>, now: Tick) -> PageTaken {
    let sent = parcel.entries().iter().filter_map(|entry| sent(entry, now));
    PageTaken { entries: sent.collect(), next }
}

/// An entry as it is sent; nothing of one whose time is over. Nor of one that is kept
/// only to be asked for: a member of an earlier version would serve it as fresh.
pub(in crate::cluster) fn sent(entry: &Entry, now: Tick) -> Option<Sent> {
    if entry.is_no_cache() {
        return None;
    }
    let time_left_ms = match entry.expires() {
        Tick::NEVER => None,
        // A millisecond less: both clocks are read rounded down.
        end => Some(end.as_ms().checked_sub(now.as_ms() + 1)?),
    };
    let label = entry.label();
    let age = entry.born().map(|born| now.as_ms().saturating_sub(born.as_ms()));
    Some(Sent {
        key: Bytes::copy_from_slice(entry.key()),
        value: Bytes::copy_from_slice(entry.value()),
        version: entry.version().get(),
        time_left_ms,
        age_ms: age,
        content_type: label.content_type().map(str::to_owned),
        validator: label.validator().map(str::to_owned),
        tags: entry.tags().collect(),
        is_absent: entry.is_absent(),
    })
}

/// What came of storing a page.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stored {
    pub(super) entries: u64,
    pub(super) refused: u64,
    /// Of keys and values that came.
    pub(super) bytes: u64,
}

/// Stores a page that was asked for at `asked`, by the clock of the entries.
pub(super) fn store(
    cache: &CacheManager,
    tenure: u64,
    keyspace: &Keyspace,
    page: &[Sent],
    asked: Tick,
) -> Result<Stored, Error> {
    let came = page.len() as u64;
    let bytes = page.iter().map(bytes).sum();
    let entries = page.iter().filter_map(|sent| received(sent, asked)).collect();
    let absorbed = cache.absorb(tenure, keyspace, entries)? as u64;
    Ok(Stored { entries: absorbed, refused: came - absorbed, bytes })
}

pub(super) fn bytes(sent: &Sent) -> u64 {
    (sent.key.len() + sent.value.len()) as u64
}

/// The entry that was sent; nothing if it cannot be one.
///
/// Its time is counted from the moment when it was asked for:
///
/// 1. An entry has a second left. It is sent.
/// 2. The page is under way for half a second.
/// 3. Counted from its arrival, it ends half a second late.
pub(in crate::cluster) fn received(sent: &Sent, asked: Tick) -> Option<Entry> {
    let expires = match sent.time_left_ms {
        None => Tick::NEVER,
        Some(left) => asked.after(Duration::from_millis(left)),
    };
    let draft = if sent.is_absent {
        Draft::absent(&sent.key, expires)
    } else {
        Draft::new(&sent.key, &sent.value, expires)
    };
    let label = Label::new(sent.content_type.as_deref(), sent.validator.as_deref()).ok()?;
    let draft = draft.ok()?.labelled(label).tagged(&sent.tags).ok()?;
    let draft = match sent.age_ms {
        None => draft,
        Some(age) => draft.born(asked.before(Duration::from_millis(age))),
    };
    Some(draft.entry_of(Version::from(sent.version)))
}

fn passage(Place { node, at }: Place) -> Passage {
    // A place that there is not is the end.
    let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
    Passage { node: number(node), at: number(at) }
}

fn place(Passage { node, at }: Passage) -> Place {
    Place { node: node as u64, at: at as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn label() -> Label<'static> {
        Label::new(Some("text/plain"), Some("\"7\"")).unwrap()
    }

    #[test]
    fn an_entry_arrives_with_all_that_is_known_of_it() {
        let now = Tick::ZERO.after(SECOND * 100);
        let draft = Draft::new(b"key", b"value", now.after(SECOND * 9)).unwrap();
        let draft = draft.labelled(label()).tagged(&[3, 4]).unwrap().born(now.before(SECOND));
        let entry = draft.entry_of(Version::from(77));
        let asked = Tick::ZERO.after(SECOND * 5);
        let here = received(&sent(&entry, now).unwrap(), asked).unwrap();
        assert_eq!((here.key(), here.value()), (entry.key(), entry.value()));
        assert_eq!((here.version(), here.label()), (entry.version(), label()));
        assert_eq!(here.tags().collect::<Vec<_>>(), [3, 4]);
        assert_eq!(here.born(), Some(asked.before(SECOND)));
        assert!(here.expires() <= asked.after(SECOND * 9), "{:?}", here.expires());
        assert!(asked.after(SECOND * 8) < here.expires(), "{:?}", here.expires());
    }

    #[test]
    fn that_there_is_no_value_arrives_as_that_and_what_never_ends_does_not() {
        let entry = Draft::absent(b"key", Tick::NEVER).unwrap().entry_of(Version::from(1));
        let here = received(&sent(&entry, Tick::ZERO).unwrap(), Tick::ZERO).unwrap();
        assert!(here.is_absent());
        assert_eq!((here.expires(), here.born()), (Tick::NEVER, None));
    }

    #[test]
    fn what_has_ended_is_not_sent() {
        let end = Tick::ZERO.after(SECOND);
        let entry = Draft::new(b"key", b"value", end).unwrap().entry_of(Version::from(1));
        assert_eq!(sent(&entry, end), None);
        assert_eq!(sent(&entry, end.after(SECOND)), None);
    }

    #[test]
    fn what_is_kept_only_to_be_asked_for_is_not_sent() {
        let draft = Draft::new(b"key", b"value", Tick::NEVER).unwrap().labelled(label());
        assert!(sent(&draft.entry_of(Version::from(1)), Tick::ZERO).is_some());
        assert_eq!(sent(&draft.no_cache().entry_of(Version::from(1)), Tick::ZERO), None);
    }

    #[test]
    fn what_can_be_no_entry_is_left_out() {
        let tags = Sent { tags: vec![1; 32], ..Sent::default() };
        let key = Sent { key: vec![7; 1 << 16].into(), ..Sent::default() };
        let text = Sent { content_type: Some("a\r\nb".to_owned()), ..Sent::default() };
        assert!([tags, key, text].iter().all(|sent| received(sent, Tick::ZERO).is_none()));
        assert!(received(&Sent::default(), Tick::ZERO).is_some());
    }
}
