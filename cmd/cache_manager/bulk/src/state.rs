//! A small file that says how far one is. It is replaced as a whole: whoever reads
//! it finds what was written last, or what was written before that.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Longer than any state: some paths and numbers.
const BYTES_MAX: u64 = 64 << 10;

/// Why a state cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// It cannot be read or written.
    #[error("{path}: {error}", path = path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is something else.
    #[error("{path}: this is not the state of such a command", path = path.display())]
    Other {
        /// Which file.
        path: PathBuf,
    },
}

/// What was written into `path`; none where there is no such file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StateError> {
    let failed = |error| StateError::Io { path: path.to_owned(), error };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failed)?,
    };
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    let state = serde_json::from_slice(&bytes);
    state.map(Some).map_err(|_of_what_it_is| StateError::Other { path: path.to_owned() })
}

/// Puts `state` in the place of what was there.
pub(crate) fn write(path: &Path, state: &impl Serialize) -> Result<(), StateError> {
    let mut bytes = serde_json::to_vec(state).expect("texts and numbers are JSON");
    bytes.push(b'\n');
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| StateError::Io { path: path.to_owned(), error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_last_is_read_and_nothing_lies_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        assert_eq!(read::<u64>(&path).unwrap(), None);
        for number in [7_u64, 8] {
            write(&path, &number).unwrap();
            assert_eq!(read(&path).unwrap(), Some(number));
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn another_file_is_no_state() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "{}").unwrap();
        let error = read::<u64>(file.path()).unwrap_err().to_string();
        assert!(error.ends_with("this is not the state of such a command"), "{error}");
    }
}
