//! Where other members might be.
//!
//! What is listed is the electorate: a majority of it is needed to found a cluster, and
//! to serve. Processes that are listed nowhere, or each by itself only, may found several
//! clusters, which merge when somebody lists members of both.

use std::fmt;

mod fixed;
pub use fixed::{Standalone, Static};

mod dns;
pub use dns::Dns;

mod srv;
pub use srv::Srv;

mod follow;
pub use follow::{Pace, follow};

/// Tells at which addresses members might be, this process's own included.
///
/// It is asked again and again, one call at a time, on a thread where it may block.
/// Implementers SHOULD answer within [`Pace::deadline`]; what comes later is not used.
///
/// ```
/// use distcache_cluster::{Discovery, DiscoveryFailed};
///
/// /// One address a line, in a file that somebody keeps up to date.
/// #[derive(Debug)]
/// struct Lines(std::path::PathBuf);
///
/// impl Discovery for Lines {
///     fn addresses(&self) -> Result<Vec<String>, DiscoveryFailed> {
///         let text = std::fs::read_to_string(&self.0)
///             .map_err(|error| DiscoveryFailed::because(&self.0.display(), &error))?;
///         Ok(text.lines().map(str::to_owned).collect())
///     }
/// }
///
/// let failed = Lines("nowhere".into()).addresses().unwrap_err().to_string();
/// assert!(failed.starts_with("nowhere did not say where members are: "));
/// ```
pub trait Discovery: fmt::Debug + Send + Sync + 'static {
    /// All of them, `host:port` each.
    ///
    /// # Errors
    /// [`DiscoveryFailed`] if it cannot tell. What it told last holds until it can.
    fn addresses(&self) -> Result<Vec<String>, DiscoveryFailed>;
}

/// A discovery that cannot tell now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{of} did not say where members are: {why}")]
pub struct DiscoveryFailed {
    of: String,
    why: String,
}

impl DiscoveryFailed {
    /// Of what was asked, and why it could not tell.
    pub fn because(of: &dyn fmt::Display, why: &dyn fmt::Display) -> Self {
        Self { of: of.to_string(), why: why.to_string() }
    }
}
