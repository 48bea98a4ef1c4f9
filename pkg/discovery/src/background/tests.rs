//! Sessions that end in every way.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_mins(1);

/// Ends each session as the next of these says.
struct Script {
    /// The last is the next.
    ends: Vec<End>,
    sessions: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
enum End {
    Fails,
    FindsAndStays,
    Panics,
    SaysNothing,
}

impl Script {
    fn of(ends: &[End]) -> (Self, Arc<AtomicUsize>) {
        let sessions = Arc::new(AtomicUsize::new(0));
        (Self { ends: ends.iter().rev().copied().collect(), sessions: sessions.clone() }, sessions)
    }
}

impl Session for Script {
    async fn run(&mut self, board: &Board, stop: &mut Stop) -> Result<(), String> {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        match self.ends.pop() {
            Some(End::Fails) | None => return Err("the cable is cut".to_owned()),
            Some(End::Panics) => panic!("as it is to"),
            Some(End::FindsAndStays) => board.post(Ok(vec!["a:1".to_owned()])),
            Some(End::SaysNothing) => {}
        }
        stop.asked().await;
        // Who does not wait for its end is sooner than it.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(())
    }
}

/// Asks until the answer is that.
fn asked_until(background: &Background, right: &Result<Vec<String>, String>) {
    let mut latest = background.board.latest.lock();
    let is_other = |latest: &mut Latest| match (latest, right) {
        (Latest::Found(found), Ok(right)) => found != right,
        (Latest::Failed(why), Err(right)) => why != right,
        _ => true,
    };
    let waited = background.board.told.wait_while_for(&mut latest, is_other, PATIENCE);
    assert!(!waited.timed_out(), "{latest:?}, not {right:?}");
}

#[test]
fn who_asks_first_waits_for_the_first_word() {
    let background = Background::new("test", PATIENCE);
    let (script, _) = Script::of(&[End::FindsAndStays]);
    assert_eq!(background.ask(|| script), Ok(vec!["a:1".to_owned()]));
}

#[test]
fn who_asks_one_that_says_nothing_is_told_so_in_time() {
    let background = Background::new("test", Duration::from_millis(1));
    let (script, _) = Script::of(&[End::SaysNothing]);
    let told = background.ask(|| script).unwrap_err();
    assert_eq!(told, "nothing was heard within 1ms");
}

#[test]
fn a_session_that_fails_is_followed_by_another() {
    let background = Background::new("test", PATIENCE);
    let (script, sessions) = Script::of(&[End::Fails, End::Fails, End::FindsAndStays]);
    assert_eq!(background.ask(|| script), Err("the cable is cut".to_owned()));
    asked_until(&background, &Ok(vec!["a:1".to_owned()]));
    assert_eq!(sessions.load(Ordering::Relaxed), 3);
}

#[test]
fn a_thread_that_panicked_is_told_and_the_next_asking_starts_another() {
    let background = Background::new("test", PATIENCE);
    let (script, _) = Script::of(&[End::Panics]);
    assert_eq!(background.ask(|| script), Err("its thread has panicked".to_owned()));
    let thread = background.thread.lock().take().expect("it was started");
    assert!(thread.join().is_err());
    let (script, _) = Script::of(&[End::FindsAndStays]);
    drop(background.ask(|| script));
    asked_until(&background, &Ok(vec!["a:1".to_owned()]));
}

#[test]
fn a_background_that_is_dropped_has_ended_its_thread() {
    let background = Background::new("test", PATIENCE);
    let (script, sessions) = Script::of(&[End::FindsAndStays]);
    drop(background.ask(|| script));
    drop(background);
    assert_eq!(Arc::strong_count(&sessions), 1, "the thread has let go of its script");
}

#[test]
fn pauses_double_and_have_an_end() {
    let pauses: Vec<_> = std::iter::successors(Some(Duration::ZERO), |last| Some(longer(*last)))
        .take(8)
        .map(|pause| pause.as_millis())
        .collect();
    assert_eq!(pauses, [0, 250, 500, 1_000, 2_000, 4_000, 4_000, 4_000]);
}
