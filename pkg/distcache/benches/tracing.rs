//! What OpenTelemetry costs a caller: `cargo bench -p distcache --features otel --bench tracing`.
//!
//! Three engines of this process: one that tells nobody, one whose every call makes a span,
//! and one of whose calls one in a hundred does. Spans are handed on in batches to an
//! exporter that drops them, so what is measured is what calls take longer, and not a
//! network. One thread, keys of 8 bytes, values of 64; all run in turn, seven times; the
//! medians count.
//!
//! `RATIO case rival X`: with spans a call takes X times as long as without. `FACT name X`:
//! nanoseconds of a call.
#![expect(clippy::print_stdout, reason = "printing figures is what a benchmark is for")]

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use distcache::{Engine, Keyspace, KeyspaceConfig};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KEYS: u64 = 10_000;
const ROUNDS: usize = 7;
const VALUE: [u8; 64] = [7; 64];

/// Where spans end.
#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        black_box(batch);
        Ok(())
    }
}

/// One who is measured.
struct Told {
    name: &'static str,
    things: Keyspace,
    _engine: Engine,
    _tracers: Option<SdkTracerProvider>,
}

impl Told {
    fn new(name: &'static str, sampler: Option<Sampler>) -> Self {
        let tracers = sampler.map(|sampler| {
            SdkTracerProvider::builder().with_batch_exporter(Nowhere).with_sampler(sampler).build()
        });
        let things = KeyspaceConfig::new("things")
            .source_fn(|_: &[u8]| -> Result<_, std::io::Error> { Ok(Some(VALUE.to_vec())) });
        let builder = Engine::builder().keyspace(things);
        let builder = match &tracers {
            Some(tracers) => builder.tracer_provider(tracers),
            None => builder,
        };
        let engine = builder.start().expect("good settings");
        let things = engine.keyspace("things").expect("it was just made");
        (0..KEYS).for_each(|n| _ = things.put(&n.to_le_bytes(), &VALUE).expect("it fits"));
        Self { name, things, _engine: engine, _tracers: tracers }
    }
}

/// What is called: its name, how often in a round, and how.
type Case = (&'static str, u64, fn(&Keyspace, u64));

/// Keys that nobody has asked for.
static FRESH: AtomicU64 = AtomicU64::new(KEYS);

const CASES: [Case; 3] = [
    ("hit", 400_000, |things, n| {
        black_box(things.get(&(n % KEYS).to_le_bytes()).expect("it is there"));
    }),
    ("put", 200_000, |things, n| {
        black_box(things.put(&(n % KEYS).to_le_bytes(), &VALUE).expect("it fits"));
    }),
    ("load", 5_000, |things, _| {
        let fresh = FRESH.fetch_add(1, Ordering::Relaxed);
        black_box(things.get(&fresh.to_le_bytes()).expect("it is loaded"));
    }),
];

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn nanoseconds(things: &Keyspace, calls: u64, call: fn(&Keyspace, u64)) -> f64 {
    let start = Instant::now();
    (0..calls).for_each(|n| call(things, n));
    let calls = f64::from(u32::try_from(calls).expect("some hundred thousand"));
    start.elapsed().as_secs_f64() * 1e9 / calls
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        // Cargo only wants to see that this compiles and starts.
        return;
    }
    let all = [
        Told::new("off", None),
        Told::new("all", Some(Sampler::AlwaysOn)),
        Told::new("one-in-100", Some(Sampler::TraceIdRatioBased(0.01))),
    ];
    for (case, calls, call) in CASES {
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            for (told, times) in all.iter().zip(&mut times) {
                times.push(nanoseconds(&told.things, calls, call));
            }
        }
        let [off, every, few] = times.map(median);
        for (told, time) in all.iter().zip([off, every, few]) {
            println!("FACT {case}-{} {time:.0} ns", told.name);
        }
        println!("RATIO tracing-{case}-all off {:.2}", every / off);
        println!("RATIO tracing-{case}-one-in-100 off {:.2}", few / off);
    }
}
