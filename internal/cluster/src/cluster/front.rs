//! Who answers the other members.

use std::sync::{Arc, OnceLock, Weak};

use crate::agreement::Agreement;
use crate::links::{MemberId, Serve, Serving};
use crate::proto::reply::Outcome;
use crate::proto::request::Operation;
use crate::proto::{Nothing, Reply, Request};
use crate::view::Address;

/// Hands what is about the agreement to it, and everything else to whoever has the keys.
pub(super) struct Front {
    agreement: OnceLock<Weak<Agreement>>,
    service: Arc<dyn Serve>,
}

impl Front {
    pub(super) fn new(service: Arc<dyn Serve>) -> Self {
        Self { agreement: OnceLock::new(), service }
    }

    pub(super) fn begin(&self, agreement: Weak<Agreement>) {
        // Whoever begins says it once.
        let _ = self.agreement.set(agreement);
    }
}

impl Serve for Front {
    fn serve(&self, from: MemberId, request: Request) -> Serving {
        let Some(Operation::Agreement(message)) = request.operation else {
            return self.service.serve(from, request);
        };
        let Some(agreement) = self.agreement.get().and_then(Weak::upgrade) else {
            return Serving::Now(reply(Outcome::Unsupported(Nothing {})));
        };
        // For the log: what the message itself says is what counts.
        let answer = agreement.answer(&Address::new(from.to_string()), &message);
        Serving::Later(Box::pin(async move { reply(Outcome::Agreement(answer.await)) }))
    }
}

fn reply(outcome: Outcome) -> Reply {
    Reply { outcome: Some(outcome), ..Reply::default() }
}
