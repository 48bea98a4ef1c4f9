//! Where the lines go.

use std::fs::OpenOptions;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use distcache::codes;

use crate::Fault;

/// A file, or standard output.
pub(super) struct Output {
    to: Box<dyn Write>,
    /// Bytes that are there.
    bytes: u64,
}

impl Output {
    /// Opens a file of which the first `bytes` are to be kept.
    pub(super) fn open(path: Option<&Path>, bytes: u64) -> Result<Self, Fault> {
        let Some(path) = path else { return Ok(Self { to: Box::new(io::stdout()), bytes }) };
        let failed = |error| {
            let what = format!("{}: {error}", path.display());
            Fault::to_begin(codes::BULK_FILE_FAILED, what)
        };
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(failed)?;
        let has = file.metadata().map_err(failed)?.len();
        if has < bytes {
            let path = path.display();
            let what = format!("{path} has {has} bytes, and the state tells of {bytes}");
            return Err(Fault::to_begin(codes::STATE_UNUSABLE, what));
        }
        // What stands behind them was written by who was interrupted. A pipe has no
        // length to set.
        if has != bytes {
            file.set_len(bytes).map_err(failed)?;
        }
        if bytes != 0 {
            file.seek(SeekFrom::Start(bytes)).map_err(failed)?;
        }
        Ok(Self { to: Box::new(file), bytes })
    }

    /// Writes whole lines.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.to.write_all(lines)?;
        self.to.flush()?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_last_page_is_written_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        std::fs::write(&path, "page\nhalf a li").unwrap();
        let mut output = Output::open(Some(&path), 5).unwrap();
        output.write(b"line\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "page\nline\n");
        assert_eq!(output.bytes(), 10);
    }

    #[test]
    fn a_file_that_has_lost_something_is_not_written_on() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let fault = Output::open(Some(file.path()), 5).err().unwrap();
        assert_eq!(fault.code, codes::STATE_UNUSABLE);
    }
}
