//! What answers the requests of others.

use std::fmt;

use futures_util::future::BoxFuture;

use crate::proto::{Reply, Request};
use crate::wire::Address;

/// Answers the requests of others.
///
/// The links see to numbers: that of the request is of no use here, and that of the
/// reply is set by them.
pub trait Serve: Send + Sync + 'static {
    /// Answers a request, or says how it will be answered. It is from whoever is reached
    /// at `from`: over TLS its certificate stands for that, in the clear its word does.
    ///
    /// It is called by the task that reads from the member, and holds up all that
    /// comes behind: it MUST NOT wait for anything.
    fn serve(&self, from: &Address, request: Request) -> Serving;
}

/// How a request is answered.
pub enum Serving {
    /// By this; it is written together with its neighbours.
    Now(Reply),
    /// When this ends. It is dropped if the links are closed first; that its link is
    /// lost does not stop it.
    Later(BoxFuture<'static, Reply>),
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Now",
            Self::Later(_) => "Later",
        })
    }
}
