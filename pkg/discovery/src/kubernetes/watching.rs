//! Lists once, and then watches.

use std::time::Duration;

use kube::core::WatchEvent;
use tokio::time::{sleep, timeout};

use super::Wanted;
use super::api::{Api, Refusal};
use super::slices::Slices;
use crate::background::{Board, Session, Stop};

/// Between two watches, and before a list anew: an API server that ends each of them at
/// once is asked no more often than that.
const BETWEEN_WATCHES: Duration = Duration::from_millis(200);

/// The API server ends a watch by itself when its time is over; one that does not end is
/// given up so much later.
const WATCH_GRACE: Duration = Duration::from_secs(2);

/// One watch tells so many events at most: they come as pods do.
const EVENTS_MAX: usize = 10_000;

/// A session with the API server.
pub(super) struct Watching {
    wanted: Wanted,
}

impl Watching {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted }
    }

    async fn list_and_watch(&self, board: &Board) -> Result<(), String> {
        let api = Api::open(&self.wanted).await?;
        loop {
            let mut seen = match self.list(&api).await {
                Ok(seen) => seen,
                Err(Refusal::Failed(why)) => return Err(why),
                Err(Refusal::Cut) => return Err("its list was cut".to_owned()),
                Err(Refusal::Gone) => return Err("its list is gone".to_owned()),
            };
            board.post(seen.slices.addresses());
            while self.watch(&api, &mut seen, board).await? {
                sleep(BETWEEN_WATCHES).await;
            }
            sleep(BETWEEN_WATCHES).await;
        }
    }

    async fn list(&self, api: &Api) -> Result<Seen, Refusal> {
        let (listed, version) = api.list().await?;
        let mut slices = Slices::new(&self.wanted.port, &self.wanted.told, &api.namespace);
        for slice in listed {
            slices.put(slice).map_err(Refusal::Failed)?;
        }
        Ok(Seen { slices, version })
    }

    /// One watch. Returns whether the next may begin where it ended; if not, all is to be
    /// listed anew.
    async fn watch(&self, api: &Api, seen: &mut Seen, board: &Board) -> Result<bool, String> {
        let time = self.wanted.watch_for;
        let heard = timeout(time + WATCH_GRACE, async {
            let mut events = api.watch(&seen.version, time).await?;
            for _ in 0..EVENTS_MAX {
                let Some(event) = events.next().await? else { return Ok(()) };
                if seen.take(event).map_err(Refusal::Failed)? {
                    board.post(seen.slices.addresses());
                }
            }
            Err(Refusal::Failed(format!("its watch told more than {EVENTS_MAX} events")))
        });
        match heard.await {
            Ok(Ok(()) | Err(Refusal::Cut)) | Err(_) => Ok(true),
            Ok(Err(Refusal::Gone)) => Ok(false),
            Ok(Err(Refusal::Failed(why))) => Err(why),
        }
    }
}

impl Session for Watching {
    async fn run(&mut self, board: &Board, stop: &mut Stop) -> Result<(), String> {
        tokio::select! {
            () = stop.asked() => Ok(()),
            failed = self.list_and_watch(board) => failed,
        }
    }
}

/// The slices, and the version that they are of.
struct Seen {
    slices: Slices,
    version: String,
}

impl Seen {
    /// Takes what has happened. Returns whether that may have changed who is there.
    fn take(
        &mut self,
        event: WatchEvent<k8s_openapi::api::discovery::v1::EndpointSlice>,
    ) -> Result<bool, String> {
        let (slice, is_there) = match event {
            WatchEvent::Added(slice) | WatchEvent::Modified(slice) => (slice, true),
            WatchEvent::Deleted(slice) => (slice, false),
            WatchEvent::Bookmark(bookmark) => {
                self.version = bookmark.metadata.resource_version;
                return Ok(false);
            }
            // The events of a watch end with it.
            WatchEvent::Error(status) => return Err(status.message),
        };
        let version = slice.metadata.resource_version.clone();
        self.version = version.ok_or("a slice has no version")?;
        if is_there {
            self.slices.put(slice)?;
        } else {
            self.slices.remove(&slice);
        }
        Ok(true)
    }
}
