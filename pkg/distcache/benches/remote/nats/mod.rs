//! Two members that reach each other over a `nats-server`, which is started for them.

#[expect(dead_code, reason = "the tests of discovery say more")]
#[path = "../../../../discovery/tests/support/nats_server.rs"]
mod nats_server;

use tokio::runtime::Runtime;

use crate::members::Pair;
use nats_server::NatsServer;

/// The members, and their server, which ends after them.
pub(crate) struct Nats {
    pair: Pair,
    _server: NatsServer,
}

impl Nats {
    /// None where the program is missing: that is told.
    pub(crate) fn start(client: &Runtime) -> Option<Self> {
        let server = NatsServer::start()?;
        let pair = Pair::start_over(client, &server.url());
        Some(Self { pair, _server: server })
    }

    pub(crate) fn pair(&self) -> &Pair {
        &self.pair
    }
}
