//! Why a server gave no value.

use std::fmt;
use std::time::Duration;

use ureq::http::StatusCode;

/// What went wrong with one load, and what to do about it.
///
/// Neither `Display` nor `Debug` shows a key, a path, a value or a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// There is no connection to be had. Nothing was asked. The next load tries
    /// again.
    #[error("cannot connect to {origin}: {reason}; is the server there, and reachable from here?")]
    Connect {
        /// Where the server should be.
        origin: String,
        /// What stood in the way.
        reason: String,
    },
    /// The load's time ran out.
    #[error("no answer of {origin} within {limit:?}: {waited_for}")]
    TimedOut {
        /// Where the server is.
        origin: String,
        /// What took so long, and what helps.
        waited_for: HttpWait,
        /// The time that the load had when it came to the source.
        limit: Duration,
    },
    /// The connection broke before the answer was whole, twice if it had not
    /// begun. What had come is not kept.
    #[error("the connection to {origin} broke before the answer was whole: {reason}")]
    Broken {
        /// Where the server is.
        origin: String,
        /// What happened to the connection.
        reason: String,
    },
    /// What the server sends is no answer.
    #[error("the server's answer is not one of HTTP/1.1: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
    /// The server says that it has no answer, or none for this source.
    #[error("the server answered {}{}", Status(*status), Later(*retry_after))]
    Status {
        /// What it said.
        status: u16,
        /// When it asks to be tried again, if it said so in seconds.
        retry_after: Option<Duration>,
    },
    /// The server sends the source elsewhere, and there it does not go: it would
    /// hand over its headers. Give it that address if it is right.
    #[error("the server sends to {to}, and a source stays where its URL is")]
    Elsewhere {
        /// Scheme, host and port of the redirect.
        to: String,
    },
    /// The server sends from one place to another, again and again.
    #[error("the server sends to another place more than {max} times")]
    Redirects {
        /// How often it may: [`HttpBuilder::redirects_max`](super::HttpBuilder::redirects_max).
        max: u32,
    },
    /// The value is too large; raise
    /// [`HttpBuilder::bytes_max`](super::HttpBuilder::bytes_max) or let the
    /// server send less.
    #[error("the value has more than {max} bytes, which are allowed")]
    TooLarge {
        /// The limit, in bytes.
        max: u64,
    },
    /// The value is compressed, though the source has said that it takes none
    /// that is.
    #[error("the value is sent in another coding than it was asked for in (Content-Encoding)")]
    Encoded,
    /// The key cannot be a part of the URL.
    #[error("the key is in no URL: {reason}")]
    Key {
        /// Why.
        reason: &'static str,
    },
}

/// What a load waited for when its time ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpWait {
    /// For nothing: it had no time when it came.
    Start,
    /// For the addresses of the server's name.
    Address,
    /// For a connection, and the server's certificate.
    Connection,
    /// For the server to begin its answer.
    Answer,
    /// For the rest of the value.
    Value,
}

impl fmt::Display for HttpWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "none was left when the source was asked",
            Self::Address => "nobody told the server's address; does the name server answer?",
            Self::Connection => "the server did not accept a connection",
            Self::Answer => {
                "the server did not begin to answer; make it faster, or allow more time"
            }
            Self::Value => "the value came too slowly; make it smaller, or allow more time",
        })
    }
}

/// Shows a status as people know it.
struct Status(u16);

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let known = StatusCode::from_u16(self.0).ok();
        match known.and_then(|status| status.canonical_reason()) {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

/// Shows when to try again, if that is known.
struct Later(Option<Duration>);

impl fmt::Display for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(after) => write!(f, ", and asks to be tried again in {} s", after.as_secs()),
            None => Ok(()),
        }
    }
}

/// Why a source was not built. Nothing was connected to yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpConfigError {
    /// The place for the key is missing, is there twice, or has another name.
    #[error("the URL needs one `{{key}}`, where the key comes, and no other braces")]
    Place,
    /// The key's place is in the host.
    #[error("the place for the key is in the URL's path or query, not in its host")]
    Host,
    /// The text is no URL of HTTP. It is not shown, as it may hold a secret.
    #[error(
        "this is no URL (not shown: it may hold a secret); it has the form \
         \"https://host:port/path/{{key}}?query\", in visible ASCII, without a user, a password \
         (give a header) and a \"#\""
    )]
    Url,
    /// A header cannot be sent, or is the source's own to send.
    #[error("the header {name:?} cannot be given: {reason}")]
    Header {
        /// Its name, as it was given.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A load would have no time.
    #[error("a timeout of zero leaves a load no time")]
    Timeout,
    /// What should be certificates is something else.
    #[error("the certificates to trust are none in PEM (-----BEGIN CERTIFICATE-----)")]
    Certificates,
    /// Certificates to trust are given, and nobody shows one.
    #[error("certificates to trust are given, and the URL says http: say https")]
    ClearText,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_told_with_its_name_and_when_to_come_again() {
        let told = |status, retry_after| HttpError::Status { status, retry_after }.to_string();
        assert_eq!(told(500, None), "the server answered 500 (Internal Server Error)");
        assert_eq!(told(599, None), "the server answered 599");
        let later = Some(Duration::from_secs(30));
        assert_eq!(
            told(429, later),
            "the server answered 429 (Too Many Requests), and asks to be tried again in 30 s"
        );
    }
}
