//! Announces this process, and hears of the others.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::Settings;
use super::heard::{Heard, Owed};
use super::link::Link;
use super::message::{Message, Says};
use crate::background::{Board, Session, Stop};

/// Between two answers to who asks: one tells all who asked meanwhile.
const BETWEEN_ANSWERS: Duration = Duration::from_millis(100);

/// A server from which more comes between two announcements is cut off. What 256
/// members say is a tenth of that, if each of them has asked all others.
const BYTES_BETWEEN_BEATS_MAX: u64 = 4 << 20;

/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The last word takes no longer.
const GOODBYE_WITHIN: Duration = Duration::from_millis(500);

/// A process on the subject.
pub(super) struct Announcing {
    settings: Settings,
    run: u64,
    heard: Heard,
}

impl Announcing {
    pub(super) fn new(settings: Settings) -> Self {
        // Without random bytes two processes with one address could be taken for one.
        let run = getrandom::u64().unwrap_or(0);
        let heard = Heard::new(&settings.cluster, run, settings.silent_for);
        Self { settings, run, heard }
    }

    async fn say(&self, link: &Link, says: Says) -> Result<(), String> {
        let Settings { cluster, address, .. } = &self.settings;
        let (cluster, address) = (cluster.clone(), address.clone());
        link.say(Message { cluster, run: self.run, address, says }.to_bytes()).await
    }

    async fn announce(&mut self, link: &mut Link, board: &Board) -> Result<(), String> {
        let every = self.settings.announce_every;
        let mut beat = interval(every);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = interval(LOOK_EVERY);
        let mut meter = Meter::default();
        let mut echo = Echo::new(every * self.settings.silent_for);
        let mut answer_at = None;
        loop {
            tokio::select! {
                why = link.lost.why() => return Err(why),
                message = link.heard.next() => {
                    let message = message.ok_or("its subscription has ended")?;
                    let Some(message) = Message::read(&message.payload) else { continue };
                    if self.heard.take(message) == Owed::Answer && answer_at.is_none() {
                        answer_at = Some(Instant::now() + BETWEEN_ANSWERS);
                    }
                    if let Some(heard) = self.heard.addresses() {
                        board.post(heard);
                    }
                }
                _ = beat.tick() => {
                    meter.begin(link.bytes_heard());
                    self.say(link, Says::Beat).await?;
                }
                _ = look.tick() => {
                    meter.look(link.bytes_heard())?;
                    echo.look(self.heard.beats())?;
                }
                () = sleep_until(answer_at.unwrap_or_else(Instant::now)), if answer_at.is_some() => {
                    answer_at = None;
                    self.say(link, Says::Here).await?;
                }
            }
        }
    }
}

impl Session for Announcing {
    async fn run(&mut self, board: &Board, stop: &mut Stop) -> Result<(), String> {
        let opened = tokio::select! {
            () = stop.asked() => return Ok(()),
            opened = Link::open(&self.settings) => opened,
        };
        let mut link = opened?;
        self.heard.begin();
        self.say(&link, Says::Who).await?;
        tokio::select! {
            () = stop.asked() => {}
            ended = self.announce(&mut link, board) => return ended,
        }
        drop(self.say(&link, Says::Gone).await);
        link.part(GOODBYE_WITHIN).await;
        Ok(())
    }
}

/// How much has come since the last announcement.
#[derive(Default)]
struct Meter {
    bytes_before: u64,
}

impl Meter {
    fn begin(&mut self, bytes: u64) {
        self.bytes_before = bytes;
    }

    fn look(&self, bytes: u64) -> Result<(), String> {
        if BYTES_BETWEEN_BEATS_MAX < bytes.saturating_sub(self.bytes_before) {
            return Err("more is said than can be heard".to_owned());
        }
        Ok(())
    }
}

/// Whether its own announcements come back.
struct Echo {
    within: Duration,
    beats: u32,
    at: Instant,
}

impl Echo {
    fn new(within: Duration) -> Self {
        Self { within, beats: 0, at: Instant::now() }
    }

    fn look(&mut self, beats: u32) -> Result<(), String> {
        let now = Instant::now();
        if beats != self.beats {
            (self.beats, self.at) = (beats, now);
        }
        if self.within < now - self.at {
            return Err("its own announcements do not come back".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_may_come_between_two_announcements_is_too_much() {
        let mut meter = Meter::default();
        meter.begin(1_000);
        assert!(meter.look(1_000 + BYTES_BETWEEN_BEATS_MAX).is_ok());
        assert!(meter.look(1_001 + BYTES_BETWEEN_BEATS_MAX).is_err());
        meter.begin(1_001 + BYTES_BETWEEN_BEATS_MAX);
        assert!(meter.look(1_001 + BYTES_BETWEEN_BEATS_MAX).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_from_which_nothing_comes_back_is_given_up_in_time() {
        let mut echo = Echo::new(Duration::from_secs(8));
        tokio::time::advance(Duration::from_secs(8)).await;
        assert!(echo.look(1).is_ok(), "one has come back");
        tokio::time::advance(Duration::from_secs(8)).await;
        assert!(echo.look(1).is_ok());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(echo.look(1).is_err());
    }
}
