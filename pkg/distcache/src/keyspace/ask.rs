//! A call about one key, and what it comes to, wherever the key's owner is.
#![cfg_attr(
    not(feature = "cluster"),
    expect(dead_code, reason = "without other members nobody looks into it")
)]

use distcache_manager::{Condition, Version};

use super::committed::Begun;
use super::{Found, Item, Keyspace, Trace, Until};
use crate::Error;

/// What is asked about one key.
#[derive(Clone, Copy)]
pub(crate) enum Ask<'a> {
    /// To read it, and to load it if it is missing.
    Get { key: &'a [u8] },
    /// To read it as it lies there.
    Peek { key: &'a [u8] },
    /// What is known of it.
    Trace { key: &'a [u8] },
    /// To store a value.
    Put(&'a Item<'a>),
    /// To forget it; in the cache alone, if that is an invalidation.
    Delete { key: &'a [u8], condition: Condition, is_invalidation: bool },
    /// To give its value another TTL.
    Touch { key: &'a [u8], until: Until },
    /// To add to its number.
    Increment { key: &'a [u8], by: i64 },
}

/// What it came to.
pub(crate) enum Told {
    Read(Option<Found>),
    Traced(Box<Trace>),
    Written(Version),
    Forgotten(bool),
    Touched(bool),
    Sum(i64),
}

impl Ask<'_> {
    /// The key that it is about.
    pub(crate) fn key(&self) -> &[u8] {
        match self {
            Self::Get { key }
            | Self::Peek { key }
            | Self::Trace { key }
            | Self::Delete { key, .. }
            | Self::Touch { key, .. }
            | Self::Increment { key, .. } => key,
            Self::Put(item) => item.key,
        }
    }

    /// Whether it changes nothing, and can be asked again.
    pub(crate) fn is_read(&self) -> bool {
        match self {
            Self::Get { .. } | Self::Peek { .. } | Self::Trace { .. } => true,
            Self::Put(_) | Self::Delete { .. } | Self::Touch { .. } | Self::Increment { .. } => {
                false
            }
        }
    }

    /// Whether it comes to the same if it is done again, by whoever owns the key then.
    pub(super) fn is_idempotent(&self) -> bool {
        match self {
            Self::Put(item) => {
                matches!(item.condition, Condition::Always | Condition::Before(_))
            }
            Self::Delete { condition, .. } => *condition == Condition::Always,
            Self::Get { .. } | Self::Peek { .. } | Self::Trace { .. } | Self::Touch { .. } => true,
            Self::Increment { .. } => false,
        }
    }
}

impl Keyspace {
    /// Does it in this process, and nowhere else.
    pub(crate) async fn here_async(&self, ask: Ask<'_>) -> Result<Told, Error> {
        let begun = self.begin_call();
        let here = self.told_here_async(ask).await;
        self.committed_async(begun, here, ask).await
    }

    async fn told_here_async(&self, ask: Ask<'_>) -> Result<Told, Error> {
        Ok(match ask {
            Ask::Get { key } => Told::Read(self.get_here_async(key).await?),
            Ask::Peek { key } => Told::Read(self.peek_here_async(key).await?),
            Ask::Trace { key } => Told::Traced(Box::new(self.trace_here_async(key).await?)),
            Ask::Put(item) => {
                let put = self.put_here_async(item).await;
                Told::Written(self.stored_already(item.condition, put)?)
            }
            Ask::Delete { key, is_invalidation: true, .. } => {
                Told::Forgotten(self.invalidate_here_async(key).await?)
            }
            Ask::Delete { key, condition, is_invalidation: false } => {
                Told::Forgotten(self.delete_here_async(key, condition).await?)
            }
            Ask::Touch { key, until } => Told::Touched(self.stay_here_async(key, until).await?),
            Ask::Increment { key, by } => Told::Sum(self.add_here_async(key, by).await?),
        })
    }

    /// What a call came to here; or at the key's owner, if that is another process.
    #[inline]
    pub(super) fn anywhere<T: FromTold>(
        &self,
        begun: Begun,
        here: Result<T, Error>,
        ask: Ask<'_>,
    ) -> Result<T, Error> {
        match self.committed(begun, here, ask) {
            Err(error) if error.is_for_owner() => {
                T::from_told(match self.by_copy(ask).or_else(|| self.by_near(ask)) {
                    Some(told) => told,
                    None => self.afar(ask, error.stored())?,
                })
            }
            here => here,
        }
    }

    /// As [`anywhere`](Self::anywhere), for a task.
    #[inline]
    pub(super) async fn anywhere_async<T: FromTold>(
        &self,
        begun: Begun,
        here: Result<T, Error>,
        ask: Ask<'_>,
    ) -> Result<T, Error> {
        // In a box: so a hit's future has no room for it where there are no copies.
        let here = if self.may_wait() {
            Box::pin(self.committed_async(begun, here, ask)).await
        } else {
            here
        };
        match here {
            Err(error) if error.is_for_owner() => {
                // In boxes: else the future of a call that ends here had the room, too,
                // that is for what passes between processes.
                let by_copy = Box::pin(self.by_copy_async(ask)).await;
                T::from_told(match by_copy.or_else(|| self.by_near(ask)) {
                    Some(told) => told,
                    None => Box::pin(self.afar_async(ask, error.stored())).await?,
                })
            }
            here => here,
        }
    }
}

/// What a call returns, of what it came to.
pub(crate) trait FromTold: Sized {
    /// # Panics
    /// If something else was asked.
    fn from_told(told: Told) -> Result<Self, Error>;

    /// Under which version a value was stored, if this is what was asked for.
    fn stored(&self) -> Option<Version> {
        None
    }
}

impl FromTold for Told {
    fn from_told(told: Told) -> Result<Self, Error> {
        Ok(told)
    }

    fn stored(&self) -> Option<Version> {
        match self {
            Self::Written(version) => Some(*version),
            _ => None,
        }
    }
}

impl FromTold for Version {
    fn from_told(told: Told) -> Result<Self, Error> {
        match told {
            Told::Written(version) => Ok(version),
            _ => unreachable!("what is told is what was asked"),
        }
    }

    fn stored(&self) -> Option<Version> {
        Some(*self)
    }
}

macro_rules! from_told {
    ($($returns:ty: $($told:pat => $value:expr),+;)+) => {
        $(impl FromTold for $returns {
            fn from_told(told: Told) -> Result<Self, Error> {
                match told {
                    $($told => Ok($value),)+
                    _ => unreachable!("what is told is what was asked"),
                }
            }
        })+
    };
}

from_told! {
    Option<Found>: Told::Read(found) => found;
    Trace: Told::Traced(trace) => *trace;
    bool: Told::Forgotten(was_there) => was_there, Told::Touched(was_there) => was_there;
    i64: Told::Sum(sum) => sum;
}

/// What is asked about many keys.
#[derive(Clone, Copy)]
pub(crate) enum Asks<'a> {
    Get(&'a [&'a [u8]]),
    Put(&'a [Item<'a>]),
    Delete(&'a [&'a [u8]]),
}

impl<'a> Asks<'a> {
    /// What is asked about one of them.
    pub(crate) fn one(self, at: usize) -> Ask<'a> {
        match self {
            Self::Get(keys) => Ask::Get { key: keys[at] },
            Self::Put(items) => Ask::Put(&items[at]),
            Self::Delete(keys) => {
                let condition = Condition::Always;
                Ask::Delete { key: keys[at], condition, is_invalidation: false }
            }
        }
    }

    pub(crate) fn key(self, at: usize) -> &'a [u8] {
        match self {
            Self::Get(keys) | Self::Delete(keys) => keys[at],
            Self::Put(items) => items[at].key,
        }
    }

    /// Bytes of one of them.
    pub(crate) fn bytes(self, at: usize) -> usize {
        match self {
            Self::Get(keys) | Self::Delete(keys) => keys[at].len(),
            Self::Put(items) => items[at].key.len() + items[at].value.len(),
        }
    }

    pub(crate) fn are_reads(self) -> bool {
        matches!(self, Self::Get(_))
    }
}
