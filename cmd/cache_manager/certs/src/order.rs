//! What certificates are wanted, and how they are made.

use std::path::PathBuf;
use std::time::SystemTime;

use crate::authority::{Authority, Pair};
use crate::directory::{self, NewFile};
use crate::{CertsError, Member};

/// How many days a certificate lasts if nothing is said.
pub const DAYS: u32 = 365;

/// How many days a certificate may last: ten years. Whoever wants more of these has
/// outgrown them.
pub const DAYS_MAX: u32 = 3_650;

/// How many members one order may name.
pub const MEMBERS_MAX: usize = 1_000;

const AUTHORITY: &str = "ca";

/// The files of an authority that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorityFiles {
    /// Its certificate, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Where the files go; made if it is not there.
    pub directory: PathBuf,
    /// Who gets a certificate: from 1 to [`MEMBERS_MAX`].
    pub members: Vec<Member>,
    /// How long the certificates last, in days: from 1 to [`DAYS_MAX`], and no longer
    /// than that of the authority. Default [`DAYS`].
    pub days: u32,
    /// Who vouches for them. With none a new authority is made, of [`DAYS_MAX`] days.
    pub authority: Option<AuthorityFiles>,
    /// Whether files that are there are replaced.
    pub replaces: bool,
}

impl Order {
    /// Makes the certificates, and says which files were written. `now` is the time
    /// from which they last.
    ///
    /// # Errors
    /// What is wrong with the order, or in the way. Unless a file could not be
    /// written, nothing has changed.
    pub fn fill(&self, now: SystemTime) -> Result<Vec<PathBuf>, CertsError> {
        self.check()?;
        let (authority, mut files) = self.authority(now)?;
        for member in &self.members {
            let pair = authority.certify(member, now, self.days);
            let pair = pair.map_err(refused(&member.names()[0]))?;
            files.extend(files_of(&member.stem(), pair));
        }
        directory::write(&self.directory, &files, self.replaces)
    }

    /// Who vouches for the members, and what is to be written of it.
    fn authority(&self, now: SystemTime) -> Result<(Authority, Vec<NewFile>), CertsError> {
        if let Some(files) = &self.authority {
            return Ok((Authority::read(files, now, self.days)?, Vec::new()));
        }
        let (authority, pair) = Authority::make(now).map_err(refused("the authority"))?;
        Ok((authority, files_of(AUTHORITY, pair).into()))
    }

    fn check(&self) -> Result<(), CertsError> {
        if !(1..=DAYS_MAX).contains(&self.days) {
            return Err(CertsError::Days { days: self.days });
        }
        let count = self.members.len();
        if !(1..=MEMBERS_MAX).contains(&count) {
            return Err(CertsError::Count { count, max: MEMBERS_MAX });
        }
        // Also if it is not made: `ca` is no name for the files of a member.
        let stems = self.members.iter().map(Member::stem);
        let all: Vec<_> = [AUTHORITY.to_owned()].into_iter().chain(stems).collect();
        let names =
            |stems: &[String]| -> Vec<_> { stems.iter().flat_map(|stem| names(stem)).collect() };
        directory::check(&self.directory, &names(&all), true)?;
        let made = if self.authority.is_some() { &all[1..] } else { &all };
        directory::check(&self.directory, &names(made), self.replaces)
    }
}

fn names(stem: &str) -> [String; 2] {
    [format!("{stem}.pem"), format!("{stem}-key.pem")]
}

fn files_of(stem: &str, pair: Pair) -> [NewFile; 2] {
    let [certificate, key] = names(stem);
    [NewFile::open(certificate, pair.certificate), NewFile::secret(key, pair.key)]
}

fn refused(name: &str) -> impl FnOnce(rcgen::Error) -> CertsError {
    let name = name.to_owned();
    move |source| CertsError::Refused { name, source }
}
