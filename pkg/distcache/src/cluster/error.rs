//! Why an engine does not become a member.

use std::io;

use distcache_cluster::NotStarted;
use distcache_cluster::wire::interface::NoAddress;
use distcache_cluster::wire::{ListenFailed, NotAnAddress};
use distcache_manager::codes::{self, Code};

/// An engine cannot become a member by its settings. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// An address is none.
    #[error(transparent)]
    NotAnAddress(#[from] NotAnAddress),
    /// Nobody would reach the engine where it says.
    #[error(
        "{address} is where the engine listens, and nowhere where others could reach it: say so \
         by ClusterConfig::advertise"
    )]
    NotReachable {
        /// Where it listens.
        address: String,
    },
    /// The interface that was named has no one address.
    #[error(transparent)]
    NoAddress(#[from] NoAddress),
    /// Others could read and change everything.
    #[error(
        "{address} is no loopback address, and the members have no TLS: give them some, or say \
         ClusterConfig::insecure"
    )]
    Insecure {
        /// Where it listens.
        address: String,
    },
    /// The same, by way of a NATS server.
    #[error(
        "a server of NATS is elsewhere than on this machine, and is not spoken to over TLS by one \
         that proves who it is: use tls:// and credentials, a password, a token or a certificate, \
         or say ClusterConfig::insecure"
    )]
    InsecureNats,
    /// TLS between members is spoken over TCP only.
    #[error(
        "members that speak over NATS have no TLS of their own: leave ClusterConfig::tls out, and \
         speak TLS with the server"
    )]
    TlsOverNats,
    /// The cluster's tasks cannot run on the runtime that was given.
    #[error(
        "the runtime of ClusterConfig::runtime {why}: give it one of several threads \
         (tokio::runtime::Builder::new_multi_thread) with enable_all, that lives as long as the \
         engine"
    )]
    RuntimeUnfit {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Its address cannot be used.
    #[error(transparent)]
    Listen(#[from] ListenFailed),
    /// How it is to agree with others does not go together, or its cache is closed.
    #[error(transparent)]
    NotStarted(#[from] NotStarted),
    /// The system gives it no threads, or no random numbers.
    #[error("the system does not give what a member needs: {0}")]
    System(#[from] io::Error),
}

impl ClusterError {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::NotStarted(NotStarted::Cache(error)) => error.code(),
            Self::System(_) => codes::SPAWN_FAILED,
            _ => codes::CLUSTER_REFUSED,
        }
    }
}
