//! The distcache server: flags, cache, door, and an orderly end.
#![forbid(unsafe_code)]

mod flags;

use std::fmt::Display;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use distcache_http::{OriginPolicy, Readiness, Routes, doors};
use distcache_manager::codes::{self, Code};
use distcache_manager::{CacheManager, Config};
use flags::Flags;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Entries come and go on every thread, in every size: an allocator whose size
/// classes are those that the accounting reckons with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bad flags and a port in use end the program with this status.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let flags = match Flags::read(std::env::args_os()) {
        Ok(flags) => flags,
        Err(error) => return explain(&error),
    };
    env_logger::Builder::new().parse_filters(&flags.log).init();
    match run(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Why the server did not start or did not end well.
struct Failure {
    code: Code,
    what: String,
}

fn failure(code: Code, what: &dyn Display) -> Failure {
    Failure { code, what: what.to_string() }
}

/// Starts everything, waits for a signal, ends everything.
fn run(flags: &Flags) -> Result<(), Failure> {
    // Before the threads, so that each of them leaves the signals to us.
    let mut signals =
        Signals::new([SIGTERM, SIGINT]).map_err(|error| failure(codes::SPAWN_FAILED, &error))?;
    let address = flags.address();
    let listener = TcpListener::bind(address).map_err(|error| {
        failure(codes::ADDRESS_UNAVAILABLE, &format_args!("cannot listen on {address}: {error}"))
    })?;
    let config = flags.config();
    let cache =
        CacheManager::start(config.clone()).map_err(|error| failure(error.code(), &error))?;
    let cache = Arc::new(cache);
    let readiness = Readiness::default();
    let door = open_door(flags, listener, &cache, &readiness)?;
    tell_facts(flags, &config, door.local_addr(), &cache);

    signals.forever().next();
    log::info!("draining: a second signal ends at once");
    readiness.drain();
    quit_at_second_signal(signals)?;
    let drained = door.shutdown(flags.shutdown_timeout);
    let closed = cache.shutdown(flags.shutdown_timeout);
    drained.map_err(|error| failure(codes::SHUTDOWN_INCOMPLETE, &error))?;
    closed.map_err(|error| failure(error.code(), &error))?;
    log::info!("ended");
    Ok(())
}

fn open_door(
    flags: &Flags,
    listener: TcpListener,
    cache: &Arc<CacheManager>,
    readiness: &Readiness,
) -> Result<doors::Door, Failure> {
    let unavailable = |error: std::io::Error| failure(codes::ADDRESS_UNAVAILABLE, &error);
    let mut origins = OriginPolicy::listening_on(listener.local_addr().map_err(unavailable)?);
    for origin in &flags.allow_origin {
        origins = origins.allow_origin(origin.as_str());
    }
    for host in &flags.allow_host {
        origins = origins.allow_host(host.as_str());
    }
    let routes = Routes::new(cache.clone(), readiness.clone(), origins);
    let limits = flags.limits(cache.value_bytes_max());
    doors::open(flags.server(), listener, routes, &limits)
        .map_err(|error| failure(error.code(), &error))
}

/// One fact a line, and the first thing to try.
#[expect(clippy::print_stdout, reason = "what the operator sees when it starts")]
fn tell_facts(flags: &Flags, config: &Config, address: SocketAddr, cache: &CacheManager) {
    const MIB: u64 = 1 << 20;
    println!("distcache {}", env!("CARGO_PKG_VERSION"));
    println!("listening on http://{address} ({:?})", flags.server());
    println!("data nodes   {}", config.data_nodes);
    println!("capacity     {} MiB, overhead included", config.capacity_bytes / MIB);
    println!("largest value {} bytes", cache.value_bytes_max());
    println!("eviction     {}", config.eviction);
    if !address.ip().is_loopback() {
        let (code, remedy) = (codes::EXPOSED, codes::EXPOSED.remedy());
        println!("{code} warning: {} {remedy}", code.meaning());
    }
    println!("ready");
    println!("try          curl -X POST 'http://{address}/?key=a&value=hello'");
}

/// From now on a signal means: at once.
fn quit_at_second_signal(mut signals: Signals) -> Result<(), Failure> {
    let wait = move || {
        signals.forever().next();
        quit();
    };
    let thread = thread::Builder::new().name("second-signal".to_owned()).spawn(wait);
    thread.map(drop).map_err(|error| failure(codes::SPAWN_FAILED, &error))
}

#[expect(clippy::exit, reason = "the operator has asked for it twice")]
fn quit() -> ! {
    std::process::exit(130)
}

/// Prints what is wrong with the flags, or the help that was asked for.
fn explain(error: &clap::Error) -> ExitCode {
    // Where the text goes is closed: there is nobody to tell.
    let _ = error.print();
    if error.use_stderr() {
        complain(&failure(codes::FLAG_INVALID, &codes::FLAG_INVALID.meaning()));
        return ExitCode::from(EXIT_USAGE);
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stderr, reason = "the log may be off, and this must be seen")]
fn complain(failure: &Failure) {
    eprintln!("{} {} ({})", failure.code, failure.what, failure.code.remedy());
}
