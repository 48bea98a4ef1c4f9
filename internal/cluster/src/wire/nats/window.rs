//! How much may be under way between two ends, and whether all of it arrives. No I/O.
//!
//! NATS drops what does not fit, and says nothing. So who writes has at most a window's
//! bytes with the server and the other end together, and who reads checks every number.

use std::io;

/// How much one end may send before the other has used it. It is also what a stalled
/// member makes a server keep for each that sends to it: those of 256 are the 64 MiB that a
/// server keeps for one client before it cuts it off (`max_pending`).
pub(super) const WINDOW_BYTES: usize = 256 << 10;

/// What each message takes of the window beside its data: its head and subject at the
/// server, and its place in the queues here.
pub(super) const MESSAGE_COST_BYTES: usize = 256;

/// So many messages are under way at most, if each has one byte.
pub(super) const MESSAGES_MAX: usize = WINDOW_BYTES / MESSAGE_COST_BYTES;

/// What comes between them: the last word, and the server's that nobody is there.
pub(super) const OTHERS_MAX: usize = 16;

/// After so much was used the other end is told: often enough that it never waits for
/// that alone, so rarely that it costs nothing.
const TELL_BYTES: usize = WINDOW_BYTES / 4;

/// The longest piece of data in one message: of a fourth of the window it needs four.
pub(super) const PIECE_BYTES_MAX: usize = TELL_BYTES - MESSAGE_COST_BYTES;

fn cost(bytes: usize) -> u64 {
    (bytes + MESSAGE_COST_BYTES) as u64
}

/// Why what came cannot be what the other end has sent.
fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// What one end has sent.
#[derive(Debug, Default)]
pub(super) struct Outlay {
    next: u64,
    sent: u64,
    used: u64,
    next_credit: u64,
}

impl Outlay {
    /// How much data the next message may have; 0 if the other end does not keep up.
    pub(super) fn room(&self) -> usize {
        let under_way = usize::try_from(self.sent - self.used).unwrap_or(usize::MAX);
        let taken = under_way.saturating_add(MESSAGE_COST_BYTES);
        WINDOW_BYTES.saturating_sub(taken).min(PIECE_BYTES_MAX)
    }

    /// The number of the next message.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// A message has gone out.
    pub(super) fn send(&mut self, bytes: usize) {
        self.next += 1;
        self.sent += cost(bytes);
    }

    /// Checks that a word of who reads is its next one.
    pub(super) fn hear(&mut self, number: u64) -> io::Result<()> {
        if number != self.next_credit {
            return Err(wrong("a message of who reads there was lost or came twice"));
        }
        self.next_credit += 1;
        Ok(())
    }

    /// The other end has used so much since the beginning.
    pub(super) fn credit(&mut self, used: u64) -> io::Result<()> {
        if used < self.used || self.sent < used {
            return Err(wrong("more or less was used there than was sent"));
        }
        self.used = used;
        Ok(())
    }
}

/// What one end has received.
#[derive(Debug, Default)]
pub(super) struct Intake {
    next: u64,
    received: u64,
    used: u64,
    told: u64,
    next_credit: u64,
}

impl Intake {
    /// Checks that a message is the next one.
    pub(super) fn hear(&mut self, number: u64) -> io::Result<()> {
        // 1. This process is slow, and its queue for the pipe full: the client of NATS
        //    drops a message.
        // 2. The next one comes, and is read as if it were that.
        // 3. Two halves of two frames are one.
        // Hence nothing is read behind a hole.
        if number != self.next {
            let lost = wrong("a message was lost, or came twice");
            return Err(lost);
        }
        self.next += 1;
        Ok(())
    }

    /// Data of so many bytes has come.
    pub(super) fn receive(&mut self, bytes: usize) -> io::Result<()> {
        self.received += cost(bytes);
        let most = self.used + WINDOW_BYTES as u64;
        if most < self.received {
            return Err(wrong("more was sent than may be under way"));
        }
        Ok(())
    }

    /// It was read.
    pub(super) fn read(&mut self, bytes: usize) {
        self.used += cost(bytes);
    }

    /// The number and the sum of a credit, if one is due.
    pub(super) fn owed(&self) -> Option<(u64, u64)> {
        (TELL_BYTES as u64 <= self.used - self.told).then_some((self.next_credit, self.used))
    }

    /// The number of the next word to who writes.
    pub(super) fn next_credit(&self) -> u64 {
        self.next_credit
    }

    /// That credit was sent.
    pub(super) fn tell(&mut self) {
        self.told = self.used;
        self.next_credit += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is sent and whenever it is read: never more than a window is under way,
        /// and who has used everything has room again.
        #[test]
        fn the_window_holds_and_never_closes_for_good(pieces in prop::collection::vec((1..100_000_usize, any::<bool>()), 1..400)) {
            let (mut outlay, mut intake) = (Outlay::default(), Intake::default());
            let mut waiting = std::collections::VecDeque::new();
            for (bytes, is_read) in pieces {
                let bytes = bytes.min(outlay.room());
                if 0 < bytes {
                    intake.hear(outlay.next()).unwrap();
                    outlay.send(bytes);
                    intake.receive(bytes).unwrap();
                    waiting.push_back(bytes);
                }
                prop_assert!(waiting.len() <= MESSAGES_MAX);
                prop_assert!(waiting.iter().map(|bytes| cost(*bytes)).sum::<u64>() <= WINDOW_BYTES as u64);
                if is_read || bytes == 0 {
                    for bytes in waiting.drain(..) {
                        intake.read(bytes);
                    }
                    if let Some((number, sum)) = intake.owed() {
                        outlay.hear(number).unwrap();
                        outlay.credit(sum).unwrap();
                        intake.tell();
                    }
                    prop_assert!(0 < outlay.room());
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_is_told() {
        let mut intake = Intake::default();
        assert!(intake.hear(1).is_err(), "a hole");
        assert!(intake.hear(0).is_ok());
        assert!(intake.hear(0).is_err(), "again");
        let most = WINDOW_BYTES - MESSAGE_COST_BYTES;
        assert!(intake.receive(most).is_ok());
        assert!(intake.receive(1).is_err(), "over the window");
        let mut outlay = Outlay::default();
        outlay.send(10);
        assert!(outlay.hear(1).is_err() && outlay.hear(0).is_ok() && outlay.hear(0).is_err());
        assert!(outlay.credit(267).is_err(), "more than was sent");
        assert!(outlay.credit(266).is_ok());
        assert!(outlay.credit(0).is_err(), "less than before");
    }

    /// The shortest messages that there are fill the queue of a subscription, and no more.
    #[test]
    fn the_shortest_messages_are_no_more_than_are_kept() {
        let mut outlay = Outlay::default();
        let mut messages = 0;
        while 0 < outlay.room() {
            outlay.send(1);
            messages += 1;
        }
        assert!((900..=MESSAGES_MAX).contains(&messages), "{messages}");
    }
}
