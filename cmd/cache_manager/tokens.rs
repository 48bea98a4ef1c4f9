//! The files that hold the clients' tokens.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use distcache::codes;
use distcache_http::{Access, Right};

use crate::failure::{Failure, with_causes};

/// Longer than any list of tokens that is of use.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Who is let in, as two files say: a token a line; empty lines, and those that
/// begin with `#`, are no tokens.
pub(crate) fn access(writers: Option<&Path>, readers: Option<&Path>) -> Result<Access, Failure> {
    let mut tokens = Vec::new();
    for (path, right) in [(writers, Right::Write), (readers, Right::Read)] {
        let Some(path) = path else { continue };
        let found = read(path).map_err(|error| refused(path, error))?;
        if found.is_empty() {
            return Err(refused(path, "there is no token in it"));
        }
        let of_file = Access::default();
        let found = found.into_iter().map(|token| (token, right)).collect::<Vec<_>>();
        of_file.replace(found.clone()).map_err(|error| refused(path, with_causes(&error)))?;
        tokens.extend(found);
    }
    let access = Access::default();
    access.replace(tokens).map_err(|error| Failure::to_start(codes::TOKEN_FILE_INVALID, error))?;
    Ok(access)
}

fn read(path: &Path) -> std::io::Result<Vec<String>> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if FILE_BYTES_MAX < text.len() as u64 {
        return Err(std::io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    let lines = text.lines().map(str::trim);
    Ok(lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect())
}

/// Names the file, and never what is in it.
fn refused(path: &Path, why: impl std::fmt::Display) -> Failure {
    let what = format!("{}: {why}", path.display());
    Failure::to_start(codes::TOKEN_FILE_INVALID, what)
}
