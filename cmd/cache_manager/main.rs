//! The distcache server: flags, cache, door, and an orderly end.
#![forbid(unsafe_code)]

mod facts;
mod failure;
mod flags;
mod notify;
mod ready;
#[cfg(test)]
mod reference;
mod signals;
mod tokens;

use std::fmt::Display;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::thread;

use distcache::{Config, Engine, KeyspaceConfig, StartError, codes};
use distcache_http::{Access, OriginPolicy, ROOT_KEYSPACE, Readiness, Routes, doors};
use facts::Facts;
use failure::{Failure, with_causes};
use flags::Flags;
use notify::Watchdog;
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
    let access = access(flags)?;
    let listener = TcpListener::bind(address).map_err(|error| {
        let what = format_args!("cannot listen on {address}: {error}").to_string();
        Failure::to_start(codes::ADDRESS_UNAVAILABLE, what)
    })?;
    let config = flags.config();
    let (engine, value_bytes_max) = start_engine(&config)?;
    let limits = flags.limits(value_bytes_max);
    let readiness = Readiness::default();
    let is_open = access.is_open();
    let routes = routes(flags, &listener, &engine)?.readiness(readiness.clone()).access(access);
    let door = doors::open(flags.server(), listener, routes, &limits)
        .map_err(|error| Failure::to_start(error.code(), with_causes(&error)))?;
    let facts = Facts {
        address: door.local_addr(),
        is_open,
        server: flags.server(),
        config: &config,
        limits: &limits,
        shutdown_timeout: flags.shutdown_timeout,
        allow_origin: &flags.allow_origin,
        allow_host: &flags.allow_host,
    };
    tell(&facts);
    tell_ready(door.local_addr())?;
    let watchdog = Watchdog::start(ready::from_here(door.local_addr()))
        .map_err(|error| Failure::to_start(codes::SPAWN_FAILED, error))?;
    notify::ready();

    signals.wait();
    notify::stopping();
    drop(watchdog);
    readiness.drain();
    log::info!("draining: a second signal ends at once");
    signals.quit_at_next().map_err(|error| Failure::to_end(codes::SPAWN_FAILED, error))?;
    thread::sleep(flags.drain_delay);
    let drained = door.shutdown(flags.shutdown_timeout);
    let closed = engine.shutdown(flags.shutdown_timeout);
    drained.map_err(|error| Failure::to_end(error.code(), &error))?;
    closed.map_err(|error| Failure::to_end(error.code(), error))?;
    log::info!("ended");
    Ok(())
}

/// An engine with the keyspace behind `/`, and the largest value that this takes.
fn start_engine(config: &Config) -> Result<(Engine, u64), Failure> {
    let failed = |error: StartError| Failure::to_start(error.code(), with_causes(&error));
    let engine = Engine::builder().config(config.clone());
    let engine = engine.keyspace(root_keyspace(config)).start().map_err(failed)?;
    let root = engine.keyspace(ROOT_KEYSPACE).ok();
    let value_bytes_max = root.and_then(|root| root.value_bytes_max()).unwrap_or_default();
    Ok((engine, value_bytes_max))
}

/// Without dates: six bytes more would move an item of usual size into the next
/// class of the allocator, which takes sixteen.
fn root_keyspace(config: &Config) -> KeyspaceConfig {
    let root = KeyspaceConfig::new(ROOT_KEYSPACE).eviction(config.eviction.clone()).dated(false);
    let root = config.entries_max.into_iter().fold(root, KeyspaceConfig::entries_max);
    config.value_bytes_max.into_iter().fold(root, KeyspaceConfig::value_bytes_max)
}

/// Who is let in. Where other machines can reach us that is not everybody, unless
/// the operator says so.
fn access(flags: &Flags) -> Result<Access, Failure> {
    let access = tokens::access(flags.token_file.as_deref(), flags.read_token_file.as_deref())?;
    let address = flags.address();
    if access.is_open() && !address.ip().to_canonical().is_loopback() && !flags.insecure {
        let what = format!("{address} can be reached by other machines, and there is no token");
        return Err(Failure::to_start(codes::EXPOSED, what));
    }
    Ok(access)
}

fn routes(flags: &Flags, listener: &TcpListener, engine: &Engine) -> Result<Routes, Failure> {
    let unavailable = |error| Failure::to_start(codes::ADDRESS_UNAVAILABLE, error);
    let mut origins = OriginPolicy::listening_on(listener.local_addr().map_err(unavailable)?);
    for origin in &flags.allow_origin {
        origins = origins.allow_origin(origin.as_str());
    }
    for host in &flags.allow_host {
        origins = origins.allow_host(host.as_str());
    }
    Ok(Routes::new(engine.clone(), origins))
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
