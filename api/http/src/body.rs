//! Bodies of JSON, read into what a request takes.

use distcache::codes;
use serde::Deserialize;
use serde_json::error::Category;

use crate::Problem;

/// Reads a body that has the shape of `like`.
///
/// # Errors
///
/// 400, and where the body is of another shape. What stands there is not
/// repeated: it may be a value.
pub(crate) fn read<'a, T: Deserialize<'a>>(body: &'a [u8], like: &str) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let what = match error.classify() {
            Category::Eof => "the body ends too early",
            Category::Syntax | Category::Io => "this is no JSON",
            Category::Data => "this is not what stands there",
        };
        let (line, column) = (error.line(), error.column());
        let detail = format!("line {line}, column {column}: {what}; the body is {like}");
        Problem::new(400, codes::BODY_INVALID).detail(detail)
    })
}
