//! How many changes of an engine tasks wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use distcache_bus::Watermark;
use distcache_manager::Bound;

use crate::Error;

/// Changes of keyspaces that tasks wait for. Each has a thread of its own, and they
/// are made one at a time.
pub(crate) const CHANGES_MAX: usize = 32;

/// The changes that have begun and not ended yet.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    begun: AtomicUsize,
    mark: Watermark,
}

/// One of them. It is over when this is dropped, and no sooner: it goes on when the
/// task that waits for it does not.
#[derive(Debug)]
pub(super) struct Change(Arc<Changes>);

impl Changes {
    pub(super) fn begin(self: &Arc<Self>) -> Result<Change, Error> {
        let change = Change(self.clone());
        let begun = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        if CHANGES_MAX < begun {
            self.mark.reach();
            return Err(Error::ChangesBusy);
        }
        self.mark.note(begun as u64);
        Ok(change)
    }

    pub(super) fn bound(&self) -> Bound {
        // Those that are being refused are none.
        let begun = self.begun.load(Ordering::Relaxed).min(CHANGES_MAX);
        Bound::new("keyspace_changes", "changes", CHANGES_MAX as u64)
            .marked(begun as u64, &self.mark)
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        self.0.begun.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::thread;

    use super::*;
    use crate::{Engine, KeyspaceConfig};

    /// What is told of the changes of an engine: now, at most, and refused.
    fn told(engine: &Engine) -> (Option<u64>, Option<u64>, u64) {
        let bounds = engine.limits().unwrap();
        let bound = bounds.into_iter().find(|bound| bound.name == "keyspace_changes");
        let Bound { used, peak, reached, .. } = bound.unwrap();
        (used, peak, reached)
    }

    #[test]
    fn one_change_too_many_is_refused_also_when_nobody_waits_for_the_others_any_more() {
        let engine = Engine::builder().start().unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let all = CHANGES_MAX as u64;
        // No change is made as long as this is held.
        let held = engine.shared.changes.lock();
        for number in 0..CHANGES_MAX {
            let config = KeyspaceConfig::new(format!("keyspace-{number}"));
            let change = pin!(engine.add_keyspace_async(config));
            assert!(change.poll(&mut context).is_pending());
        }
        assert_eq!(told(&engine), (Some(all), Some(all), 0));
        let Poll::Ready(refused) =
            pin!(engine.delete_keyspaces_async(&["a", "b"])).poll(&mut context)
        else {
            panic!("it waits")
        };
        assert_eq!(refused.len(), 2);
        for answer in refused {
            assert!(matches!(answer, Err(Error::ChangesBusy)), "{answer:?}");
        }
        drop(held);
        while engine.keyspaces().len() < CHANGES_MAX || told(&engine).0 != Some(0) {
            thread::yield_now();
        }
        assert_eq!(told(&engine), (Some(0), Some(all), 1));
    }
}
