//! What a write asks of the store, and how it is kept until it is made.

use std::fmt;
use std::sync::Arc;

use distcache_manager::Tick;

/// What one write asks of the store: a value, or that there be none.
pub(crate) type Wanted<'a> = Option<Written<'a>>;

/// A value as it is written to the store; and what the cache knows of it beside.
#[derive(Clone, Copy)]
pub(crate) struct Written<'a> {
    pub(crate) value: &'a [u8],
    pub(crate) content_type: Option<&'a str>,
    pub(crate) born: Tick,
    /// Its end, without the stale window.
    pub(crate) fresh_until: Tick,
    /// The hashes of its tags.
    pub(crate) tags: &'a [u64],
}

/// What the store will have of a key when what waits has been written.
///
/// It keeps what the store will never know: a value that is evicted before it was
/// written comes back as it was put. Only its version is another, as that of
/// everything that comes back: a tag that was invalidated meanwhile is older, and
/// the condition under which it was put was met then.
#[derive(Clone)]
pub(crate) enum Kept {
    Value(Arc<KeptValue>),
    Nothing,
}

pub(crate) struct KeptValue {
    pub(crate) value: Box<[u8]>,
    pub(crate) content_type: Option<Box<str>>,
    pub(crate) born: Tick,
    pub(crate) fresh_until: Tick,
    pub(crate) tags: Box<[u64]>,
}

impl Kept {
    pub(super) fn of(wanted: Wanted<'_>) -> Self {
        let Some(written) = wanted else { return Self::Nothing };
        let Written { value, content_type, born, fresh_until, tags } = written;
        Self::Value(Arc::new(KeptValue {
            value: value.into(),
            content_type: content_type.map(Box::from),
            born,
            fresh_until,
            tags: tags.into(),
        }))
    }

    /// What the store is to have.
    pub(super) fn value(&self) -> Option<&[u8]> {
        match self {
            Self::Value(kept) => Some(&kept.value),
            Self::Nothing => None,
        }
    }

    /// What it takes, beside its key.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Value(kept) => {
                let content_type = kept.content_type.as_ref().map_or(0, |text| text.len());
                kept.value.len() + content_type + size_of_val(&*kept.tags)
            }
            Self::Nothing => 0,
        }
    }
}

impl fmt::Debug for Kept {
    /// Tells sizes, never the value: what is printed may be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}
