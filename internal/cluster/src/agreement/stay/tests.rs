//! What is left of a stay that comes too late.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{Mutex as AsyncMutex, Notify};
use tokio::time::{Instant, sleep};

use super::super::{NotTaken, Post, Seat, Settings, Unreached};
use super::*;
use crate::lease::BootTime;
use crate::view::Address;

/// Reaches nobody, and is told of nothing.
#[derive(Debug)]
struct Nobody;

impl Post for Nobody {
    fn ask(&self, to: &Address, _: Bytes, _: Duration) -> BoxFuture<'_, Result<Bytes, Unreached>> {
        let unreached = Unreached { to: to.clone(), why: "nobody is there".to_owned() };
        Box::pin(async { Err(unreached) })
    }
}

impl Seat for Nobody {
    fn take(&self, view: &Arc<View>) -> Result<(), NotTaken> {
        panic!("{view:?}")
    }

    fn begin_anew(&self, view: &Arc<View>, _: MemberId) -> Result<(), NotTaken> {
        panic!("{view:?}")
    }
}

fn desk() -> Arc<Desk> {
    Arc::new(Desk {
        settings: Settings::new("a:1"),
        post: Arc::new(Nobody),
        seat: Arc::new(Nobody),
        uptime: Arc::new(BootTime),
        standing: Arc::default(),
        listed: watch::channel(None).1,
        listed_otherwise: AtomicBool::new(false),
        last: Mutex::default(),
        view: watch::channel(None).0,
        place: Mutex::new(Place::Outside(MemberId::random())),
        moved: Notify::new(),
        door: AsyncMutex::new(()),
    })
}

async fn until_tasks_are(count: usize) {
    let since = Instant::now();
    while Handle::current().metrics().num_alive_tasks() != count {
        assert!(since.elapsed() < Duration::from_mins(1), "its tasks go on");
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn of_a_stay_that_began_when_the_process_left_for_good_nothing_goes_on() {
    let (desk, before) = (desk(), Handle::current().metrics().num_alive_tasks());
    let opened = desk.open(ClusterId::random(), MemberId::random(), true).await;
    let stay = Arc::new(opened.expect("a log in memory starts"));
    stay.tasks.lock().spawn(Arc::clone(&desk).lead(Arc::clone(&stay)));
    assert!(before < Handle::current().metrics().num_alive_tasks());
    *desk.place.lock() = Place::Gone;
    assert!(!desk.go_in(&stay));
    assert!(matches!(*desk.place.lock(), Place::Gone));
    until_tasks_are(before).await;
}

#[tokio::test]
async fn who_has_left_for_good_stays_away_whatever_ends_its_stay() {
    let desk = desk();
    let opened = desk.open(ClusterId::random(), MemberId::random(), true).await;
    let stay = Arc::new(opened.expect("a log in memory starts"));
    *desk.place.lock() = Place::Gone;
    desk.close(&stay).await;
    assert!(matches!(*desk.place.lock(), Place::Gone));
}
