//! A connection to one of the servers.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerError, Subscriber};
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio::time::timeout;

use super::{Proof, Settings};
use crate::excerpt::{excerpt, told};

/// To connect to one server, greetings and TLS included.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// How long what is published may wait for the connection.
const PUBLISH_WITHIN: Duration = Duration::from_secs(1);

/// What waits to be read, and to be written. Of more, some is lost, and that is told.
const MESSAGES_WAITING_MAX: usize = 1_024;
const COMMANDS_WAITING_MAX: usize = 64;

/// The longest file of credentials, password or token.
const PROOF_BYTES_MAX: u64 = 64 << 10;

/// So often a server that says nothing is asked whether it is there; after two pings
/// without an answer it is not.
const PING_EVERY: Duration = Duration::from_secs(5);

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
        let options = secured(proved(settings).await?, settings)
            .name(format!("distcache {}", settings.address))
            .connection_timeout(CONNECT_WITHIN)
            .ping_interval(PING_EVERY)
            .subscription_capacity(MESSAGES_WAITING_MAX)
            .client_capacity(COMMANDS_WAITING_MAX)
            .ignore_discovered_servers()
            .retain_servers_order()
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
        Event::Connected => None,
        Event::Disconnected | Event::Closed | Event::LameDuckMode | Event::Draining => {
            Some("its connection has ended".to_owned())
        }
        Event::SlowConsumer(_) => Some("more is said than can be heard".to_owned()),
        Event::ServerError(ServerError::SlowConsumer(_)) => {
            Some("more is said than can be heard".to_owned())
        }
        Event::ServerError(ServerError::AuthorizationViolation) => {
            Some("it does not let this process in".to_owned())
        }
        Event::ServerError(ServerError::Other(why)) => Some(format!("it says: {}", excerpt(why))),
        Event::ClientError(error) => Some(excerpt(&error.to_string())),
    }
}

/// Who to be, read anew.
async fn proved(settings: &Settings) -> Result<ConnectOptions, String> {
    let options = ConnectOptions::new();
    Ok(match &settings.proof {
        Proof::Nobody => options,
        Proof::Credentials(file) => {
            let text = read(file).await?;
            // What is wrong with it is not told: it could be a part of it.
            let options = options.credentials(&text);
            options
                .map_err(|error| format!("{}: no credentials: {}", file.display(), error.kind()))?
        }
        Proof::Password { user, file } => {
            options.user_and_password(user.clone(), read(file).await?.trim_end().to_owned())
        }
        Proof::Token(file) => options.token(read(file).await?.trim_end().to_owned()),
    })
}

async fn read(file: &Path) -> Result<String, String> {
    let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
    let opened = tokio::fs::File::open(file).await.map_err(|error| failed(&error))?;
    let mut text = String::new();
    let mut bounded = opened.take(PROOF_BYTES_MAX + 1);
    let length = bounded.read_to_string(&mut text).await.map_err(|error| failed(&error))?;
    let is_short = u64::try_from(length).is_ok_and(|length| length <= PROOF_BYTES_MAX);
    if is_short { Ok(text) } else { Err(failed(&"it is longer than 64 KiB")) }
}

fn secured(options: ConnectOptions, settings: &Settings) -> ConnectOptions {
    let has_files = settings.authority.is_some() || settings.certificate.is_some();
    let is_asked = settings.servers.iter().any(async_nats::ServerAddr::tls_required);
    let mut options = options.require_tls(has_files || is_asked);
    if let Some(authority) = &settings.authority {
        options = options.add_root_certificates(authority.clone());
    }
    if let Some((chain, key)) = &settings.certificate {
        options = options.add_client_certificate(chain.clone(), key.clone());
    }
    options
}
