//! The directory that the files go into. Each appears as a whole or not at all.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::CertsError;

/// A file to be written.
pub(crate) struct NewFile {
    name: String,
    text: String,
    is_secret: bool,
}

impl NewFile {
    /// One that everybody may read.
    pub(crate) fn open(name: String, text: String) -> Self {
        Self { name, text, is_secret: false }
    }

    /// One that its owner alone may read.
    pub(crate) fn secret(name: String, text: String) -> Self {
        Self { name, text, is_secret: true }
    }
}

/// Refuses files that have one name, and those that are there unless they may be
/// replaced.
pub(crate) fn check(directory: &Path, names: &[String], replaces: bool) -> Result<(), CertsError> {
    let mut seen = BTreeSet::new();
    if let Some(name) = names.iter().find(|name| !seen.insert(*name)) {
        return Err(CertsError::Twice { path: directory.join(name) });
    }
    let paths = names.iter().map(|name| directory.join(name));
    // A link that leads nowhere is there, too.
    let paths: Vec<_> = paths.filter(|path| path.symlink_metadata().is_ok()).collect();
    if !replaces && !paths.is_empty() {
        return Err(CertsError::Exists { paths });
    }
    Ok(())
}

/// Writes all of them, and says where they are.
pub(crate) fn write(
    directory: &Path,
    files: &[NewFile],
    replaces: bool,
) -> Result<Vec<PathBuf>, CertsError> {
    let unwritten = |path: &Path, source| CertsError::Unwritten { path: path.to_owned(), source };
    fs::create_dir_all(directory).map_err(|error| unwritten(directory, error))?;
    let written = files.iter().map(|file| {
        let path = directory.join(&file.name);
        write_one(directory, &path, file, replaces).map_err(|error| unwritten(&path, error))?;
        Ok(path)
    });
    written.collect()
}

/// Written beside and moved into place: nobody reads half a key, and one that is
/// replaced leaves nothing of its permissions behind.
fn write_one(directory: &Path, path: &Path, file: &NewFile, replaces: bool) -> io::Result<()> {
    let mut builder = tempfile::Builder::new();
    if let Some(permissions) = permissions(file.is_secret) {
        builder.permissions(permissions);
    }
    let mut beside = builder.tempfile_in(directory)?;
    beside.write_all(file.text.as_bytes())?;
    beside.as_file().sync_all()?;
    if replaces {
        beside.persist(path)?
    } else {
        beside.persist_noclobber(path)?
    };
    Ok(())
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have no such permissions")]
fn permissions(is_secret: bool) -> Option<Permissions> {
    use std::os::unix::fs::PermissionsExt;
    Some(Permissions::from_mode(if is_secret { 0o600 } else { 0o644 }))
}

#[cfg(not(unix))]
fn permissions(_: bool) -> Option<Permissions> {
    None
}
