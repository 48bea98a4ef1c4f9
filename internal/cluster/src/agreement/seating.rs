//! The task that tells the seat.

use std::sync::Arc;

use super::agreement::Desk;
use super::stay::{Over, Stay};
use crate::view::View;

impl Desk {
    /// Tells the seat of each view of this stay, in order, and then reports it.
    pub(super) async fn seat(self: Arc<Self>, stay: Arc<Stay>) {
        let mut agreed = stay.agreed.clone();
        while agreed.changed().await.is_ok() {
            let view = agreed.borrow_and_update().clone();
            if let Some(view) = view {
                self.take(&stay, &view);
            }
        }
    }

    fn take(&self, stay: &Stay, view: &Arc<View>) {
        if view.dissolved().is_some() {
            stay.finish(Over::Dissolved);
            return;
        }
        if view.member(stay.me.id).is_none() {
            // Before it was taken in, the log tells what was before it.
            match stay.has_entered() {
                false => return,
                // It goes when the voters are without it, too. By this view it is not an
                // owner any more, and gives its entries to those who are.
                true if stay.is_departing() => {}
                true => return stay.finish(Over::Removed),
            }
        }
        let taken = if stay.has_entered() {
            self.seat.take(view)
        } else {
            let (id, cluster) = (stay.me.id, stay.cluster);
            log::info!("{id} is in the cluster {cluster}, at epoch {}", view.epoch());
            self.seat.begin_anew(view, id)
        };
        if let Err(error) = taken {
            log::error!("{error}");
            return;
        }
        *self.last.lock() = Some(Arc::clone(view));
        self.view.send_replace(Some(Arc::clone(view)));
        // Only now: whoever reports an epoch serves no key any more that it lost by it.
        stay.seated.send_replace(view.epoch());
    }
}
