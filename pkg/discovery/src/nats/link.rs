//! A connection to one of the servers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{Client, Subscriber};
use distcache_cluster::excerpt::told;
use distcache_cluster::nats::{self, Event, ServerError};
use tokio::sync::watch;
use tokio::time::timeout;

use super::Settings;

/// How long what is published may wait for the connection.
const PUBLISH_WITHIN: Duration = Duration::from_secs(1);

/// What waits to be read, and to be written. Of more, some is lost, and that is told.
const MESSAGES_WAITING_MAX: usize = 1_024;
const COMMANDS_WAITING_MAX: usize = 64;

/// Connected, and listening.
pub(super) struct Link {
    client: Client,
    subject: String,
    pub(super) heard: Subscriber,
    pub(super) lost: Lost,
}

/// Why a connection is of no use any more, as soon as it is not.
pub(super) struct Lost(watch::Receiver<Option<String>>);

impl Lost {
    /// Waits until then.
    pub(super) async fn why(&mut self) -> String {
        match self.0.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
            Err(_) => "its connection has ended".to_owned(),
        }
    }
}

impl Link {
    pub(super) async fn open(settings: &Settings) -> Result<Self, String> {
        let (tell, lost) = watch::channel(None);
        let options = settings.account.options(format!("distcache {}", settings.address)).await?;
        let options = options
            .subscription_capacity(MESSAGES_WAITING_MAX)
            .client_capacity(COMMANDS_WAITING_MAX)
            .event_callback(move |event| {
                let tell = tell.clone();
                async move {
                    if let Some(why) = trouble(&event) {
                        tell.send_replace(Some(why));
                    }
                }
            });
        let client = options.connect(&settings.servers[..]).await.map_err(|error| told(&error))?;
        let subject = settings.subject.clone();
        let heard = client.subscribe(subject.clone()).await.map_err(|error| told(&error))?;
        Ok(Self { client, subject, heard, lost: Lost(lost) })
    }

    /// Says that to all who listen, this process included.
    pub(super) async fn say(&self, message: Vec<u8>) -> Result<(), String> {
        let said = self.client.publish(self.subject.clone(), message.into());
        match timeout(PUBLISH_WITHIN, said).await {
            Ok(said) => said.map_err(|error| told(&error)),
            Err(_elapsed) => Err("it takes no more messages".to_owned()),
        }
    }

    /// Waits until all that was said is with the server, or until the time is over.
    pub(super) async fn part(&self, within: Duration) {
        drop(timeout(within, self.client.flush()).await);
    }

    /// How many bytes it has sent since it was connected to.
    pub(super) fn bytes_heard(&self) -> u64 {
        self.client.statistics().in_bytes.load(Ordering::Relaxed)
    }
}

/// Why a connection is given up after this event, if it is.
fn trouble(event: &Event) -> Option<String> {
    match event {
        Event::LameDuckMode => Some("its connection has ended".to_owned()),
        Event::SlowConsumer(_) | Event::ServerError(ServerError::SlowConsumer(_)) => {
            Some("more is said than can be heard".to_owned())
        }
        _ => nats::ended(event).or_else(|| nats::said(event)),
    }
}
