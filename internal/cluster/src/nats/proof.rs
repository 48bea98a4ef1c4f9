//! Who this process is to a server of NATS.

use std::fmt;
use std::path::{Path, PathBuf};

use async_nats::ConnectOptions;
use tokio::io::AsyncReadExt;

/// The longest file of credentials, password or token.
const PROOF_BYTES_MAX: u64 = 64 << 10;

/// Who to be.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Proof {
    Nobody,
    Credentials(PathBuf),
    Password { user: String, file: PathBuf },
    Token(PathBuf),
}

impl Proof {
    /// The same for a connection; its file is read anew.
    pub(super) async fn options(&self) -> Result<ConnectOptions, String> {
        let options = ConnectOptions::new();
        Ok(match self {
            Self::Nobody => options,
            Self::Credentials(file) => {
                let text = read(file).await?;
                // What is wrong with it is not told: it could be a part of it.
                let options = options.credentials(&text);
                options.map_err(|error| {
                    format!("{}: no credentials: {}", file.display(), error.kind())
                })?
            }
            Self::Password { user, file } => {
                options.user_and_password(user.clone(), read(file).await?.trim_end().to_owned())
            }
            Self::Token(file) => options.token(read(file).await?.trim_end().to_owned()),
        })
    }
}

impl fmt::Debug for Proof {
    /// Without files and names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Credentials(_) => "Credentials",
            Self::Password { .. } => "Password",
            Self::Token(_) => "Token",
        })
    }
}

async fn read(file: &Path) -> Result<String, String> {
    let failed = |why: &dyn fmt::Display| format!("{}: {why}", file.display());
    let opened = tokio::fs::File::open(file).await.map_err(|error| failed(&error))?;
    let mut text = String::new();
    let mut bounded = opened.take(PROOF_BYTES_MAX + 1);
    let length = bounded.read_to_string(&mut text).await.map_err(|error| failed(&error))?;
    let is_short = u64::try_from(length).is_ok_and(|length| length <= PROOF_BYTES_MAX);
    if is_short { Ok(text) } else { Err(failed(&"it is longer than 64 KiB")) }
}
