//! Routes and handlers over HTTP, and the doors that serve them.
//!
//! A handler is a function from a [`Request`] to a [`Response`] and knows no
//! server. What one request passes, in order:
//!
//! ```text
//! socket -> guard -> door (hyper | `tiny_http`) -> Service -> Routes -> CacheManager
//!           framing  limits, timeouts, panics               origin, query, JSON
//! ```
//!
//! - [`doors`] own the sockets, the threads and the timeouts. [`doors::open`]
//!   starts one; what it serves is any [`Service`].
//! - [`guard`] checks the bytes of a connection before hyper sees them.
//! - [`Routes`] are the paths of the cache, [`OriginPolicy`] keeps web pages of
//!   other sites out, [`Readiness`] is what `/readyz` says.
//! - [`Problem`] is every error a client sees: RFC 9457, with a stable code of
//!   [`distcache_manager::codes`].
#![forbid(unsafe_code)]

mod limits;
pub use limits::{LimitError, Limits};

mod request;
pub use request::{HeaderName, Headers, Method, Request};

mod response;
pub use response::Response;

mod problem;
pub use problem::Problem;

mod service;
pub use service::Service;

mod accept;
mod query;

mod origin;
pub use origin::OriginPolicy;

mod readiness;
pub use readiness::Readiness;

mod routes;
pub use routes::Routes;

pub mod guard;

pub mod doors;
