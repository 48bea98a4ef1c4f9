//! What a load brings, as the cache takes it.

use std::sync::Arc;
use std::time::Duration;

use distcache_manager::{Cargo, Draft, Entry, Flight, Label, Landed, Landing, Tick, Value};

use super::LoadError;
use crate::Answer;
use crate::source::Loaded;
use crate::write::{Kept, KeptValue};

/// What to store of an answer, and what to tell those who wait if nothing is.
pub(crate) struct Arrival {
    pub(crate) cargo: Cargo,
    otherwise: Landing,
}

/// How long what is loaded stays.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stays {
    pub(crate) now: Tick,
    /// How long a value is fresh if its source does not say.
    pub(crate) ttl: Option<Duration>,
    /// By which part of it that is shortened at most.
    pub(crate) ttl_jitter: f64,
    pub(crate) negative_ttl: Duration,
    /// Whether the keyspace serves what is stale, at any time.
    pub(crate) serves_stale: bool,
}

impl Stays {
    /// What a value is kept for.
    fn keep(&self, loaded: &Loaded) -> Keep {
        let is_over = loaded.ttl == Some(Duration::ZERO);
        match (loaded.is_no_cache, loaded.validator.is_some()) {
            (true, true) => Keep::ToAsk,
            (true, false) => Keep::Nothing,
            // From the beginning it is what this keyspace serves as stale.
            (false, true) if is_over && self.serves_stale => Keep::Serve,
            (false, true) if is_over => Keep::ToAsk,
            (false, _) => Keep::for_time(loaded.ttl.or(self.ttl)),
        }
    }

    /// Until when a value is fresh whose TTL is `ttl`, less some. Its node adds
    /// the stale window when it lands.
    fn until(&self, ttl: Option<Duration>, hash: u64) -> Tick {
        let Some(ttl) = ttl.or(self.ttl) else { return Tick::NEVER };
        let less = ttl.mul_f64(self.ttl_jitter * part(hash ^ self.now.as_ms()));
        self.now.after(ttl.saturating_sub(less))
    }
}

/// A number from 0 to 1 that looks like chance: the key's hash, which is keyed,
/// and the time, stirred (`SplitMix64`: G. Steele, D. Lea, C. Flood, "Fast
/// splittable pseudorandom number generators", 2014).
fn part(seed: u64) -> f64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let upper = u32::try_from((z ^ (z >> 31)) >> 32).expect("a shifted word has 32 bits");
    f64::from(upper) / f64::from(u32::MAX)
}

/// What an entry is kept for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// To be served while it is fresh, and as the keyspace serves what is stale.
    Serve,
    /// So that the source can be asked, each time, whether it is still right.
    ToAsk,
    /// For nothing: it is handed to those who wait.
    Nothing,
}

impl Keep {
    fn for_time(ttl: Option<Duration>) -> Self {
        if ttl == Some(Duration::ZERO) { Self::Nothing } else { Self::Serve }
    }
}

impl Arrival {
    /// Of an answer to a flight's load. `tag_hash` gives the hash of a tag.
    pub(crate) fn new(
        answer: Result<Answer, LoadError>,
        flight: &Flight,
        stays: &Stays,
        tag_hash: impl Fn(&str) -> u64,
    ) -> Self {
        let arrival = match answer {
            Ok(Answer::Found(loaded)) => Self::found(&loaded, flight, stays, tag_hash),
            Ok(Answer::NotFound) => Self::not_found(flight, stays),
            Ok(Answer::Unchanged { ttl }) => Self::unchanged(flight, stays, ttl),
            Err(error) => Err(error),
        };
        arrival.unwrap_or_else(Self::failed)
    }

    fn found(
        loaded: &Loaded,
        flight: &Flight,
        stays: &Stays,
        tag_hash: impl Fn(&str) -> u64,
    ) -> Result<Self, LoadError> {
        let keep = stays.keep(loaded);
        let until = match keep {
            Keep::ToAsk => stays.until(None, flight.hash()),
            Keep::Serve | Keep::Nothing => stays.until(loaded.ttl, flight.hash()),
        };
        let tags: Vec<u64> = loaded.tags.iter().map(|tag| tag_hash(tag)).collect();
        let (content_type, validator) = (loaded.content_type.as_deref(), &loaded.validator);
        let label = Label::new(content_type, validator.as_deref()).map_err(failed)?;
        let draft = draft(flight, &loaded.value, until)?.labelled(label);
        let draft = if keep == Keep::ToAsk { draft.no_cache() } else { draft };
        Ok(Self::of_entry(entry(draft, stays.now, &tags)?, keep))
    }

