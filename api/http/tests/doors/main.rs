//! The doors, tested through sockets.

mod defence;
mod entries;
#[cfg(feature = "hyper")]
mod hostile;
mod life;
#[cfg(feature = "hyper")]
mod overload;
mod routes;
mod support;
mod tiny;
mod v1;
