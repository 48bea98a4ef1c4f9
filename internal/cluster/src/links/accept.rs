//! Connections that others begin.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::dial::{REFUSAL_TIMEOUT, first, no_hello, refuse};
use super::hello::{self, HELLO_BYTES_MAX, Refused};
use super::link::Link;
use super::outbox::Company;
use super::{Ended, Hub, frames};
use crate::proto::Hello;
use crate::proto::frame::Kind;
use crate::proto::refusal::Reason;
use crate::wire::{Address, Incoming, Listener, Opening, Pipe};

impl Hub {
    /// Accepts others until we leave.
    pub(super) async fn accept(self: Arc<Self>, mut listener: Box<dyn Listener>) {
        let room = Arc::new(Semaphore::new(self.shared.settings.openings_max));
        let parting = self.parting.clone();
        let mut next = async || {
            let place = room.clone().acquire_owned().await.expect("it is never closed");
            (place, listener.accept().await)
        };
        while let Some((place, accepted)) = parting.run_until_cancelled(next()).await {
            match accepted {
                Ok(opening) => {
                    let hub = self.clone();
                    self.spawn(async move {
                        hub.parting.run_until_cancelled(hub.open(opening)).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Most often there are no more files to open: those there are come free.
                    log::warn!("no connection could be accepted: {error}");
                    sleep(self.shared.settings.reconnect_min).await;
                }
            }
        }
    }

    async fn open(self: &Arc<Self>, opening: Opening) {
        let opened = self.welcome(opening).await;
        if let Err(why) = opened {
            self.shared.counters.refused.one();
            log::debug!("a connection was not accepted: {why}");
        }
    }

    async fn welcome(self: &Arc<Self>, opening: Opening) -> Result<(), String> {
        let mut pipe = opening.await.map_err(|failed| failed.to_string())?;
        pipe.incoming.limit(HELLO_BYTES_MAX);
        let within = self.shared.settings.handshake_timeout;
        let Ok(heard) = timeout(within, first(pipe.incoming.as_mut())).await else {
            return Err(format!("it said nothing within {within:?}"));
        };
        match heard {
            Ok(Kind::Hello(hello)) => self.admit(&hello, pipe).await,
            Ok(_) | Err(Ended::NotUnderstood) => self.refuse(pipe, &no_hello()).await,
            Err(ended) => Err(ended.to_string()),
        }
    }

    async fn admit(self: &Arc<Self>, hello: &Hello, pipe: Pipe) -> Result<(), String> {
        let settings = &self.shared.settings;
        let other = match hello::judge(settings, hello, &pipe.identity) {
            Ok(other) => other,
            Err(refused) => return self.refuse(pipe, &refused).await,
        };
        let Pipe { outgoing, incoming, identity } = pipe;
        let begun = (other.member, other.dial);
        // 1. The link is there, and a caller of ours writes a request to it.
        // 2. Our hello comes after it; the other takes the request for our first word.
        // Hence the hello is in the link before anybody can find that.
        let dial = self.dials.load(Ordering::Relaxed);
        let ours = frames::encode(&Kind::Hello(Hello { dial, ..hello::ours(settings) }));
        let mut outgoing = Some(outgoing);
        let make = || {
            let outgoing = outgoing.take().expect("a link is made once");
            Link::new(&self.shared, &other, begun, outgoing, Some(ours))
        };
        match (self.peers.accept(settings, &other, make), outgoing) {
            (Ok((link, before)), _) => {
                self.begin_with(&link, before, incoming);
                Ok(())
            }
            (Err(why), Some(outgoing)) => {
                let told = self.refuse(Pipe { outgoing, incoming, identity }, &why).await;
                self.call_back(&other.address, &why);
                told
            }
            (Err(why), None) => Err(why.to_string()),
        }
    }

    fn begin_with(
        self: &Arc<Self>,
        link: &Arc<Link>,
        before: Option<Arc<Link>>,
        incoming: Box<dyn Incoming>,
    ) {
        self.shared.counters.accepted.one();
        self.run(link, incoming);
        // So that the hello goes out.
        link.post(std::iter::empty(), Company::Alone);
        if let Some(before) = before {
            before.cut(&Ended::Replaced);
        }
    }

    /// Who was told that there is a connection, and there is none, is connected with: see
    /// [`Peer::hear`](super::peer::Peer::hear).
    fn call_back(self: &Arc<Self>, address: &Address, why: &Refused) {
        if why.reason != Reason::Connected {
            return;
        }
        if let Some(peer) = self.peers.get(address)
            && let Some(this_try) = peer.call_back(&self.dials)
        {
            self.spawn(self.clone().dial(peer, this_try));
        }
    }

    async fn refuse(&self, mut pipe: Pipe, why: &Refused) -> Result<(), String> {
        let refusal = why.told_by(&self.shared.settings);
        // Whether it is heard makes no difference to us.
        let _told = timeout(REFUSAL_TIMEOUT, refuse(pipe.outgoing.as_mut(), refusal)).await;
        Err(why.to_string())
    }
}
