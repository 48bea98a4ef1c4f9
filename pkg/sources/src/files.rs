//! Values in the files of a directory.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use distcache::{Answer, Cancelled, Context, DataSource, SourceError};

/// Bytes of one file, unless [`Files::bytes_max`] says otherwise.
const BYTES_MAX: u64 = 64 << 20;

/// How often a file is read that changes while it is read.
const READS_MAX: u32 = 3;

/// The files of a directory as a source of values: the key is a file's path in it.
///
/// | key | what is found |
/// |---|---|
/// | `greeting` | the bytes of the file `greeting` |
/// | `de/greeting` | those of `greeting` in the directory `de` |
/// | that of a directory, a pipe, a socket | nothing |
/// | `../greeting`, `/greeting`, `de//greeting`, `./greeting`, with a NUL | nothing: such a key names no file |
///
/// No key leads out of the directory; a symbolic link that does is an error. Keys
/// differ where their bytes do, so on a file system that ignores case two keys may
/// find one file. Change a file by renaming another one to its name: one that
/// is written in place may be read half written, though not if its length or its
/// time changes meanwhile.
///
/// ```
/// use distcache::{Answer, Context, DataSource};
/// use distcache_sources::Files;
///
/// # let folder = tempfile::tempdir()?;
/// # std::fs::write(folder.path().join("hello.txt"), "Good morning")?;
/// let source = Files::new(folder.path()).suffix(".txt");
/// let context = Context::within(std::time::Duration::from_secs(1));
/// assert_eq!(source.fetch(b"hello", &context)?, Answer::from("Good morning"));
/// assert_eq!(source.fetch(b"../hello", &context)?, Answer::NotFound);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Files {
    directory: PathBuf,
    suffix: String,
    bytes_max: u64,
}

/// Why a file could not be read. It shows neither key nor path: both may be what
/// nobody is to read in a log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The directory itself cannot be read.
    #[error("the directory {directory:?} cannot be read")]
    Directory {
        /// The directory, as it was given.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is there and cannot be read.
    #[error("the file cannot be read")]
    File(#[source] io::Error),
    /// A symbolic link leads out of the directory.
    #[error("a symbolic link leads out of the directory")]
    Outside,
    /// The file is too large; raise [`Files::bytes_max`] or make it smaller.
    #[error("the file has {bytes} bytes, and at most {max} are allowed")]
    TooLarge {
        /// Its length, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        max: u64,
    },
    /// The file was written again and again while it was read.
    #[error("the file changed while it was read, {READS_MAX} times in turn")]
    Changing,
}

impl Files {
    /// A source over a directory, which must be there when the first load comes.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), suffix: String::new(), bytes_max: BYTES_MAX }
    }

    /// What a file's name has behind the key, such as `.json`. Default: nothing.
    #[must_use]
    pub fn suffix(self, suffix: impl Into<String>) -> Self {
        Self { suffix: suffix.into(), ..self }
    }

    /// The largest file that is read, in bytes. Default: 64 MiB, so that no file by
    /// itself fills the memory of the process.
    #[must_use]
    pub fn bytes_max(self, bytes: u64) -> Self {
        Self { bytes_max: bytes, ..self }
    }

    /// The value in the file that a key names; `None` if there is no such file.
    fn read(&self, key: &[u8], context: &Context) -> Result<Option<Vec<u8>>, FileError> {
        let Some(name) = name_of(key) else { return Ok(None) };
        let directory = self.directory.canonicalize().map_err(|source| {
            let directory = self.directory.clone();
            FileError::Directory { directory, source }
        })?;
        let Some(path) = found(directory.join(name + &self.suffix).canonicalize())? else {
            return Ok(None);
        };
        if !path.starts_with(&directory) {
            return Err(FileError::Outside);
        }
        for _ in 0..READS_MAX {
            if let Some(value) = self.read_once(&path, context)? {
                return Ok(value);
            }
        }
        Err(FileError::Changing)
    }

    /// `None` if the file changed meanwhile; within, `None` if there is no file.
    #[expect(clippy::option_option, reason = "it is read again, or it is not there")]
    fn read_once(
        &self,
        path: &Path,
        context: &Context,
    ) -> Result<Option<Option<Vec<u8>>>, FileError> {
        // Before it is opened: to open a pipe is to wait for its other end.
        let Some(before) = found(fs::metadata(path))?.filter(Metadata::is_file) else {
            return Ok(Some(None));
        };
        let Some(file) = found(File::open(path))? else { return Ok(Some(None)) };
        if self.bytes_max < before.len() {
            return Err(FileError::TooLarge { bytes: before.len(), max: self.bytes_max });
        }
        let mut value = Vec::new();
        let (mut piece, mut rest) = (vec![0; PIECE_BYTES], file.take(self.bytes_max + 1));
        loop {
            if context.is_over() || context.is_cancelled() {
                return Err(FileError::File(io::ErrorKind::TimedOut.into()));
            }
            match rest.read(&mut piece).map_err(FileError::File)? {
                0 => break,
                bytes => value.extend_from_slice(&piece[..bytes]),
            }
        }
        let after = rest.into_inner().metadata().map_err(FileError::File)?;
        let is_whole = value.len() as u64 == before.len() && state(&before) == state(&after);
        Ok(is_whole.then_some(Some(value)))
    }
}

/// What is read between two looks at the clock.
const PIECE_BYTES: usize = 256 << 10;

impl DataSource for Files {
    fn fetch(&self, key: &[u8], context: &Context) -> Result<Answer, SourceError> {
        match self.read(key, context) {
            Ok(value) => Ok(value.into()),
            Err(_) if context.is_cancelled() => Err(Cancelled.into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// What tells a file from the same file written again.
fn state(file: &Metadata) -> impl PartialEq + use<> {
    (file.len(), file.modified().ok())
}

/// `None` if there is no such file: its path, or a part of it, is not there.
fn found<T>(result: io::Result<T>) -> Result<Option<T>, FileError> {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    match result {
        Ok(there) => Ok(Some(there)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | InvalidFilename) => {
            Ok(None)
        }
        Err(error) => Err(FileError::File(error)),
    }
}

/// The relative path that a key stands for, if it does for one.
fn name_of(key: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(key).ok()?;
    let is_name = |part: &str| !matches!(part, "" | "." | "..");
    // The last two separate parts, or name a drive, on one system.
    let is_plain = !name.contains(['\0', '\\', ':']) || cfg!(unix) && !name.contains('\0');
    (is_plain && name.split('/').all(is_name)).then(|| name.to_owned())
}
