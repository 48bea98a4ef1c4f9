//! One who has a certificate: a machine, by the names that others call it by.

use std::net::IpAddr;
use std::str::FromStr;

/// The longest name of a host, and the longest part of one (RFC 1035, 2.3.4).
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// The names of one member: host names and IP addresses. The first names its files.
///
/// Reads from `NAME[,NAME...]`.
///
/// ```
/// use distcache_certs::Member;
///
/// let member: Member = "Cache-2.internal,10.0.0.2".parse().unwrap();
/// assert_eq!(member.names(), ["cache-2.internal", "10.0.0.2"]);
/// assert!("10.0.0.256".parse::<Member>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    names: Vec<String>,
}

/// A text that is no name of a member.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is neither a host name nor an IP address, such as cache-2.internal or 10.0.0.2")]
pub struct NotAMember {
    name: String,
}

impl Member {
    /// By what names others call it; host names in small letters. Never none.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What its files are called, before `.pem` and `-key.pem`. A colon is no part of
    /// a file's name everywhere: `::1` is `__1`.
    pub(crate) fn stem(&self) -> String {
        self.names[0].replace(':', "_")
    }
}

impl FromStr for Member {
    type Err = NotAMember;

    fn from_str(text: &str) -> Result<Self, NotAMember> {
        let names: Result<_, _> = text.split(',').map(name).collect();
        names.map(|names| Self { names })
    }
}

fn name(text: &str) -> Result<String, NotAMember> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_string()),
        Err(_) if is_a_host(text) => Ok(text.to_ascii_lowercase()),
        Err(_) => Err(NotAMember { name: text.chars().take(NAME_BYTES_MAX).collect() }),
    }
}

/// Whether a text can be looked up. It then is a file's name, too: it has no `/`, and
/// does not begin with a dot.
fn is_a_host(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    // What ends with a number is a wrong address, and no name.
    let is_a_number = last.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= NAME_BYTES_MAX && !is_a_number && text.split('.').all(is_a_label)
}

fn is_a_label(label: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LABEL_BYTES_MAX).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_a_host_or_an_address_and_its_first_name_names_its_files() {
        let stem = |text: &str| text.parse::<Member>().map(|member| member.stem());
        assert_eq!(stem("Cache-2.Internal,10.0.0.2").as_deref(), Ok("cache-2.internal"));
        assert_eq!(stem("127.0.0.1").as_deref(), Ok("127.0.0.1"));
        assert_eq!(stem("0:0:0:0:0:0:0:1").as_deref(), Ok("__1"));
    }

    #[test]
    fn what_nobody_could_look_up_or_would_leave_the_directory_is_no_member() {
        let long = "a".repeat(64);
        let endless = ["a"; 128].join(".");
        for wrong in [
            "",
            ",",
            "a,",
            "..",
            "../a",
            "a/b",
            "a b",
            "*",
            "*.a",
            "-a",
            "a-",
            "a.",
            ".a",
            "é",
            "300.1.1.1",
            "a:80",
            "https://a",
            &long,
            &endless,
        ] {
            assert!(wrong.parse::<Member>().is_err(), "{wrong}");
        }
        let told = "a b".parse::<Member>().unwrap_err().to_string();
        assert!(told.starts_with("\"a b\" is neither a host name nor an IP address"), "{told}");
    }
}
