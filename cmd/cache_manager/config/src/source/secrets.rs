//! Secrets, and other files that a source needs.

use std::path::Path;

use distcache::codes;

use crate::fault::Fault;
use crate::file::read_within;
use crate::origin::Origin;
use crate::recipe::unreadable;
use crate::secret::Secret;
use crate::setting::SourceKind;
use crate::tables::View;

/// The longest secret: a token of a cloud has a few KiB.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// The longest file of certificates: all that a system trusts have 250 KiB.
const CERTIFICATES_BYTES_MAX: u64 = 4 << 20;

/// A secret: itself (where it may be given so), the content of `NAME_file`, or that
/// of the variable that `NAME_env` names.
pub(crate) fn secret(view: View<'_>, name: &str) -> Result<Option<Secret>, Fault> {
    let (file, variable) = (format!("{name}_file"), format!("{name}_env"));
    if let Some(path) = view.path(&file) {
        return in_a_file(&path, &view.origin(&file), &file).map(Some);
    }
    if let Some(variable_name) = view.text(&variable) {
        let origin = view.origin(&variable);
        let value = std::env::var(&variable_name).map_err(|_missing_or_odd| {
            unreadable(&origin, &variable, "there is no such variable of UTF-8")
        })?;
        return not_empty(&value, &origin, &variable).map(Some);
    }
    Ok(if view.has(name) { view.secret(name) } else { None })
}

fn in_a_file(path: &Path, origin: &Origin, name: &str) -> Result<Secret, Fault> {
    let bytes =
        read_within(path, SECRET_BYTES_MAX).map_err(|what| unreadable(origin, name, &what))?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_not_shown| unreadable(origin, name, "it is not UTF-8"))?;
    // Editors end a file with a line break.
    let text = text.strip_suffix('\n').unwrap_or(text);
    not_empty(text.strip_suffix('\r').unwrap_or(text), origin, name)
}

fn not_empty(text: &str, origin: &Origin, name: &str) -> Result<Secret, Fault> {
    if text.is_empty() {
        return Err(unreadable(origin, name, "it is empty"));
    }
    Ok(Secret::new(text))
}

pub(super) fn tls_roots(view: View<'_>) -> Result<Option<Vec<u8>>, Fault> {
    let name = "tls_roots_file";
    let Some(path) = view.path(name) else { return Ok(None) };
    let bytes = read_within(&path, CERTIFICATES_BYTES_MAX);
    bytes.map(Some).map_err(|what| unreadable(&view.origin(name), name, &what))
}

/// Sees whether the file or directory that holds the values is there.
pub(super) fn look_for_files(view: View<'_>, kind: SourceKind) -> Result<(), Fault> {
    let name = match kind {
        SourceKind::Sqlite => "file",
        SourceKind::File => "directory",
        SourceKind::Postgres | SourceKind::Http => return Ok(()),
    };
    let Some(path) = view.path(name) else { return Ok(()) };
    // SQLite's own addresses are for SQLite to read.
    if path.as_os_str().as_encoded_bytes().starts_with(b"file:") {
        return Ok(());
    }
    let looked = match kind {
        SourceKind::Sqlite => regular(&path),
        SourceKind::Postgres | SourceKind::Http | SourceKind::File => {
            std::fs::read_dir(&path).map(drop).map_err(|error| error.to_string())
        }
    };
    looked.map_err(|what| {
        let what = format!("{name} cannot be read: {what}");
        let code = codes::NAMED_FILE_UNREADABLE;
        Fault::new(&view.origin(name), code, what, code.remedy())
    })
}

fn regular(path: &Path) -> Result<(), String> {
    let about = path.metadata().map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is no regular file".to_owned());
    }
    std::fs::File::open(path).map(drop).map_err(|error| error.to_string())
}
