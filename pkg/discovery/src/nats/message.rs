//! What members say on the subject.

use serde::{Deserialize, Serialize};

/// The longest message that is read.
pub(super) const MESSAGE_BYTES_MAX: usize = 1_024;

/// The longest address: that of the longest name that DNS has.
const ADDRESS_BYTES_MAX: usize = 253 + 1 + 5;

/// One message: JSON, so that people can listen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Message {
    /// The name of the cluster that the sender is of.
    pub(super) cluster: String,
    /// The run of the process that says it.
    pub(super) run: u64,
    /// Where it is reached.
    pub(super) address: String,
    pub(super) says: Says,
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Says {
    /// "I am here", once in a while.
    Beat,
    /// "I am here", because somebody has asked.
    Here,
    /// "I am here; who else is?"
    Who,
    /// "I am not here any more."
    Gone,
}

impl Message {
    /// What `bytes` say, if they are a message.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        if MESSAGE_BYTES_MAX < bytes.len() {
            return None;
        }
        let read: Self = serde_json::from_slice(bytes).ok()?;
        is_address(&read.address).then_some(read)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and numbers are JSON")
    }
}

/// Whether that is `HOST:PORT`.
pub(super) fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_bracketed = host.starts_with('[') && host.ends_with(']') && 2 < host.len();
    let is_plain = !host.is_empty() && !host.contains([':', '[', ']']);
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= ADDRESS_BYTES_MAX
        && (is_plain || is_bracketed)
        && host.bytes().all(|byte| byte.is_ascii_graphic())
        && is_number
        && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let message = Message {
            cluster: "distcache".into(),
            run: u64::MAX,
            address: "[::1]:7".into(),
            says: Says::Beat,
        };
        assert_eq!(Message::read(&message.to_bytes()), Some(message.clone()));
        let text = String::from_utf8(message.to_bytes()).unwrap();
        assert_eq!(
            text,
            r#"{"cluster":"distcache","run":18446744073709551615,"address":"[::1]:7","says":"beat"}"#
        );
    }

    #[test]
    fn what_is_no_message_is_none() {
        let right = r#"{"cluster":"c","run":1,"address":"a:1","says":"here"}"#;
        assert!(Message::read(right.as_bytes()).is_some());
        for (what, other) in [("\"a:1\"", "7"), ("a:1", "a"), ("here", "hello"), ("1,", "-1,")] {
            let wrong = right.replace(what, other);
            assert_eq!(Message::read(wrong.as_bytes()), None, "{wrong}");
        }
        let long = right.replace("\"c\"", &format!("\"{}\"", "c".repeat(MESSAGE_BYTES_MAX)));
        assert_eq!(Message::read(long.as_bytes()), None);
        assert_eq!(Message::read(b"\xff"), None);
        assert_eq!(Message::read("[".repeat(1_000).as_bytes()), None);
    }

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for right in ["a:1", "10.0.0.7:18081", "[fd::1]:65535", "cache-0.cache.shop.svc:1"] {
            assert!(is_address(right), "{right}");
        }
        let long = format!("{}:1", "a".repeat(ADDRESS_BYTES_MAX));
        for wrong in ["", "a", ":1", "a:0", "a:+1", "a:65536", "a b:1", "::1:1", "[]:1", &long] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }
}
