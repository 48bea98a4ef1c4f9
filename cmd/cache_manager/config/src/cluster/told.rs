//! Where Kubernetes or NATS tells who the other nodes are.

use std::net::SocketAddr;

use distcache::codes;
#[cfg(feature = "kubernetes")]
use distcache_discovery::Kubernetes;
#[cfg(feature = "nats")]
use distcache_discovery::Nats;

use crate::config::{Config, conflict};
use crate::fault::Fault;
use crate::setting::Section;
use crate::table;
use crate::tables::default_of;

use super::Others;

/// Who tells.
#[derive(Debug)]
pub(crate) enum Teller {
    #[cfg(feature = "kubernetes")]
    Kubernetes(Kubernetes),
    #[cfg(feature = "nats")]
    Nats(Nats),
}

/// A setting, and what it is a part of: it means nothing without that.
pub(super) const PARTS: [(&str, &str); 12] = [
    ("kubernetes_namespace", "kubernetes"),
    ("kubernetes_names", "kubernetes"),
    ("nats_subject", "nats"),
    ("nats_prefix", "transport"),
    ("nats_credentials", "nats"),
    ("nats_token_file", "nats"),
    ("nats_user", "nats"),
    ("nats_password_file", "nats_user"),
    ("nats_user", "nats_password_file"),
    ("nats_ca", "nats"),
    ("nats_cert", "nats_key"),
    ("nats_key", "nats_cert"),
];

impl Config {
    /// What is said of who tells has what it needs, and is about somebody.
    pub(crate) fn is_told_whole(&self) -> Result<(), Fault> {
        let view = self.common(Section::Cluster);
        // What is printed names every default, and is a configuration like any other.
        let says_something = |name: &str| {
            let setting = table::find(Section::Cluster, name);
            view.is_given(name) && view.value(name) != setting.and_then(default_of)
        };
        for (part, whole) in PARTS {
            let is_there = match (part, whole) {
                ("nats_prefix", _) => self.is_over_nats(),
                ("nats_subject", _) => view.is_given(whole),
                // Who this node is to NATS, it is in both.
                (_, "nats") => view.is_given(whole) || self.is_over_nats(),
                _ => view.is_given(whole),
            };
            if says_something(part) && !is_there {
                let what = format!("{part} is given, and {whole} is not");
                let right = format!("give {whole} too, or leave this out");
                return Err(conflict(&view.origin(part), what, &right));
            }
        }
        // 1. Five pods start, and the first has its address before the others.
        // 2. It is told of itself alone: a majority of one.
        // 3. So is the second, by a list that does not have the first yet.
        let told = super::TELLERS.into_iter().find(|name| view.is_given(name));
        if let (Some(told), false) = (told, view.is_given("expect")) {
            let what = format!("{told} tells of more and more nodes while they start");
            let right = "say by expect (--expect) how many there are to be";
            return Err(conflict(&view.origin(told), what, right));
        }
        Ok(())
    }

    /// Who tells of the other nodes, of a server that listens for them there; nobody if
    /// the settings themselves do.
    pub(crate) fn teller(&self, listen: SocketAddr) -> Result<Option<Teller>, Fault> {
        if self.others()? != Others::Told {
            return Ok(None);
        }
        if self.common(Section::Cluster).is_given("kubernetes") {
            return self.kubernetes().map(Some);
        }
        self.nats(listen).map(Some)
    }

    #[cfg(feature = "kubernetes")]
    fn kubernetes(&self) -> Result<Teller, Fault> {
        let view = self.common(Section::Cluster);
        let text = view.fixed_text("kubernetes");
        let Some((whom, port)) = text.rsplit_once(':') else {
            let what = format!("{text:?} is no service with a port");
            return Err(self.mistold("kubernetes", &what, "give SERVICE:PORT_NAME"));
        };
        let is_selector = whom.contains('=');
        let of = if is_selector { Kubernetes::labelled } else { Kubernetes::service };
        let mut endpoints = of(whom.to_owned(), port.to_owned());
        if let Some(namespace) = view.text("kubernetes_namespace") {
            endpoints = endpoints.namespace(namespace);
        }
        if view.switch("kubernetes_names") == Some(true) {
            endpoints = endpoints.by_name();
        }
        let endpoints = endpoints.build();
        endpoints.map(Teller::Kubernetes).map_err(|error| {
            self.mistold("kubernetes", &error.to_string(), "give SERVICE:PORT_NAME")
        })
    }

    #[cfg(not(feature = "kubernetes"))]
    fn kubernetes(&self) -> Result<Teller, Fault> {
        Err(self.without("kubernetes", "kubernetes", "say otherwise where nodes are"))
    }

    #[cfg(feature = "nats")]
    fn nats(&self, listen: SocketAddr) -> Result<Teller, Fault> {
        let view = self.common(Section::Cluster);
        let address = self.advertised(listen)?.map_or(listen.to_string(), |at| at.to_string());
        let servers = view.list("nats").unwrap_or_default();
        let announced = Nats::by(self.nats_account(servers), address)
            .cluster(view.fixed_text("name"))
            .subject(view.fixed_text("nats_subject"));
        announced
            .build()
            .map(Teller::Nats)
            .map_err(|error| self.mistold("nats", &error.to_string(), "mend what it names"))
    }

    #[cfg(not(feature = "nats"))]
    fn nats(&self, _: SocketAddr) -> Result<Teller, Fault> {
        Err(self.without("nats", "nats", "say otherwise where nodes are"))
    }

    #[cfg(any(feature = "kubernetes", feature = "nats"))]
    fn mistold(&self, name: &str, what: &str, right: &str) -> Fault {
        let origin = self.common(Section::Cluster).origin(name);
        Fault::new(&origin, codes::SETTING_INVALID, what, right)
    }

    /// This program cannot do what `name` says: it has not that feature.
    #[cfg(not(all(feature = "kubernetes", feature = "nats")))]
    pub(super) fn without(&self, name: &str, feature: &str, or: &str) -> Fault {
        let origin = self.common(Section::Cluster).origin(name);
        let what = format!("this program was built without the feature `{feature}`");
        let right = format!("build it with `--features {feature}`, or {or}");
        Fault::new(&origin, codes::DISCOVERY_NOT_BUILT, what, right)
    }
}
