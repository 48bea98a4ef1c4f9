//! SIGHUP: settings and tokens are read again, and hold as far as they can.

use distcache::{Engine, codes};
use distcache_config::{Changes, Inputs, Loaded};
use distcache_http::Access;

use crate::door::Shown;
use crate::logger::LogFilter;
use crate::membership::Membership;
use crate::{notify, tokens};

/// What holds, and what follows it.
pub(crate) struct Settings {
    pub(crate) inputs: Inputs,
    pub(crate) loaded: Loaded,
    /// None of a load balancer.
    pub(crate) engine: Option<Engine>,
    pub(crate) access: Access,
    pub(crate) shown: Shown,
    pub(crate) membership: Membership,
    pub(crate) log: LogFilter,
}

impl Settings {
    /// Reads all again. If anything is wrong, everything stays as it is.
    pub(crate) fn read_again(&mut self) {
        notify::reloading();
        match self.replaced() {
            Ok(changes) => {
                self.log.set(&self.loaded.config().log_filter());
                tell(&changes);
            }
            Err(lines) => {
                lines.lines().for_each(|line| log::error!("{line}"));
                let code = codes::RELOAD_REFUSED;
                log::error!("{code} {} {}", code.meaning(), code.remedy());
            }
        }
        notify::ready();
    }

    fn replaced(&mut self) -> Result<Changes, String> {
        let next = self.loaded.read_again(&self.inputs).map_err(|faults| faults.to_string())?;
        let tokens = tokens::read(next.config()).map_err(|failure| failure.to_string())?;
        let taken = match &self.engine {
            Some(engine) => next.take_over(&self.loaded, engine),
            None => Ok(next.without_engine()),
        };
        let (loaded, mut changes) = taken.map_err(|fault| fault.to_string())?;
        // They were taken by a list of their own before.
        self.access.replace(tokens).map_err(|error| error.to_string())?;
        // It was read with the settings, and goes with its key.
        if self.shown.follow(&loaded) {
            changes.done.push("[server] tls_cert: another certificate".to_owned());
        }
        if self.membership.follow(&loaded) {
            changes.done.push("[cluster] other proofs for the nodes".to_owned());
        }
        self.loaded = loaded;
        Ok(changes)
    }
}

fn tell(changes: &Changes) {
    changes.done.iter().for_each(|line| log::info!("changed: {line}"));
    let code = codes::RESTART_NEEDED;
    changes.restart.iter().for_each(|line| log::warn!("{code} {line}: {}", code.meaning()));
    let (done, restart) = (changes.done.len(), changes.restart.len());
    log::info!("settings were read again; changed: {done}, for the next start: {restart}");
}
