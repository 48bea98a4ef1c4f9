//! One that says on the subject whatever a test wants.

use std::time::Duration;

use async_nats::Client;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{interval, timeout};

use crate::nats_server::NatsServer;
use crate::support::PATIENCE;

/// Where members announce themselves if nothing else is said.
const SUBJECT: &str = "distcache.members";

pub(crate) struct Speaker {
    client: Client,
    runtime: Runtime,
}

impl Speaker {
    pub(crate) fn at(server: &NatsServer) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a thread can be started");
        let client = runtime.block_on(async_nats::connect(server.url())).expect("it is there");
        Self { client, runtime }
    }

    /// Says that, and returns when the server has it.
    pub(crate) fn say(&self, bytes: impl Into<Vec<u8>>) {
        self.say_all([bytes.into()]);
    }

    /// Says that again and again until another one says this.
    pub(crate) fn ask(&self, bytes: &[u8], says: &str) -> Value {
        let asking = async {
            let mut heard = self.client.subscribe(SUBJECT).await.expect("it is connected");
            let mut again = interval(Duration::from_millis(100));
            loop {
                tokio::select! {
                    _ = again.tick() => {
                        let said = self.client.publish(SUBJECT, bytes.to_vec().into());
                        said.await.expect("it is connected");
                    }
                    message = heard.next() => {
                        let message = message.expect("it is connected");
                        let said: Value = serde_json::from_slice(&message.payload).expect("JSON");
                        if said["says"] == says {
                            return said;
                        }
                    }
                }
            }
        };
        self.runtime.block_on(async { timeout(PATIENCE, asking).await.expect("an answer") })
    }

    pub(crate) fn say_all(&self, messages: impl IntoIterator<Item = Vec<u8>>) {
        self.runtime.block_on(async {
            for message in messages {
                self.client.publish(SUBJECT, message.into()).await.expect("it is connected");
            }
            self.client.flush().await.expect("it is connected");
        });
    }
}

/// What a member says.
pub(crate) fn words(address: &str, says: &str) -> Vec<u8> {
    let words = json!({ "cluster": "distcache", "run": 1, "address": address, "says": says });
    words.to_string().into_bytes()
}
