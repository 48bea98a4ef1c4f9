//! The log, of which it can be said anew what it shows while the server runs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use log::{LevelFilter, Log, Metadata, Record};

/// Says what the log shows. Cloning it gives another handle to the same log.
#[derive(Clone)]
pub(crate) struct LogFilter(Arc<ArcSwap<env_logger::Logger>>);

impl LogFilter {
    /// Begins to log by a filter. There is one log in a process.
    pub(crate) fn start(filter: &str) -> Self {
        let logger = Self(Arc::new(ArcSwap::from_pointee(logger(filter))));
        let is_first = log::set_boxed_logger(Box::new(logger.clone())).is_ok();
        assert!(is_first, "the log is begun once");
        log::set_max_level(logger.0.load().filter());
        logger
    }

    /// Logs by another filter from now on.
    pub(crate) fn set(&self, filter: &str) {
        self.0.store(Arc::new(logger(filter)));
        log::set_max_level(self.0.load().filter());
    }
}

/// Who speaks TLS to us in an odd way is warned of by rustls, which any client could do
/// as often as it likes: that is shown to who asks for it by name. The door counts them.
const LOUD: &str = "rustls";

fn logger(filter: &str) -> env_logger::Logger {
    let mut builder = env_logger::Builder::new();
    builder.filter_module(LOUD, LevelFilter::Off).parse_filters(filter).build()
}

impl Log for LogFilter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.0.load().enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        self.0.load().log(record);
    }

    fn flush(&self) {
        self.0.load().flush();
    }
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    fn shows(filter: &str, target: &str) -> bool {
        logger(filter).enabled(&Metadata::builder().level(Level::Warn).target(target).build())
    }

    #[test]
    fn what_any_client_could_fill_the_log_with_is_shown_to_who_names_it() {
        assert!(shows("info", "distcache_http") && !shows("off", "distcache_http"));
        assert!(!shows("trace", "rustls::common_state"));
        assert!(shows("info,rustls=warn", "rustls::common_state"));
    }
}
