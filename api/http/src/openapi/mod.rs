//! `/openapi.json`: what may be asked and what is answered, as `OpenAPI` 3.1.
//!
//! The document is a file, `api/openapi.json`. Beside the table of paths, what it
//! says stands in the modules below, which are compiled for tests only: one test
//! holds the file to them, and `tests/doors/openapi` holds the doors to the file.
#![cfg_attr(
    test,
    expect(
        clippy::needless_pass_by_value,
        reason = "`json!` only looks at what it is given, and who gives it has no more use for it"
    )
)]

/// The document, as it is served.
pub const OPENAPI: &str = include_str!("../../../openapi.json");

#[cfg(test)]
mod answers;
#[cfg(test)]
mod document;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod parameters;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod spec;
