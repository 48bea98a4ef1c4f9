//! The servers of NATS, and how they and this process prove to each other who they are.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::{ConnectOptions, ServerAddr};

use super::PING_EVERY;
use super::proof::Proof;
use crate::ConfigError;

/// To connect to one server, greetings and TLS included.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// More servers than this are not tried.
const SERVERS_MAX: usize = 16;

/// The longest subject that is taken from a setting, in bytes.
const SUBJECT_BYTES_MAX: usize = 256;

/// Servers of NATS, and how to be let in there.
///
/// What stands in files is read for each connection anew.
#[derive(Debug, Clone)]
#[must_use]
pub struct NatsAccount {
    given: Vec<String>,
    proof: Proof,
    authority: Option<PathBuf>,
    certificate: Option<(PathBuf, PathBuf)>,
}

impl NatsAccount {
    /// At one of these servers: `nats://HOST:PORT`, or `tls://HOST:PORT`. Of several the
    /// first that answers is taken.
    pub fn at<S: Into<String>>(servers: impl IntoIterator<Item = S>) -> Self {
        let given = servers.into_iter().map(Into::into).collect();
        Self { given, proof: Proof::Nobody, authority: None, certificate: None }
    }

    /// A file of credentials (a JWT and its key), as `nsc` writes them. Default: none. Of
    /// this, a password and a token the last that was said holds.
    pub fn credentials_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.proof = Proof::Credentials(file.into());
        self
    }

    /// A user, and the file that its password stands in. Default: none.
    pub fn password_file(mut self, user: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        self.proof = Proof::Password { user: user.into(), file: file.into() };
        self
    }

    /// The file that a token stands in. Default: none.
    pub fn token_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.proof = Proof::Token(file.into());
        self
    }

    /// The certificates of the authority that the server has its own from, in PEM; the
    /// server is to speak TLS then. Default: those of the system, if it speaks TLS.
    pub fn authority(mut self, file: impl Into<PathBuf>) -> Self {
        self.authority = Some(file.into());
        self
    }

    /// The certificate of this process and its key, in PEM; the server is to speak TLS
    /// then. Default: none.
    pub fn certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.certificate = Some((chain.into(), key.into()));
        self
    }

    /// Its servers.
    ///
    /// # Errors
    /// [`ConfigError`] names what cannot be a server.
    pub fn servers(&self) -> Result<Vec<ServerAddr>, ConfigError> {
        let servers: Vec<_> = self.given.iter().map(|one| server(one)).collect::<Result<_, _>>()?;
        if !(1..=SERVERS_MAX).contains(&servers.len()) {
            let right = "give 1 to 16";
            return Err(ConfigError::of(&self.given.join(","), "list of servers", right));
        }
        Ok(servers)
    }

    /// Whether nobody between here and a server can read or change what is said, nor be
    /// let in there as this process is: each server is on this machine, or it is spoken to
    /// over TLS by one that proves who it is.
    pub fn is_guarded(&self) -> bool {
        let is_proved = self.proof != Proof::Nobody || self.certificate.is_some();
        let is_safe = |server: &ServerAddr| {
            is_loopback(server.host()) || (is_proved && (self.has_files() || server.tls_required()))
        };
        self.servers().is_ok_and(|servers| servers.iter().all(is_safe))
    }

    /// How to connect, for a process of that name; files are read anew.
    ///
    /// # Errors
    /// A file that cannot be read, by its name.
    pub async fn options(&self, name: String) -> Result<ConnectOptions, String> {
        let is_tls = self.has_files()
            || self.servers().is_ok_and(|all| all.iter().any(ServerAddr::tls_required));
        let mut options = self.proof.options().await?.require_tls(is_tls);
        if let Some(authority) = &self.authority {
            options = options.add_root_certificates(authority.clone());
        }
        if let Some((chain, key)) = &self.certificate {
            options = options.add_client_certificate(chain.clone(), key.clone());
        }
        Ok(options
            .name(name)
            .connection_timeout(CONNECT_WITHIN)
            .ping_interval(PING_EVERY)
            .ignore_discovered_servers()
            .retain_servers_order())
    }

    fn has_files(&self) -> bool {
        self.authority.is_some() || self.certificate.is_some()
    }
}

/// A name is that of this machine, or of another one: only `localhost` says which.
fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// One that is connected to over TCP, with or without TLS.
fn server(url: &str) -> Result<ServerAddr, ConfigError> {
    // Not what was given: it may have a password in it.
    if url.contains('@') {
        let right = "who to be stands in a file, not in the URL";
        return Err(ConfigError::of("a URL with a user in it", "server of NATS", right));
    }
    let right = "give nats://HOST:PORT or tls://HOST:PORT";
    let wrong = || ConfigError::of(url, "server of NATS", right);
    let is_known = ["nats://", "tls://"].iter().any(|scheme| url.starts_with(scheme));
    let address = url.parse::<ServerAddr>().ok().filter(|_| is_known);
    address.filter(|address| !address.host().is_empty()).ok_or_else(wrong)
}

/// Whether it is a subject that names one place: words with dots between, and no wildcard.
pub fn is_subject(subject: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_graphic() && !b"*>".contains(&byte))
    };
    subject.len() <= SUBJECT_BYTES_MAX && subject.split('.').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_else_can_read_or_be_is_guarded() {
        let at = |url: &str| NatsAccount::at([url]);
        for here in
            ["nats://127.0.0.1:4222", "nats://localhost", "nats://[::1]:4222", "tls://127.1.2.3"]
        {
            assert!(at(here).is_guarded(), "{here}");
        }
        let elsewhere = "nats://nats.example:4222";
        assert!(!at(elsewhere).is_guarded());
        assert!(!at(elsewhere).token_file("t").is_guarded(), "it is sent in the clear");
        assert!(!at("tls://nats.example").is_guarded(), "anybody could be this process");
        assert!(!at(elsewhere).authority("a").is_guarded(), "the same");
        assert!(at("tls://nats.example").credentials_file("c").is_guarded());
        assert!(at(elsewhere).authority("a").token_file("t").is_guarded());
        assert!(at(elsewhere).certificate("a", "b").is_guarded());
        let mixed = ["tls://nats.example", "nats://other.example"];
        assert!(!NatsAccount::at(mixed).token_file("t").is_guarded());
        assert!(!at("nonsense").is_guarded());
    }

    #[test]
    fn what_is_shown_of_one_has_no_file_of_secrets() {
        let account = NatsAccount::at(["nats://a:4222"]).password_file("me", "/secret");
        assert!(!format!("{account:?}").contains("secret"));
    }
}
