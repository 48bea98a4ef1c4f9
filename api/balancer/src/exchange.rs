//! One request sent to one member, once.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use distcache_http::{Method, Response};
use futures_util::future::{Either, select};

use crate::answer;
use crate::course::{Roster, Start};
use crate::line::Failed;
use crate::member::{Counts, Member};
use crate::outbound::{Outbound, Pseudonym};
use crate::pool::NoConnection;
use crate::relay::REFUSED;
use crate::shared::Answer;

/// What has become of it.
pub(crate) enum Tried {
    /// The member has answered, and the answer is here, or its body is on its way.
    Answered(Response),
    /// As many requests as may are under way there; nothing was sent.
    Full,
    /// Nobody is there; nothing was sent.
    Unsent,
    /// It was sent, in part at least, and there is no answer.
    Lost,
}

impl Tried {
    /// Whether no other member would do better.
    pub(crate) fn is_good(&self) -> bool {
        match self {
            Self::Answered(response) => response.status() != REFUSED,
            Self::Full | Self::Unsent | Self::Lost => false,
        }
    }
}

/// How a member is asked.
pub(crate) struct Exchange<'a> {
    pub(crate) outbound: &'a Outbound,
    pub(crate) own: &'a Pseudonym,
    /// How long there may be nothing of a body.
    pub(crate) stall_max: Duration,
    /// Who hears of an owner, and for which key.
    pub(crate) roster: &'a Roster,
    pub(crate) start: Start,
}

impl Exchange<'_> {
    /// Sends a read. Where the member is found to be down meanwhile nobody waits for it:
    /// it may be cut off, or paused, and its connection stand for hours.
    pub(crate) async fn read(&self, member: &Arc<Member>) -> Tried {
        let (tried, down) = (pin!(self.send(member)), pin!(member.is_down()));
        match select(tried, down).await {
            Either::Left((tried, _)) => tried,
            Either::Right(((), _)) => {
                Counts::add(&member.counts.lost);
                Tried::Lost
            }
        }
    }

    /// Sends any request.
    pub(crate) async fn send(&self, member: &Arc<Member>) -> Tried {
        let tried = self.sent(member).await;
        let counts = &member.counts;
        Counts::add(match tried {
            Tried::Answered(_) => &counts.answered,
            Tried::Full | Tried::Unsent => &counts.unsent,
            Tried::Lost => &counts.lost,
        });
        tried
    }

    /// Sends a read on the connection that it shares with others, if the member is likely to
    /// answer it at once; none if it does not.
    async fn shared(&self, member: &Arc<Member>) -> Option<Response> {
        let outbound = self.outbound;
        if !outbound.is_plain_read() || !self.roster.is_owner(self.start, member) {
            return None;
        }
        let is_head = outbound.method == Method::Head;
        let write = |bytes: &mut Vec<u8>, line: &str| outbound.write(bytes, member, line);
        let Answer { head, body } = member.shared.ask(is_head, write).await?;
        // It may be that it takes longer, or that the member refuses it: it is asked for
        // another word.
        if head.response.status() == REFUSED {
            return None;
        }
        self.roster.told(self.start, member, head.owner);
        Some(answer::whole(head, body, outbound.method, self.own))
    }

    async fn sent(&self, member: &Arc<Member>) -> Tried {
        if let Some(response) = self.shared(member).await {
            return Tried::Answered(response);
        }
        let wire = self.outbound.to(member);
        loop {
            let mut connection = match member.pool.take().await {
                Ok(connection) => connection,
                Err(why) => return unsent(member, &why),
            };
            match connection.line.send(&wire).await {
                Ok(head) => {
                    self.roster.told(self.start, member, head.owner);
                    let answer = answer::Inbound { head, connection, member };
                    return answer.deliver(self.outbound.method, self.own, self.stall_max).await;
                }
                // It was closed before anything was written: another will do.
                Err(Failed::Unsent(_)) if !connection.is_fresh => {}
                Err(Failed::Unsent(error)) => {
                    log::debug!("member {}: {error}", member.address);
                    member.lose();
                    return Tried::Unsent;
                }
                Err(Failed::Lost(error)) => {
                    log::debug!("member {}: {error}", member.address);
                    member.look_soon();
                    return Tried::Lost;
                }
            }
        }
    }
}

/// Nothing was sent.
fn unsent(member: &Member, why: &NoConnection) -> Tried {
    log::debug!("member {}: no connection: {why:?}", member.address);
    match why {
        NoConnection::Full => Tried::Full,
        NoConnection::Refused(_) => {
            member.lose();
            Tried::Unsent
        }
        // It may be alive and very busy: who looks will see.
        NoConnection::Late => {
            member.look_soon();
            Tried::Unsent
        }
    }
}
