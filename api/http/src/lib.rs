//! Routes and handlers over HTTP, and the doors that serve them.
//!
//! A handler is a function from a [`Request`] to a [`Response`] and knows no
//! server. What one request passes, in order:
//!
//! ```text
//! socket -> guard -> door (hyper | `tiny_http`) -> Service -> Routes -> Engine
//!           framing  limits, timeouts, panics               origin, token, query
//! ```
//!
//! - [`doors`] own the sockets, the threads and the timeouts. [`doors::open`]
//!   starts one; what it serves is any [`Service`].
//! - [`guard`] checks the bytes of a connection before hyper sees them.
//! - [`Routes`] are the paths of the cache, [`OriginPolicy`] keeps web pages of
//!   other sites out, [`Access`] knows the tokens, [`Readiness`] is what `/readyz`
//!   says. [`History`] is what `/v1/status` tells of the last hour, [`DoorWatch`]
//!   what `/v1/limits` does of a door's bounds.
//! - [`Front`] is what a service without an engine needs of these, and [`Aim`] what it
//!   can tell of a request: the load balancer is one.
//! - [`Serve`] is all of that in one call, for a program that has its engine within it:
//!   `Engine::builder().serve("127.0.0.1:8080")`.
//! - [`Problem`] is every error a client sees: RFC 9457, with a stable code of
//!   [`distcache::codes`].
#![forbid(unsafe_code)]

mod limits;
pub use limits::{LimitError, Limits, largest_value};

mod request;
pub use request::{HeaderName, Headers, Method, Request};

#[cfg(feature = "cluster")]
mod cluster;
#[cfg(not(feature = "cluster"))]
#[path = "cluster/absent.rs"]
mod cluster;

mod chunks;
pub use chunks::{Body, Chunks};

mod response;
pub use response::Response;

mod problem;
pub use problem::Problem;

mod service;
pub use service::Service;

mod accept;
mod body;
mod escapes;
mod etag;
mod events;
mod list;
mod object;
mod octets;
mod openapi;
mod pairs;
mod query;
mod segments;

mod access;
pub use access::{
    Access, Exposed, Right, TOKEN_BYTES_MAX, TOKEN_BYTES_MIN, TOKENS_MAX, TokenError,
};

mod origin;
pub use origin::OriginPolicy;

mod readiness;
pub use readiness::Readiness;

mod observe;
pub use observe::{DoorWatch, Family, History, Labels};

pub use openapi::OPENAPI;

#[cfg(feature = "otel")]
mod otel;
#[cfg(feature = "otel")]
pub use otel::Tracing;

mod routes;
pub use routes::{
    AT_ONCE_HEADER, Aim, AimedKey, MEMBER_HEADER, OWNER_HEADER, Operation, ROOT_KEYSPACE, ROUTES,
    Route, Routes,
};

mod front;
pub use front::Front;

pub mod guard;

pub mod doors;

mod serve;
pub use serve::{DoorConfig, EndError, Serve, ServeError, Served};

/// The page for those who come from another cache: its code is run as a test here, where
/// there are both engines and doors, and is no part of the crate.
#[cfg(all(doctest, feature = "cluster"))]
#[doc = include_str!("../../../pkg/distcache/COMING_FROM.md")]
struct ComingFrom;
