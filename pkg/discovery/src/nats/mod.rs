//! Members that announce themselves on a subject of NATS.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use async_nats::ServerAddr;
use distcache::{Discovery, DiscoveryFailed};
use distcache_cluster::ConfigError;
use distcache_cluster::nats::{NatsAccount, is_subject};

use crate::background::{Background, FIRST_WORD_WITHIN};

mod heard;
mod link;
mod message;
mod session;

use session::Announcing;

/// How often a member announces itself.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(1);
const ANNOUNCE_EVERY_MIN: Duration = Duration::from_millis(10);
const ANNOUNCE_EVERY_MAX: Duration = Duration::from_secs(10);

/// A member that was silent for so many announcements is gone.
const SILENT_FOR: u32 = 8;
const SILENT_FOR_MIN: u32 = 2;
const SILENT_FOR_MAX: u32 = 1_000;

/// The subject on which members announce themselves.
const SUBJECT: &str = "distcache.members";

/// Members are all who announce themselves on a subject of NATS. Each does so once a second,
/// and when another one asks who is there, as one does that has just come.
///
/// * **A list is complete** when this process has heard two announcements of its own since
///   it connected: whoever is there has announced itself in between. Its own come back
///   through the server as those of others do; if none does, nobody hears this process, and
///   the discovery fails.
/// * **A member is gone** that was silent for eight of this process's own announcements; or
///   at once when it says so, as one does that ends in order. Time in which nothing comes
///   through the server counts for nobody.
/// * **While the server is away** the discovery fails, and the cluster holds to its last
///   answer. It is tried again after 0.25 s to 4 s; who it is to be, its credentials and its
///   authority are read anew each time.
/// * **Who may publish on the subject is believed.** Let only the members do that, by the
///   permissions of their NATS users. A message that is no announcement, or one of a
///   cluster of another name, is ignored; one is 1 KiB long at most. More than 256 members,
///   or 4 MiB between two announcements, are no answer.
///
/// ```no_run
/// use distcache::{ClusterConfig, Engine};
/// use distcache_discovery::Nats;
///
/// // Where others reach this process, and so what it announces.
/// let address = "10.0.0.7:18081";
/// let members = Nats::at(["tls://nats.example.com:4222"], address)
///     .credentials_file("/etc/distcache/cache.creds")
///     .build()?;
/// let cluster = ClusterConfig::new("0.0.0.0:18081").advertise(address).discovery(members).expect(3);
/// let engine = Engine::builder().cluster(cluster).start()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Nats {
    settings: Settings,
    background: Background,
}

/// What is announced, and how.
#[derive(Clone)]
struct Settings {
    servers: Vec<ServerAddr>,
    address: String,
    cluster: String,
    subject: String,
    announce_every: Duration,
    silent_for: u32,
    account: NatsAccount,
}

impl fmt::Debug for Settings {
    /// Without files: an error names the one that is wrong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, cluster, subject, .. } = self;
        f.debug_struct("Settings")
            .field("address", address)
            .field("cluster", cluster)
            .field("subject", subject)
            .finish_non_exhaustive()
    }
}

/// The settings of a [`Nats`]. [`build`](Self::build) says what is wrong with them.
#[derive(Debug, Clone)]
#[must_use]
pub struct NatsBuilder {
    settings: Settings,
}

impl Nats {
    /// Announces `address`, `HOST:PORT`, at one of these servers: `nats://HOST:PORT`, or
    /// `tls://HOST:PORT`. Of several the first that answers is taken.
    pub fn at<S: Into<String>>(
        servers: impl IntoIterator<Item = S>,
        address: impl Into<String>,
    ) -> NatsBuilder {
        Self::by(NatsAccount::at(servers), address)
    }

    /// The same at the servers of an account, let in there as it says.
    pub fn by(account: NatsAccount, address: impl Into<String>) -> NatsBuilder {
        let settings = Settings {
            servers: Vec::new(),
            address: address.into(),
            cluster: "distcache".to_owned(),
            subject: SUBJECT.to_owned(),
            announce_every: ANNOUNCE_EVERY,
            silent_for: SILENT_FOR,
            account,
        };
        NatsBuilder { settings }
    }
}

impl NatsBuilder {
    /// The name of the cluster; announcements of others are ignored. Default `distcache`, as
    /// that of a cluster is.
    pub fn cluster(mut self, name: impl Into<String>) -> Self {
        self.settings.cluster = name.into();
        self
    }

