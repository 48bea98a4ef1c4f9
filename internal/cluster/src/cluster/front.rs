//! Who answers the other members.

use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;

use super::handover::Giver;
use super::replicas::Replicas;
use crate::agreement::Agreement;
use crate::links::{Serve, Serving};
use crate::proto::reply::Outcome;
use crate::proto::request::Operation;
use crate::proto::{Nothing, Reply, Request};
use crate::view::Address;
use crate::wire;

/// Hands what is about the agreement to it, what is about a hand-over to who gives, what
/// is about copies to who keeps or follows them, and everything else to whoever has the keys.
pub(super) struct Front {
    agreement: OnceLock<Weak<Agreement>>,
    giver: Arc<Giver>,
    replicas: Arc<Replicas>,
    service: Arc<dyn Serve>,
}

impl Front {
    pub(super) fn new(giver: Arc<Giver>, replicas: Arc<Replicas>, service: Arc<dyn Serve>) -> Self {
        Self { agreement: OnceLock::new(), giver, replicas, service }
    }

    pub(super) fn begin(&self, agreement: Weak<Agreement>) {
        // Whoever begins says it once.
        let _ = self.agreement.set(agreement);
    }
}

impl Front {
    fn answer(&self, from: &wire::Address, message: &Bytes) -> Serving {
        let Some(agreement) = self.agreement.get().and_then(Weak::upgrade) else {
            return Serving::Now(reply(Outcome::Unsupported(Nothing {})));
        };
        // For the log: what the message itself says is what counts.
        let answer = agreement.answer(&Address::new(from.as_str()), message);
        Serving::Later(Box::pin(async move { reply(Outcome::Agreement(answer.await)) }))
    }
}

impl Serve for Front {
    fn serve(&self, from: &wire::Address, request: Request) -> Serving {
        match request.operation {
            Some(Operation::Agreement(message)) => self.answer(from, &message),
            Some(Operation::Follow(ask)) => Serving::Later(self.replicas.owner().answer(from, ask)),
            Some(Operation::Recall(ask)) => Serving::Now(self.replicas.recall(&ask)),
            Some(Operation::TakePage(ask)) => Serving::Later(self.giver.answer(from, ask)),
            _ => self.service.serve(from, request),
        }
    }
}

fn reply(outcome: Outcome) -> Reply {
    Reply { outcome: Some(outcome), ..Reply::default() }
}
