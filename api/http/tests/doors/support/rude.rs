//! What only rude clients do.

use std::io::{BufRead, BufReader, ErrorKind};
use std::net::Shutdown;
use std::time::Duration;

use super::client::{Client, PATIENCE};

impl Client {
    /// Sends one byte, then listens for as long as `pause`. Whether the door is
    /// still silent.
    pub(crate) fn send_one(&mut self, byte: u8, pause: Duration) -> bool {
        self.send_in_vain([byte]);
        self.be_patient_for(pause);
        let silent =
            self.stream.fill_buf().is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        self.be_patient_for(PATIENCE);
        silent
    }

    fn be_patient_for(&self, patience: Duration) {
        let stream = self.stream.get_ref();
        stream.set_read_timeout(Some(patience)).expect("a timeout that is not zero");
    }

    /// Waits for the first bytes of an answer, and leaves them there.
    pub(crate) fn peek(&mut self) {
        assert!(!self.stream.fill_buf().expect("an answer").is_empty());
    }

    /// Whether the door closes in order, with nothing more to say.
    pub(crate) fn ends_without_reset(&mut self) -> bool {
        self.stream.fill_buf().is_ok_and(<[u8]>::is_empty)
    }

    /// The same connection, to send on another thread.
    pub(crate) fn twin(&self) -> Self {
        let stream = self.stream.get_ref().try_clone().expect("a free descriptor");
        Self { stream: BufReader::new(stream), is_under_contract: self.is_under_contract }
    }

    /// Says that nothing more will be sent.
    pub(crate) fn shut_sending_side(&self) {
        // Fails when the door has closed its side too: then nothing can be sent either.
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
    }
}