    /// Where members announce themselves. Default `distcache.members`.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.settings.subject = subject.into();
        self
    }

    /// How often. Default 1 s; 10 ms to 10 s. All members are to have the same: the list is
    /// complete after one such time.
    pub fn announce_every(mut self, time: Duration) -> Self {
        self.settings.announce_every = time.clamp(ANNOUNCE_EVERY_MIN, ANNOUNCE_EVERY_MAX);
        self
    }

    /// For how many announcements a member may be silent until it is gone. Default 8; 2 to
    /// 1,000. Their time is to be longer than 4 s: so long a member may be about
    /// connecting again.
    pub fn silent_for(mut self, announcements: u32) -> Self {
        self.settings.silent_for = announcements.clamp(SILENT_FOR_MIN, SILENT_FOR_MAX);
        self
    }

    /// A file of credentials (a JWT and its key), as `nsc` writes them. Default: none. Of
    /// this, a password and a token the last that was said holds.
    pub fn credentials_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.settings.account = self.settings.account.credentials_file(file);
        self
    }

    /// A user, and the file that its password stands in. Default: none.
    pub fn password_file(mut self, user: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        self.settings.account = self.settings.account.password_file(user, file);
        self
    }

    /// The file that a token stands in. Default: none.
    pub fn token_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.settings.account = self.settings.account.token_file(file);
        self
    }

    /// The certificates of the authority that the server has its own from, in PEM; the
    /// server is to speak TLS then. Default: those of the system, if it speaks TLS.
    pub fn authority(mut self, file: impl Into<PathBuf>) -> Self {
        self.settings.account = self.settings.account.authority(file);
        self
    }

    /// The certificate of this process and its key, in PEM; the server is to speak TLS
    /// then. Default: none.
    pub fn certificate(mut self, chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.settings.account = self.settings.account.certificate(chain, key);
        self
    }

    /// The discovery. It connects when it is asked.
    ///
    /// # Errors
    /// [`ConfigError`] names what cannot be a server, an address or a subject.
    pub fn build(self) -> Result<Nats, ConfigError> {
        let Self { mut settings } = self;
        settings.servers = settings.account.servers()?;
        if !message::is_address(&settings.address) {
            let right = "give HOST:PORT, where others reach this process";
            return Err(ConfigError::of(&settings.address, "address of a member", right));
        }
        if !is_subject(&settings.subject) {
            let right = "give words with dots between, and no wildcard";
            return Err(ConfigError::of(&settings.subject, "subject", right));
        }
        let background = Background::new("distcache-nats", FIRST_WORD_WITHIN);
        Ok(Nats { settings, background })
    }
}

impl Discovery for Nats {
    fn addresses(&self) -> Result<Vec<String>, DiscoveryFailed> {
        let answer = self.background.ask(|| Announcing::new(self.settings.clone()));
        answer.map_err(|why| DiscoveryFailed::because(&"NATS", &why))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused_by_name_and_without_a_password() {
        let told = |built: NatsBuilder| built.build().unwrap_err().to_string();
        let one = "nats://127.0.0.1:4222";
        for wrong in ["", "127.0.0.1:4222", "http://a", "ws://a", "nats://", "nats://a:b"] {
            assert!(told(Nats::at([wrong], "a:1")).contains("server of NATS"), "{wrong}");
        }
        let secret = told(Nats::at(["nats://me:sesame@a:4222"], "a:1"));
        assert!(!secret.contains("sesame"), "{secret}");
        assert!(told(Nats::at([""; 0], "a:1")).contains("1 to 16"));
        assert!(told(Nats::at([one; 17], "a:1")).contains("1 to 16"));
        assert!(told(Nats::at([one], "a")).contains("address of a member"));
        for wrong in ["", "a.", "a..b", "a.*", "a.>", "a b", "a\r\n"] {
            assert!(told(Nats::at([one], "a:1").subject(wrong)).contains("subject"), "{wrong:?}");
        }
        assert!(Nats::at([one, "tls://[::1]:4222"], "a:1").build().is_ok());
    }

    #[test]
    fn what_is_shown_of_one_has_no_file_and_no_server() {
        let nats =
            Nats::at(["nats://a:4222"], "a:1").password_file("me", "/secret").build().unwrap();
        let shown = format!("{nats:?}");
        assert!(!shown.contains("secret") && shown.contains("distcache.members"), "{shown}");
    }
}
