//! Asking again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{Discovery, DiscoveryFailed};
use crate::agreement::LISTED_MAX;
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
/// somebody looks at it. Before its first answer there is none; when it fails, the
/// last answer stays, and the log says so once.
pub fn follow(discovery: Arc<dyn Discovery>, pace: Pace) -> watch::Receiver<Option<Vec<Address>>> {
    let (listed, listener) = watch::channel(None);
    tokio::spawn(async move {
        let mut failing = false;
        while !listed.is_closed() {
            match ask(&discovery, pace.deadline).await {
                Ok(addresses) => {
                    if std::mem::take(&mut failing) {
                        log::info!("{discovery:?} tells where members are again");
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

fn publish(listed: &watch::Sender<Option<Vec<Address>>>, addresses: Vec<String>) {
    let addresses = Some(addresses.into_iter().map(Address::new).collect());
    listed.send_if_modified(|last| {
        let new = *last != addresses;
        *last = addresses;
        new
    });
}

/// A call that takes too long has failed, and is waited for before the next: there is
/// never more than one thread in it.
async fn ask(
    discovery: &Arc<dyn Discovery>,
    deadline: Duration,
) -> Result<Vec<String>, DiscoveryFailed> {
    let failed = |why: &dyn std::fmt::Display| DiscoveryFailed::because(&Named(discovery), why);
    let asked = Arc::clone(discovery);
    let mut asked = tokio::task::spawn_blocking(move || asked.addresses());
    match tokio::time::timeout(deadline, &mut asked).await {
        // Those beyond would not be counted: two parts of them could each take itself for
        // a majority.
        Ok(Ok(Ok(addresses))) if LISTED_MAX < addresses.len() => {
            Err(failed(&format!("it lists {} addresses, {LISTED_MAX} may be", addresses.len())))
        }
        Ok(Ok(answer)) => answer,
        Ok(Err(panicked)) => Err(failed(&panicked)),
        Err(_elapsed) => {
            let _too_late = asked.await;
            Err(failed(&format!("it took longer than {deadline:?}")))
        }
    }
}

/// A discovery by its `Debug`.
struct Named<'a>(&'a Arc<dyn Discovery>);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;

    use super::*;

    /// Answers from a list, and fails when it is at its end.
    #[derive(Debug)]
    struct Script(Mutex<Vec<Option<&'static str>>>);

    impl Discovery for Script {
        fn addresses(&self) -> Result<Vec<String>, DiscoveryFailed> {
            let answer = self.0.lock().pop().flatten();
            let failed = || DiscoveryFailed::because(&"the script", &"it is at its end");
            answer.map(|one| vec![one.to_owned()]).ok_or_else(failed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_answer_holds_while_discovery_fails() {
        let script = Mutex::new(vec![None, None, Some("b:1"), None, Some("a:1")]);
        let script = Arc::new(Script(script));
        let mut listed = follow(Arc::clone(&script) as _, Pace::default());
        assert_eq!(*listed.borrow(), None, "it was not asked yet");
        listed.changed().await.unwrap();
        assert_eq!(*listed.borrow_and_update(), Some(vec![Address::new("a:1")]));
        listed.changed().await.unwrap();
        assert_eq!(*listed.borrow_and_update(), Some(vec![Address::new("b:1")]));
        // It is asked on, and fails; nothing new is listed.
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert!(script.0.lock().is_empty());
        assert!(!listed.has_changed().unwrap());
    }

    /// Lists so many, and one less each time.
    #[derive(Debug)]
    struct Crowd(Mutex<usize>);

    impl Discovery for Crowd {
        fn addresses(&self) -> Result<Vec<String>, DiscoveryFailed> {
            let mut count = self.0.lock();
            let listed = (0..*count).map(|n| format!("member-{n}:1")).collect();
            *count -= 1;
            Ok(listed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn more_addresses_than_may_be_are_no_answer() {
        let crowd = Arc::new(Crowd(Mutex::new(LISTED_MAX + 1)));
        let mut listed = follow(crowd, Pace::default());
        listed.changed().await.unwrap();
        assert_eq!(listed.borrow().as_ref().map(Vec::len), Some(LISTED_MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_asked_when_nobody_looks_any_more() {
        let script = Arc::new(Script(Mutex::new(vec![Some("a:1"); 100])));
        let mut listed = follow(Arc::clone(&script) as _, Pace::default());
        listed.changed().await.unwrap();
        drop(listed);
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!(Arc::strong_count(&script), 1);
        assert_eq!(script.0.lock().len(), 99);
    }
}
