//! Connections that we begin.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::hello::{self, HELLO_BYTES_MAX, Refused, refused};
use super::link::Link;
use super::peer::{Peer, Try};
use super::read::Reader;
use super::{Ended, Hub, NotSent, frames, write};
use crate::proto::frame::Kind;
use crate::proto::refusal::Reason;
use crate::proto::{Hello, Refusal};
use crate::wire::{ConnectFailed, Incoming, Outgoing, Pipe};

impl Hub {
    /// Connects with an address. Whoever waits for it is told how that went.
    pub(super) fn dial(
        self: Arc<Self>,
        peer: Arc<Peer>,
        this_try: Try,
    ) -> impl Future<Output = ()> + Send {
        // 1. This task panics, or its runtime ends: perhaps before it has begun.
        // 2. The address stays as one that is being connected with; nobody tries again.
        // Hence the try fails in any case; after a success that does nothing.
        let end = FailOnDrop { hub: self, peer, this_try };
        async move {
            let FailOnDrop { hub, peer, .. } = &end;
            let connected = tokio::select! {
                () = hub.parting.cancelled() => Err(NotSent::Closed),
                connected = hub.connect(peer, this_try) => connected,
            };
            if let Err(why) = connected {
                hub.shared.counters.dials_failed.one();
                log::debug!("no link with {}: {why}", peer.address);
                peer.fail(this_try, &why, &hub.shared.settings);
            }
        }
    }

    async fn connect(self: &Arc<Self>, peer: &Arc<Peer>, this_try: Try) -> Result<(), NotSent> {
        let settings = &self.shared.settings;
        self.shared.counters.dialled.one();
        let pipe = self.wire.connect(&peer.address, settings.connect_timeout).await?;
        let within = settings.handshake_timeout;
        let introduced = timeout(within, self.introduce(peer, this_try, pipe)).await;
        let late = |_elapsed| ConnectFailed::TimedOut { address: peer.address.clone(), within };
        match introduced.map_err(late)? {
            Err(NotSent::Refused(why)) if why.reason == Reason::Connected => {
                peer.give_way(this_try);
                self.wait_for_theirs(peer, why).await
            }
            introduced => introduced,
        }
    }

    async fn introduce(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        this_try: Try,
        mut pipe: Pipe,
    ) -> Result<(), NotSent> {
        let settings = &self.shared.settings;
        let Try { dial, taken } = this_try;
        let hello = Hello {
            dial,
            taken_from: taken.map_or(0, |(from, _)| from.get()),
            taken_dial: taken.map_or(0, |(_, dial)| dial),
            to: peer.address.to_string(),
            ..hello::ours(settings)
        };
        let lost = |why: Ended| NotSent::Lost(why);
        send(pipe.outgoing.as_mut(), Kind::Hello(hello)).await.map_err(lost)?;
        pipe.incoming.limit(HELLO_BYTES_MAX);
        let theirs = match first(pipe.incoming.as_mut()).await.map_err(lost)? {
            Kind::Hello(hello) => hello,
            Kind::Refusal(refusal) => return Err(Refused::heard(&refusal).into()),
            _ => return Err(no_hello().into()),
        };
        let other = hello::judge(settings, &theirs, &pipe.identity)?;
        let link = Link::new(&self.shared, &other, (settings.member, dial), pipe.outgoing, None);
        let before = self.peers.arrive(peer, &other, &link)?;
        self.run(&link, pipe.incoming);
        for before in before {
            before.cut(&Ended::Replaced);
        }
        Ok(())
    }

    /// The other has refused ours because there is, or will be, its own.
    async fn wait_for_theirs(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        why: Refused,
    ) -> Result<(), NotSent> {
        let canonical = why.address.as_ref().unwrap_or(&peer.address);
        let theirs = self.peers.get_or_add(canonical)?;
        let within = self.shared.settings.handshake_timeout;
        let Ok(link) = timeout(within, theirs.until_linked()).await else {
            return Err(why.into());
        };
        if !Arc::ptr_eq(&theirs, peer) {
            // The address is another name of a member that we are linked with.
            peer.install(&link);
        }
        Ok(())
    }

    /// Starts the tasks of a new link.
    pub(super) fn run(self: &Arc<Self>, link: &Arc<Link>, mut incoming: Box<dyn Incoming>) {
        incoming.limit(self.shared.frame_bytes_max);
        let (serve, tasks) = (self.serve.clone(), self.tasks.clone());
        let closing = self.closing.clone();
        let reader = Reader { link: link.clone(), incoming, serve, tasks, closing };
        self.spawn(write::run(link.clone()));
        let (hub, link) = (self.clone(), link.clone());
        self.spawn(async move {
            let _forget = ForgetOnDrop(&hub, &link);
            reader.run().await;
        });
        // Links that came after the last look of who closes them are closed here.
        if self.closing.is_cancelled() {
            self.end();
        }
    }
}

/// Sends the first word.
pub(super) async fn send(outgoing: &mut dyn Outgoing, kind: Kind) -> Result<(), Ended> {
    let pushed = outgoing.push(frames::encode(&kind));
    debug_assert!(pushed.is_ok(), "it is shorter than any bound");
    Ok(poll_fn(|context| outgoing.poll_flush(context)).await?)
}

/// Waits for the first word.
pub(super) async fn first(incoming: &mut dyn Incoming) -> Result<Kind, Ended> {
    let frame = poll_fn(|context| incoming.poll_frame(context)).await.ok_or(Ended::Left)??;
    frames::decode(frame).map_err(|_no_frame| Ended::NotUnderstood)
}

/// Says why, and that nothing more will come.
pub(super) async fn refuse(outgoing: &mut dyn Outgoing, refusal: Refusal) -> Result<(), Ended> {
    send(outgoing, Kind::Refusal(refusal)).await?;
    Ok(poll_fn(|context| outgoing.poll_close(context)).await?)
}

pub(super) fn no_hello() -> Refused {
    refused(Reason::NoHello, "the first word was no hello".to_owned())
}

/// How long a refusal may take to be sent.
pub(super) const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

struct FailOnDrop {
    hub: Arc<Hub>,
    peer: Arc<Peer>,
    this_try: Try,
}

impl Drop for FailOnDrop {
    fn drop(&mut self) {
        // Our links may be there still, with nobody to make them: the other cannot be
        // reached, then.
        let is_over = self.hub.parting.is_cancelled();
        let why = if is_over { NotSent::Closed } else { NotSent::Lost(Ended::Closed) };
        self.peer.fail(self.this_try, &why, &self.hub.shared.settings);
    }
}

struct ForgetOnDrop<'a>(&'a Hub, &'a Arc<Link>);

impl Drop for ForgetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.peers.ended(self.1, &self.0.shared.settings);
    }
}
