//! Asking again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Discovery, DiscoveryFailed};
use crate::view::Address;

/// How often discovery is asked, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two answers. Default: 5 s. A name server is asked by every member.
    pub every: Duration,
    /// What takes longer has failed. Default: 5 s.
    pub deadline: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { every: Duration::from_secs(5), deadline: Duration::from_secs(5) }
    }
}

/// What `discovery` says, kept up to date on the current tokio runtime for as long as
/// somebody looks at it. Before its first answer the list is empty; when it fails, the
/// last answer stays, and the log says so once.
pub fn follow(discovery: Arc<dyn Discovery>, pace: Pace) -> watch::Receiver<Vec<Address>> {
    let (listed, listener) = watch::channel(Vec::new());
    tokio::spawn(async move {
        let mut failing = false;
        while !listed.is_closed() {
            match ask(Arc::clone(&discovery), pace.deadline).await {
                Ok(addresses) => {
                    if std::mem::take(&mut failing) {
                        log::info!("discovery tells where members are again");
                    }
                    publish(&listed, addresses);
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        log::warn!("{error}; the last answer holds");
                    }
                }
            }
            tokio::select! {
                () = listed.closed() => {}
                () = tokio::time::sleep(pace.every) => {}
            }
        }
    });
    listener
}

fn publish(listed: &watch::Sender<Vec<Address>>, addresses: Vec<String>) {
    let addresses: Vec<Address> = addresses.into_iter().map(Address::new).collect();
    listed.send_if_modified(|last| {
        let new = *last != addresses;
        *last = addresses;
        new
    });
}

/// A call that does not return keeps its thread; the next one waits for it.
async fn ask(
    discovery: Arc<dyn Discovery>,
    deadline: Duration,
) -> Result<Vec<String>, DiscoveryFailed> {
    let name = format!("{discovery:?}");
    let mut asked = tokio::task::spawn_blocking(move || discovery.addresses());
    match tokio::time::timeout(deadline, &mut asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panicked)) => Err(DiscoveryFailed::because(&name, &panicked)),
        Err(elapsed) => {
            log::warn!("{}; waiting for it", DiscoveryFailed::because(&name, &elapsed));
            asked.await.unwrap_or_else(|ended| Err(DiscoveryFailed::because(&name, &ended)))
        }
    }
}
