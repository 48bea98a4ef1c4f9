//! The distcache server: flags, cache, door, and an orderly end.
#![forbid(unsafe_code)]

mod facts;
mod failure;
mod flags;
mod ready;
#[cfg(test)]
mod reference;
mod signals;

use std::fmt::Display;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use distcache_http::{Limits, OriginPolicy, Readiness, Routes, doors};
use distcache_manager::{CacheManager, codes};
use facts::Facts;
use failure::{Failure, with_causes};
use flags::Flags;
use signals::EndSignals;

/// Entries come and go in every size, and one thread frees what another has
/// allocated: an allocator that keeps little of that back. With values of 100 B,
/// then 1 KiB, then 1 MiB from four threads, and 64 MiB of capacity, 95 MiB were
/// resident at most; with others 120 to 400.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let flags = match Flags::read(std::env::args_os()) {
        Ok(flags) => flags,
        Err(error) if error.use_stderr() => return Failure::from(&error).report(),
        Err(help_or_version) => {
            tell(&help_or_version);
            return ExitCode::SUCCESS;
        }
    };
    env_logger::Builder::new().parse_filters(&flags.log).init();
    run(&flags).map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

/// Starts everything, waits for a signal, ends everything.
fn run(flags: &Flags) -> Result<(), Failure> {
    // Before the threads, so that each of them leaves the signals to us.
    let mut signals =
        EndSignals::catch().map_err(|error| Failure::to_start(codes::SPAWN_FAILED, error))?;
    let address = flags.address();
    let listener = TcpListener::bind(address).map_err(|error| {
        let what = format_args!("cannot listen on {address}: {error}").to_string();
        Failure::to_start(codes::ADDRESS_UNAVAILABLE, what)
    })?;
    let config = flags.config();
    let cache = CacheManager::start(config.clone())
        .map_err(|error| Failure::to_start(error.code(), with_causes(&error)))?;
    let cache = Arc::new(cache);
    let limits = flags.limits(cache.value_bytes_max());
    let readiness = Readiness::default();
    let door = open_door(flags, listener, &cache, &readiness, &limits)?;
    let facts = Facts {
        address: door.local_addr(),
        server: flags.server(),
        config: &config,
        limits: &limits,
        shutdown_timeout: flags.shutdown_timeout,
        allow_origin: &flags.allow_origin,
        allow_host: &flags.allow_host,
    };
    tell(&facts);
    tell_ready(door.local_addr())?;

    signals.wait();
    readiness.drain();
    log::info!("draining: a second signal ends at once");
    signals.quit_at_next().map_err(|error| Failure::to_end(codes::SPAWN_FAILED, error))?;
    thread::sleep(flags.drain_delay);
    let drained = door.shutdown(flags.shutdown_timeout);
    let closed = cache.shutdown(flags.shutdown_timeout);
    drained.map_err(|error| Failure::to_end(error.code(), &error))?;
    closed.map_err(|error| Failure::to_end(error.code(), &error))?;
    log::info!("ended");
    Ok(())
}

fn open_door(
    flags: &Flags,
    listener: TcpListener,
    cache: &Arc<CacheManager>,
    readiness: &Readiness,
    limits: &Limits,
) -> Result<doors::Door, Failure> {
    let unavailable = |error| Failure::to_start(codes::ADDRESS_UNAVAILABLE, error);
    let mut origins = OriginPolicy::listening_on(listener.local_addr().map_err(unavailable)?);
    for origin in &flags.allow_origin {
        origins = origins.allow_origin(origin.as_str());
    }
    for host in &flags.allow_host {
        origins = origins.allow_host(host.as_str());
    }
    let routes = Routes::new(cache.clone(), readiness.clone(), origins);
    doors::open(flags.server(), listener, routes, limits)
        .map_err(|error| Failure::to_start(error.code(), with_causes(&error)))
}

/// Says so when clients are answered, and what to try first.
fn tell_ready(address: SocketAddr) -> Result<(), Failure> {
    let address = ready::from_here(address);
    ready::ask(address).map_err(|error| {
        let what = format!("http://{address}/readyz does not say that it is ready: {error}");
        Failure::to_start(codes::NOT_READY, what)
    })?;
    log::debug!("http://{address}/readyz says that it is ready");
    tell(&format_args!(
        "ready\n{:<14} curl -X POST 'http://{address}/?key=a&value=hello'\n",
        "try"
    ));
    Ok(())
}

/// Writes to the operator. A terminal or pipe that has closed ends no server.
fn tell(text: &dyn Display) {
    let mut out = std::io::stdout().lock();
    let _ = write!(out, "{text}").and_then(|()| out.flush());
}