    fn not_found(flight: &Flight, stays: &Stays) -> Result<Self, LoadError> {
        let until = stays.now.after(stays.negative_ttl);
        let absent = Draft::absent(flight.key(), until).map_err(failed)?;
        let keep = Keep::for_time(Some(stays.negative_ttl));
        Ok(Self::of_entry(absent.born(stays.now).entry(), keep))
    }

    /// An entry is for those who wait, and for the cache if that keeps it.
    fn of_entry(entry: Entry, keep: Keep) -> Self {
        let otherwise = Landing::Value(Value::from(entry.clone()));
        let cargo = match keep {
            Keep::Serve | Keep::ToAsk => Cargo::Entry(entry),
            Keep::Nothing => Cargo::Nothing,
        };
        Self { cargo, otherwise }
    }

    fn unchanged(flight: &Flight, stays: &Stays, ttl: Option<Duration>) -> Result<Self, LoadError> {
        let stale = flight.stale().cloned().ok_or(LoadError::NothingToCompare)?;
        let is_over = ttl == Some(Duration::ZERO);
        let stays_no_cache = stale.is_no_cache() && (is_over || ttl.is_none());
        let cargo = if stays_no_cache || is_over && !stays.serves_stale {
            Cargo::NoCache(stays.until(None, flight.hash()))
        } else {
            Cargo::Unchanged(stays.until(ttl, flight.hash()))
        };
        Ok(Self { cargo, otherwise: Landing::Value(stale) })
    }

    /// Of what waits to be written, as the cache had it. What has outlived its TTL
    /// is the store's value like any other: it has no time of its own there.
    pub(crate) fn kept(kept: &Kept, flight: &Flight, stays: &Stays) -> Self {
        let arrival = match kept {
            Kept::Nothing => Self::not_found(flight, stays),
            Kept::Value(kept) => Self::kept_value(kept, flight, stays),
        };
        arrival.unwrap_or_else(Self::failed)
    }

    fn kept_value(kept: &KeptValue, flight: &Flight, stays: &Stays) -> Result<Self, LoadError> {
        let (until, born, ttl) = if stays.now < kept.fresh_until {
            (kept.fresh_until, kept.born, None)
        } else {
            (stays.until(None, flight.hash()), stays.now, stays.ttl)
        };
        let label = Label::new(kept.content_type.as_deref(), None).map_err(failed)?;
        let draft = draft(flight, &kept.value, until)?.labelled(label);
        Ok(Self::of_entry(entry(draft, born, &kept.tags)?, Keep::for_time(ttl)))
    }

    /// Of a load that has no answer.
    pub(crate) fn failed(error: LoadError) -> Self {
        Self { cargo: Cargo::Failure, otherwise: Landing::Failed(Arc::new(error)) }
    }

    /// What those who wait are told, after the cache has taken what it took.
    pub(crate) fn landing(self, landed: Landed) -> Landing {
        match landed {
            Landed::Stored(value) => Landing::Value(value),
            Landed::Stale(value) => Landing::Stale(value),
            Landed::Overtaken | Landed::Nothing => self.otherwise,
        }
    }
}

fn draft<'a>(flight: &'a Flight, value: &'a [u8], until: Tick) -> Result<Draft<'a>, LoadError> {
    Draft::new(flight.key(), value, until).map_err(failed)
}

fn entry(draft: Draft<'_>, born: Tick, tags: &[u64]) -> Result<Entry, LoadError> {
    Ok(draft.born(born).tagged(tags).map_err(failed)?.entry())
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> LoadError {
    LoadError::Failed(Arc::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_between_nothing_and_the_whole_and_are_spread() {
        let parts: Vec<f64> = (0..1_000).map(part).collect();
        assert!(parts.iter().all(|part| (0.0..=1.0).contains(part)));
        let mean = parts.iter().sum::<f64>() / 1_000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
    }

    #[test]
    fn a_ttl_is_shortened_by_no_more_than_its_jitter() {
        let stays = Stays {
            now: Tick::from_ms(1_000),
            ttl: Some(Duration::from_secs(100)),
            ttl_jitter: 0.2,
            negative_ttl: Duration::ZERO,
            serves_stale: false,
        };
        let ends: Vec<u64> = (0..1_000).map(|hash| stays.until(None, hash).as_ms()).collect();
        assert!(ends.iter().all(|end| (81_000..=101_000).contains(end)));
        assert!(ends.iter().any(|end| *end < 83_000) && ends.iter().any(|end| 99_000 < *end));
    }
}
