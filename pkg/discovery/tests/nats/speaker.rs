//! One that says on the subject whatever a test wants.

use async_nats::Client;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::nats_server::NatsServer;

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
