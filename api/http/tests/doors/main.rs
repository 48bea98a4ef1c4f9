//! The doors, tested through sockets.

#[cfg(feature = "hyper")]
mod announced;
mod at_once;
mod defence;
#[cfg(feature = "hyper")]
mod direct;
mod entries;
#[cfg(feature = "hyper")]
mod hostile;
mod life;
mod observe;
mod openapi;
#[cfg(feature = "otel")]
mod otel;
#[cfg(feature = "hyper")]
mod overload;
mod routes;
mod seeds;
mod streams;
mod support;
mod tiny;
#[cfg(feature = "hyper")]
mod tls;
mod v1;
