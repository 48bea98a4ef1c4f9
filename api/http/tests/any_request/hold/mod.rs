//! What holds for one request, whatever it is: for the tests here, which make many
//! of them, and for the fuzz targets (`test/fuzz`), which look for those that reach
//! other code.
//!
//! For every answer (see [`Server::ask`]): it is none of a server that failed, an
//! error is a problem with a code that is known, and what was refused has changed
//! nothing.

pub(crate) mod body;
pub(crate) mod headers;
pub(crate) mod path;
pub(crate) mod query;
mod reading;
mod server;

pub(crate) use server::Server;
