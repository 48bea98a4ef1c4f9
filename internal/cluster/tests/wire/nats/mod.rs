//! What only a wire over NATS has, by a real server on loopback.

mod frames;
mod gone;
mod hostile;
mod outages;
mod rights;

use async_nats::{Client, Subscriber};
use distcache_cluster::nats::NatsAccount;
use distcache_cluster::wire::{Address, Nats, Wire};
use tokio::time::timeout;

use crate::nats_server::NatsServer;
use crate::support::{BOUND, PATIENCE, Rig, address};

/// A wire at that server.
fn wire(server: &NatsServer) -> Nats {
    wire_by(NatsAccount::at([server.url()]))
}

fn wire_by(account: NatsAccount) -> Nats {
    Nats::by(account).expect("a good address").frame_bytes_max(BOUND)
}

/// The same, to listen and to connect with.
fn rig(server: &NatsServer) -> Rig {
    Rig::new(std::sync::Arc::new(wire(server)), address("member.example:0"))
}

/// One who hears everything on the server, and says what it likes.
struct Spy {
    client: Client,
    heard: Subscriber,
}

impl Spy {
    async fn at(server: &NatsServer) -> Self {
        let client = async_nats::connect(server.url()).await.expect("it is there");
        let heard = client.subscribe("distcache.wire.>").await.expect("it listens");
        let spy = Self { client, heard };
        spy.flush().await;
        spy
    }

    /// The next message on a subject that ends so.
    async fn next(&mut self, end: &str) -> async_nats::Message {
        loop {
            let heard = timeout(PATIENCE, futures_util::StreamExt::next(&mut self.heard)).await;
            let message = heard.expect("one comes").expect("the server is there");
            if message.subject.ends_with(end) {
                return message;
            }
        }
    }

    async fn say(&self, subject: &async_nats::Subject, payload: Vec<u8>) {
        self.client.publish(subject.clone(), payload.into()).await.expect("the server is there");
        self.flush().await;
    }

    /// Waits until the server has taken all that was said: it answers in order.
    async fn flush(&self) {
        let nobody = self.client.request("distcache.nobody", "".into()).await;
        nobody.expect_err("nobody listens there");
    }
}

/// Connects again and again until somebody listens.
async fn until_connected(wire: &dyn Wire, to: &Address) -> distcache_cluster::wire::Pipe {
    let tries = async {
        loop {
            match wire.connect(to, PATIENCE).await {
                Ok(pipe) => return pipe,
                Err(_not_yet) => tokio::task::yield_now().await,
            }
        }
    };
    timeout(PATIENCE, tries).await.expect("somebody listens again")
}
