//! The endpoints of a service, as the Kubernetes API tells them.

use std::time::Duration;

use distcache::{Discovery, DiscoveryFailed};

use crate::background::{Background, FIRST_WORD_WITHIN};
use distcache_cluster::ConfigError;

mod api;
mod lines;
mod names;
mod slices;
mod watching;

use slices::Told;
use watching::Watching;

/// So long a watch lasts, and then another begins where it was: one that was cut without
/// a word is noticed by that.
const WATCH_FOR: Duration = Duration::from_secs(30);
const WATCH_FOR_MIN: Duration = Duration::from_secs(1);
const WATCH_FOR_MAX: Duration = Duration::from_mins(10);

/// Members are the endpoints of a service, at its port of a name: what its `EndpointSlice`s
/// say, listed once and then watched.
///
/// * **Every endpoint is a member**, also one that is not ready, and one that is
///   terminating. A pod gets ready by being in a cluster: if only those that are ready were
///   listed, pods that start together would never meet. And a pod that terminates still
///   serves what is its own. The service is to say `publishNotReadyAddresses: true`, so that
///   its names are resolved as early.
/// * **An endpoint is the first address of its pod**, of IPv4 if the service has slices of
///   both families. That is what a member is to advertise:
///   `$(POD_IP):PORT`. With [`by_name`](KubernetesBuilder::by_name) it is a name instead.
/// * What is told is as old as a watch at most (30 s) if the API server falls silent; while
///   it cannot be reached, the discovery fails, and the cluster holds to the last answer.
/// * It is asked as the pod's service account, or as `KUBECONFIG` says where there is one;
///   that account may `list` and `watch` `endpointslices` of `discovery.k8s.io`, and need
///   nothing else. Its token and its authority are read again for each connection.
///
/// ```
/// use distcache_discovery::Kubernetes;
///
/// let members = Kubernetes::service("cache", "links").namespace("shop").build()?;
/// assert!(Kubernetes::service("the cache", "links").build().is_err());
/// # Ok::<(), distcache_discovery::ConfigError>(())
/// ```
#[derive(Debug)]
pub struct Kubernetes {
    wanted: Wanted,
    background: Background,
}

/// What is asked for.
#[derive(Debug, Clone)]
struct Wanted {
    /// Labels that a slice has.
    selector: String,
    port: String,
    /// `None`: that of the pod.
    namespace: Option<String>,
    /// `None`: that of the pod, or of `KUBECONFIG`.
    server: Option<String>,
    told: Told,
    watch_for: Duration,
}

/// The settings of a [`Kubernetes`]. [`build`](Self::build) says what is wrong with them.
#[derive(Debug, Clone)]
#[must_use]
pub struct KubernetesBuilder {
    service: Option<String>,
    wanted: Wanted,
}

impl Kubernetes {
    /// The endpoints of a service, at its port of this name.
    pub fn service(name: impl Into<String>, port: impl Into<String>) -> KubernetesBuilder {
        let name = name.into();
        let selector = format!("kubernetes.io/service-name={name}");
        KubernetesBuilder::new(Some(name), selector, port.into())
    }

    /// The endpoints of all `EndpointSlice`s that a label selector such as `app=cache`
    /// matches, at the port of this name. A service's labels are those of its slices. Every
    /// slice that it matches is to have that port.
    pub fn labelled(selector: impl Into<String>, port: impl Into<String>) -> KubernetesBuilder {
        KubernetesBuilder::new(None, selector.into(), port.into())
    }
}

impl KubernetesBuilder {
    fn new(service: Option<String>, selector: String, port: String) -> Self {
        let (namespace, server, told) = (None, None, Told::Addresses);
        let wanted = Wanted { selector, port, namespace, server, told, watch_for: WATCH_FOR };
        Self { service, wanted }
    }

    /// Where the service is. Default: where the pod is, or the context of `KUBECONFIG`.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.wanted.namespace = Some(namespace.into());
        self
    }

    /// Lists `POD.SERVICE.NAMESPACE.svc` instead of addresses, for pods of a `StatefulSet`
    /// whose `serviceName` is the service: what a certificate can be for, and what such a
    /// member is to advertise. An endpoint without a host name fails the answer.
    pub fn by_name(mut self) -> Self {
        self.wanted.told = Told::Names(String::new());
        self
    }

    /// Asks this API server, without a token: `http://127.0.0.1:8001` of `kubectl proxy`.
    /// Default: that of the pod's environment, or of `KUBECONFIG`.
    pub fn server(mut self, url: impl Into<String>) -> Self {
        self.wanted.server = Some(url.into());
        self
    }

    /// How long one watch lasts, and so how old an answer can be when the API server
    /// falls silent. Default 30 s; 1 s to 10 min.
    pub fn watch_for(mut self, time: Duration) -> Self {
        self.wanted.watch_for = time.clamp(WATCH_FOR_MIN, WATCH_FOR_MAX);
        self
    }

    /// The discovery. It connects when it is asked.
    ///
    /// # Errors
    /// [`ConfigError`] names what cannot be a name, a selector or an address.
    pub fn build(self) -> Result<Kubernetes, ConfigError> {
        let Self { service, mut wanted } = self;
        match &service {
            Some(name) => names::label(name, "name of a service")?,
            None => names::selector(&wanted.selector)?,
        }
        names::port(&wanted.port)?;
        if let Some(namespace) = &wanted.namespace {
            names::label(namespace, "namespace")?;
        }
        if let Some(server) = &wanted.server {
            names::server(server)?;
        }
        if let Told::Names(of) = &mut wanted.told {
            let right = "names are those of the pods of a service";
            *of = service.ok_or_else(|| ConfigError::of(&wanted.selector, "service", right))?;
        }
        let background = Background::new("distcache-kubernetes", FIRST_WORD_WITHIN);
        Ok(Kubernetes { wanted, background })
    }
}

impl Discovery for Kubernetes {
    fn addresses(&self) -> Result<Vec<String>, DiscoveryFailed> {
        let answer = self.background.ask(|| Watching::new(self.wanted.clone()));
        answer.map_err(|why| DiscoveryFailed::because(&"the Kubernetes API", &why))
    }
}
