//! What can be a name in Kubernetes, so that none changes what is asked.

use distcache_cluster::ConfigError;

/// The longest name of a service, a namespace or a host.
const LABEL_BYTES_MAX: usize = 63;

/// The longest name of a port.
const PORT_BYTES_MAX: usize = 15;

/// The longest label selector.
const SELECTOR_BYTES_MAX: usize = 1_024;

/// Lower case, digits and hyphens, none of them at an end.
pub(super) fn is_label(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_whole = !name.starts_with('-') && !name.ends_with('-');
    (1..=LABEL_BYTES_MAX).contains(&name.len()) && is_whole && name.bytes().all(is_plain)
}

pub(super) fn label(name: &str, what: &'static str) -> Result<(), ConfigError> {
    let right = "it has lower case, digits and hyphens, 63 at most";
    if is_label(name) { Ok(()) } else { Err(ConfigError::of(name, what, right)) }
}

pub(super) fn port(name: &str) -> Result<(), ConfigError> {
    let right = "it has lower case, digits and hyphens, 15 at most, and a letter among them";
    let has_letter = name.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_port = is_label(name) && name.len() <= PORT_BYTES_MAX && has_letter;
    if is_port { Ok(()) } else { Err(ConfigError::of(name, "name of a port", right)) }
}

pub(super) fn selector(text: &str) -> Result<(), ConfigError> {
    let right = "give label=value, several with commas between";
    let is_selector = text.len() <= SELECTOR_BYTES_MAX
        && text.contains('=')
        && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if is_selector { Ok(()) } else { Err(ConfigError::of(text, "label selector", right)) }
}

pub(super) fn server(url: &str) -> Result<(), ConfigError> {
    let right = "give http://HOST:PORT or https://HOST:PORT";
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    // Whoever could name a user there would be asked for a password next.
    let is_plain = |host: &str| !host.is_empty() && !host.contains(['/', '@', '?', '#', ' ']);
    let is_server = host.is_some_and(is_plain);
    if is_server { Ok(()) } else { Err(ConfigError::of(url, "address of an API server", right)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_kubernetes_takes() {
        for right in ["cache", "a", "cache-0", "0a"] {
            assert!(is_label(right), "{right}");
        }
        let long = "a".repeat(64);
        for wrong in ["", "-a", "a-", "A", "a.b", "a/b", "a?b", "ä", &long] {
            assert!(!is_label(wrong), "{wrong}");
        }
        assert!(port("links").is_ok() && port("8080").is_err() && port(&long[..16]).is_err());
        assert!(selector("app=cache,tier!=test").is_ok());
        assert!(selector("app").is_err() && selector("a=\n").is_err());
    }

    #[test]
    fn a_server_is_an_origin_without_a_user() {
        for right in ["http://127.0.0.1:8001", "https://[::1]:6443"] {
            assert!(server(right).is_ok(), "{right}");
        }
        for wrong in ["", "http://", "ftp://a", "http://a/b", "http://me:secret@a", "a:1"] {
            assert!(server(wrong).is_err(), "{wrong}");
        }
    }
}
