//! How this process is let in at the servers of NATS: for who finds members there, and for
//! who speaks with them there.

mod account;
mod proof;

pub use account::{NatsAccount, is_subject};
pub use async_nats::{Event, ServerError};

use crate::excerpt::excerpt;

/// So often a server that says nothing is asked whether it is there; after two pings
/// without an answer it is not.
pub const PING_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// What a server says that bears on one subject, or on nothing of ours.
pub fn said(event: &Event) -> Option<String> {
    match event {
        Event::ServerError(ServerError::Other(why)) => Some(format!("it says: {}", excerpt(why))),
        Event::ClientError(error) => Some(excerpt(&error.to_string())),
        _ => None,
    }
}

/// Why a connection is of no use any more after this event.
pub fn ended(event: &Event) -> Option<String> {
    match event {
        Event::Disconnected | Event::Closed | Event::Draining => {
            Some("its connection has ended".to_owned())
        }
        Event::ServerError(ServerError::AuthorizationViolation) => {
            Some("it does not let this process in".to_owned())
        }
        _ => None,
    }
}
