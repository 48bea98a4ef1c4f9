//! The same surface for a program that was built without the hyper door, and speaks
//! no TLS.

use std::convert::Infallible;
use std::io;
use std::net::TcpStream;

/// There is none.
#[derive(Clone)]
pub(super) struct Caller(Infallible);

const WHY: &str = "this program was built without TLS";

impl Caller {
    pub(super) fn of_our_own() -> Result<Self, String> {
        Err(WHY.to_owned())
    }

    pub(super) fn of(_: &str, _: &[u8]) -> Result<Self, String> {
        Err(WHY.to_owned())
    }

    pub(super) fn over(&self, _: TcpStream) -> io::Result<TcpStream> {
        match self.0 {}
    }
}
