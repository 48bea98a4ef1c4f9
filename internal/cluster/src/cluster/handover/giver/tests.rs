//! To whom entries are given, and when.

use std::num::NonZeroU64;

use futures_util::FutureExt;
use tokio::time::sleep;

use super::super::super::seat::tests::{ME, OTHER, seat, views};
use super::*;
use crate::agreement::Seat;

/// Not the time that a page takes, but that for which the next one waits.
const NEXT_PAGE: Duration = Duration::from_mins(1);

fn address(id: MemberId) -> wire::Address {
    format!("{id}:1").parse().expect("an address")
}

/// One that has entries for the other, a byte a second; and how many it holds in all.
fn giver() -> (Arc<Giver>, impl Fn() -> u64) {
    let views = views();
    let seat = seat(&views);
    for view in &views[1..3] {
        seat.take(view).expect("it follows");
    }
    let seat = Arc::new(seat);
    let rate = Rate::new(NonZeroU64::MIN);
    let giver = Arc::new(Giver::new(seat.clone(), Arc::default(), rate));
    let held = move || {
        let statuses = seat.cache().statuses().expect("it is not closed");
        statuses.iter().map(|(_, status)| status.entries).sum()
    };
    (giver, held)
}

/// What the other asks.
fn ask() -> TakePage {
    let keyspace = "default".to_owned();
    TakePage { keyspace, heir: OTHER.number(), tenure: 3, ..TakePage::default() }
}

async fn asks(giver: &Arc<Giver>, from: &wire::Address, ask: TakePage) -> Outcome {
    giver.answer(from, ask).await.outcome.expect("it answers")
}

#[tokio::test]
async fn a_page_is_given_to_the_heir_itself_and_to_nobody_in_its_name() {
    let (giver, held) = giver();
    let before = held();
    let elsewhere = "elsewhere:1".parse().unwrap();
    for from in [&address(ME), &elsewhere] {
        let outcome = asks(&giver, from, ask()).await;
        assert!(matches!(outcome, Outcome::Moved(_)), "{from}: {outcome:?}");
    }
    for heir in [ME.number(), 0, 9] {
        let outcome = asks(&giver, &address(OTHER), TakePage { heir, ..ask() }).await;
        assert!(matches!(outcome, Outcome::Moved(_)), "{heir}: {outcome:?}");
    }
    assert_eq!(held(), before, "nothing was taken off");
    let outcome = asks(&giver, &address(OTHER), ask()).await;
    let Outcome::TakePage(page) = outcome else { panic!("{outcome:?}") };
    assert_eq!(held(), before - page.entries.len() as u64);
    assert_ne!(held(), before);
}

/// Whatever others say, of whatever tenure.
#[tokio::test]
async fn an_heir_has_everything_when_it_says_so_itself() {
    let (giver, _) = giver();
    let tenure = giver.seat.tenures().borrow().clone().expect("it has begun");
    let done = |tenure| TakePage { tenure, has_all: true, ..ask() };
    for from in (0..MEMBERS_MAX + 9).map(|n| format!("elsewhere-{n}:1").parse().unwrap()) {
        asks(&giver, &from, done(u64::MAX)).await;
        asks(&giver, &from, done(3)).await;
    }
    asks(&giver, &address(OTHER), done(u64::MAX)).await;
    assert_eq!(giver.served(&tenure).now_or_never(), None);
    asks(&giver, &address(OTHER), done(3)).await;
    assert_eq!(giver.served(&tenure).now_or_never(), Some(()));
}

/// See [`TURN_WAIT`].
#[tokio::test(start_paused = true)]
async fn an_heir_whose_turn_does_not_come_is_told_so_and_its_entries_stay() {
    let (giver, held) = giver();
    let before = held();
    giver.rate.spend(NEXT_PAGE.as_secs());
    let outcome = asks(&giver, &address(OTHER), ask()).await;
    assert!(matches!(outcome, Outcome::Busy(_)), "{outcome:?}");
    assert_eq!(held(), before, "nothing was taken off");
    sleep(NEXT_PAGE).await;
    let outcome = asks(&giver, &address(OTHER), ask()).await;
    let Outcome::TakePage(page) = outcome else { panic!("{outcome:?}") };
    assert!(!page.entries.is_empty());
}
