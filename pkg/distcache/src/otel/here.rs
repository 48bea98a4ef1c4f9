//! Where a call stands in its trace.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::{FutureExt, WithContext};

/// A context of OpenTelemetry, to be taken to another thread or task: what is done
/// within it belongs to the same trace.
#[derive(Clone, Default)]
pub(crate) struct Here(pub(super) Context);

impl Here {
    /// Where this thread stands.
    pub(crate) fn current() -> Self {
        Self(Context::current())
    }

    /// Does `work` here.
    pub(crate) fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        let _here = self.0.clone().attach();
        work()
    }

    /// The same for a future, whenever it is polled.
    pub(crate) fn run_async<F: Future>(&self, future: F) -> WithContext<F> {
        future.with_context(self.0.clone())
    }
}

impl fmt::Debug for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Here").finish_non_exhaustive()
    }
}

impl crate::Context {
    /// The trace that the load belongs to: its span is `distcache.load`. While a
    /// source is asked this is also the current context of its thread or future.
    pub fn otel(&self) -> &Context {
        &self.here.0
    }

    /// A load of this trace; for trying a source out.
    #[must_use]
    pub fn with_otel(mut self, context: Context) -> Self {
        self.here = Here(context);
        self
    }
}
