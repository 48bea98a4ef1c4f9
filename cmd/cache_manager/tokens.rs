//! The files that hold the clients' tokens.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use distcache::codes;
use distcache_config::Config;
use distcache_http::{Access, Right};

use crate::failure::{Failure, with_causes};

/// Longer than any list of tokens that is of use.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Tokens, and what each allows.
pub(crate) type Tokens = Vec<(String, Right)>;

/// Who is let in, as two files say: a token a line; empty lines, and those that
/// begin with `#`, are no tokens.
pub(crate) fn read(config: &Config) -> Result<Tokens, Failure> {
    let mut tokens = Vec::new();
    let files = [(config.token_file(), Right::Write), (config.read_token_file(), Right::Read)];
    for (path, right) in files {
        let Some(path) = path else { continue };
        let found = lines(&path).map_err(|error| refused(&path, error))?;
        if found.is_empty() {
            return Err(refused(&path, "there is no token in it"));
        }
        let found: Tokens = found.into_iter().map(|token| (token, right)).collect();
        // Tried out, so that what is wrong is told with the file that it is in.
        let of_file = Access::default().replace(found.clone());
        of_file.map_err(|error| refused(&path, with_causes(&error)))?;
        tokens.extend(found);
    }
    let all = Access::default().replace(tokens.clone());
    all.map_err(|error| Failure::to_start(codes::TOKEN_FILE_INVALID, error))?;
    Ok(tokens)
}

/// The token by which we ask a server that has this file.
pub(crate) fn first(path: &Path) -> Result<String, Failure> {
    let found = lines(path).map_err(|error| refused(path, error))?;
    found.into_iter().next().ok_or_else(|| refused(path, "there is no token in it"))
}

fn lines(path: &Path) -> std::io::Result<Vec<String>> {
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
