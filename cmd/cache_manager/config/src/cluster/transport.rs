//! How the nodes reach each other: over TCP, or over NATS.

use distcache::codes;

use crate::config::{Config, conflict};
use crate::fault::Fault;
use crate::setting::Section;
use crate::table;

impl Config {
    /// Whether they do over NATS.
    pub(crate) fn is_over_nats(&self) -> bool {
        let transport = self.common(Section::Cluster).list("transport");
        transport.is_some_and(|given| given != [table::TCP])
    }

    /// What is said of it goes together, and is no more open than others may know.
    pub(crate) fn is_carried(&self) -> Result<(), Fault> {
        if !self.is_over_nats() {
            return Ok(());
        }
        let view = self.common(Section::Cluster);
        if self.has_proofs() {
            let origin = self.common(Section::Server).origin("tls_ca");
            let what = "tls_ca is about nodes that reach each other over TCP".to_owned();
            let right = "leave it out, and speak TLS with the servers of NATS";
            return Err(conflict(&origin, what, right));
        }
        if !self.is_guarded()? && !self.is_insecure() {
            let what = "a server of NATS is on another machine, and is not spoken to over TLS by \
                        one that proves who it is";
            let right = "give tls:// servers (or nats_ca) and nats_credentials, nats_token_file, \
                         nats_user or nats_cert; or say --insecure";
            let origin = view.origin("transport");
            return Err(Fault::new(&origin, codes::CLUSTER_REFUSED, what.to_owned(), right));
        }
        Ok(())
    }

    #[cfg(feature = "nats")]
    fn is_guarded(&self) -> Result<bool, Fault> {
        self.wire().map(|nats| nats.is_guarded())
    }

    #[cfg(not(feature = "nats"))]
    fn is_guarded(&self) -> Result<bool, Fault> {
        Err(self.without("transport", "nats", "reach nodes over tcp"))
    }

    /// The wire over NATS.
    #[cfg(feature = "nats")]
    pub(crate) fn wire(&self) -> Result<distcache::Nats, Fault> {
        let view = self.common(Section::Cluster);
        let wrong = |name: &str, error: &distcache::NatsError, right: &str| {
            let origin = view.origin(name);
            Fault::new(&origin, codes::SETTING_INVALID, error.to_string(), right)
        };
        let account = self.nats_account(view.list("transport").unwrap_or_default());
        let nats = distcache::Nats::by(account)
            .map_err(|error| wrong("transport", &error, "give that, or tcp"))?;
        nats.prefix(view.fixed_text("nats_prefix"))
            .map_err(|error| wrong("nats_prefix", &error, "mend what it names"))
    }
}
