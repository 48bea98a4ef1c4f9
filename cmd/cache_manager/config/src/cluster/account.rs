//! Who this node is to servers of NATS.

use distcache::NatsAccount;

use crate::config::Config;
use crate::fault::Fault;
use crate::file::read_within;
use crate::recipe::unreadable;
use crate::setting::{Kind, Section};
use crate::table;

use super::told::PARTS;

/// The longest file that is shown to the servers of NATS.
const PROOF_BYTES_MAX: u64 = 64 << 10;

impl Config {
    /// At these servers, let in there as the settings say.
    pub(crate) fn nats_account(&self, servers: Vec<String>) -> NatsAccount {
        let view = self.common(Section::Cluster);
        let mut account = NatsAccount::at(servers);
        if let Some(file) = view.path("nats_credentials") {
            account = account.credentials_file(file);
        }
        if let Some(file) = view.path("nats_token_file") {
            account = account.token_file(file);
        }
        if let Some((user, file)) = view.text("nats_user").zip(view.path("nats_password_file")) {
            account = account.password_file(user, file);
        }
        if let Some(file) = view.path("nats_ca") {
            account = account.authority(file);
        }
        if let Some((chain, key)) = view.path("nats_cert").zip(view.path("nats_key")) {
            account = account.certificate(chain, key);
        }
        account
    }

    /// Whether the files that are shown to the servers of NATS can be read.
    pub(crate) fn nats_files(&self) -> Result<(), Fault> {
        let view = self.common(Section::Cluster);
        let named = PARTS.iter().map(|(part, _)| *part).filter(|part| is_path(part));
        for name in named {
            if let Some(path) = view.path(name) {
                read_within(&path, PROOF_BYTES_MAX)
                    .map_err(|what| unreadable(&view.origin(name), name, &what))?;
            }
        }
        Ok(())
    }
}

fn is_path(name: &str) -> bool {
    table::find(Section::Cluster, name).is_some_and(|setting| setting.kind == Kind::Path)
}
