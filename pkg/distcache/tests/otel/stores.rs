//! Where stores stand.

use distcache::opentelemetry::Context as Trace;
use distcache::{AsyncDataStore, Context, DataStore, SourceError};

use crate::support::{Listener, Seen, block_on, see, the_one_seen, things, threads};

#[derive(Clone, Default)]
struct Noting(Seen);

impl DataStore for Noting {
    fn store(&self, _: &[u8], _: &[u8], _: &Context) -> Result<(), SourceError> {
        see(&self.0, &Trace::current());
        Ok(())
    }

    fn remove(&self, _: &[u8], _: &Context) -> Result<(), SourceError> {
        see(&self.0, &Trace::current());
        Ok(())
    }
}

struct NotingAsync(Noting);

impl AsyncDataStore for NotingAsync {
    async fn store(&self, key: &[u8], value: &[u8], context: &Context) -> Result<(), SourceError> {
        self.0.store(key, value, context)
    }

    async fn remove(&self, key: &[u8], context: &Context) -> Result<(), SourceError> {
        self.0.remove(key, context)
    }
}

#[test]
fn a_store_is_within_the_call_that_writes() {
    let (blocking, tasks) = (Noting::default(), Noting::default());
    let ways = [
        (things().write_through(blocking.clone()), blocking.0),
        (things().async_write_through(NotingAsync(tasks.clone()), threads()), tasks.0),
    ];
    for (config, seen) in ways {
        let listener = Listener::new();
        let engine = listener.engine(config);
        engine.put("things", b"a", b"1").unwrap();
        let put = listener.span("distcache.put").span_context.span_id();
        assert_eq!(the_one_seen(&seen), put);
        seen.lock().clear();
        block_on(engine.delete_async("things", b"a")).unwrap();
        let delete = listener.span("distcache.delete").span_context.span_id();
        assert_eq!(the_one_seen(&seen), delete);
    }
}

/// The numbers of a counter are read in its key's lane, another thread.
#[test]
fn a_load_for_a_counter_is_within_its_call() {
    let listener = Listener::new();
    let source = |_: &[u8], _: &Context| Ok::<_, SourceError>(distcache::Answer::from("41"));
    let engine = listener.engine(things().source(source).write_through(Noting::default()));
    assert_eq!(engine.increment("things", b"a", 1).unwrap(), 42);
    let (add, load) = (listener.span("distcache.increment"), listener.span("distcache.load"));
    crate::support::assert_within(&load, &add);
}
