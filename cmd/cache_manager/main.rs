//! The distcache server: settings, engine, door, and an orderly end; and the
//! commands that ask one that runs. Or, before nodes, a load balancer behind the door.
#![forbid(unsafe_code)]

mod balance;
mod bulk_command;
mod bulk_flags;
#[cfg(feature = "certs")]
mod certs_command;
mod config_command;
mod door;
mod facts;
mod failure;
mod flags;
mod health_command;
mod logger;
mod membership;
mod notify;
mod otel;
mod ready;
#[cfg(test)]
mod reference;
mod reload;
mod signals;
mod tokens;

use std::fmt::Display;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::thread;

use distcache::{Engine, codes};
use distcache_config::{Config, Faults, Inputs, Loaded};
use distcache_http::doors::Door;
use distcache_http::{
    Access, Front, History, Limits, OriginPolicy, Readiness, Routes, Service, largest_value,
};
use door::Shown;
use facts::Facts;
use failure::{Failure, with_causes};
use flags::Task;
use logger::LogFilter;
use membership::Membership;
use notify::Watchdog;
use otel::Export;
use ready::Place;
use reload::Settings;
use signals::ServerSignals;

/// Entries come and go in every size, and one thread frees what another has
/// allocated: an allocator that keeps little of that back. With values of 100 B,
/// then 1 KiB, then 1 MiB from four threads, and 64 MiB of capacity, 95 MiB were
/// resident at most; with others 120 to 400.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let task = match flags::read(std::env::args_os()) {
        Ok(task) => task,
        Err(error) if error.use_stderr() => return Failure::from(&error).report(),
        Err(help_or_version) => {
            tell(&help_or_version);
            return ExitCode::SUCCESS;
        }
    };
    let done = match task {
        Task::Serve(inputs) => serve(inputs),
        Task::Check { inputs, connects } => {
            config_command::check(&inputs, connects).map(|text| tell(&text))
        }
        Task::Print(inputs) => config_command::print(&inputs).map(|text| tell(&text)),
        #[cfg(feature = "certs")]
        Task::Certs(order) => certs_command::run(&order).map(|text| tell(&text)),
        Task::Bulk(bulk) => bulk_command::run(&bulk),
        Task::Health { inputs, url } => {
            health_command::ask(&inputs, url.as_deref()).map(|text| tell(&text))
        }
    };
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}

/// Starts everything, waits for a signal, ends everything.
fn serve(inputs: Inputs) -> Result<(), Failure> {
    let loaded = Loaded::read(&inputs)?;
    let config = loaded.config();
    let log = LogFilter::start(&config.log_filter());
    config.warnings().iter().for_each(|warning| log::warn!("{warning}"));
    // Before the threads, so that each of them leaves the signals to us.
    let files = [inputs.file.clone(), config.token_file(), config.read_token_file()];
    let has_files = files.iter().any(Option::is_some) || config.is_secured();
    let mut signals = ServerSignals::catch(has_files)
        .map_err(|error| Failure::to_start(codes::SPAWN_FAILED, error))?;
    let address = config.address();
    let access = access(config)?;
    let listener = TcpListener::bind(address).map_err(|error| {
        let what = format_args!("cannot listen on {address}: {error}").to_string();
        Failure::to_start(codes::ADDRESS_UNAVAILABLE, what)
    })?;
    let export = Export::start(config)?;
    let http = listener.local_addr();
    let http = http.map_err(|error| Failure::to_start(codes::ADDRESS_UNAVAILABLE, error))?;
    let membership = Membership::of(&loaded, http)?;
    let engine = engine(&loaded, &membership, &export)?;
    let limits = limits(config, engine.as_ref());
    let readiness = readiness(config);
    let before = Before { loaded: &loaded, access: &access, readiness: &readiness, http };
    let (door, shown) = match &engine {
        Some(engine) => before.cache(listener, engine, &export, &limits)?,
        None => before.balancer(listener, &limits)?,
    };
    tell(&Facts {
        address: door.local_addr(),
        is_open: access.is_open(),
        file: inputs.file.as_deref(),
        loaded: &loaded,
        limits: &limits,
        cluster: engine.as_ref().and_then(|engine| membership.told(engine)),
    });
    let place = Place::own(door.local_addr(), config.is_secured());
    let place = place.map_err(|error| Failure::to_start(codes::NOT_READY, error))?;
    tell_ready(&place, config, &readiness)?;
    let watchdog =
        Watchdog::start(place).map_err(|error| Failure::to_start(codes::SPAWN_FAILED, error))?;
    notify::ready();

    let mut settings = Settings { inputs, loaded, engine, access, shown, membership, log };
    signals.wait(|| settings.read_again());
    notify::stopping();
    drop(watchdog);
    readiness.drain();
    log::info!("draining: a second signal ends at once");
    signals.quit_at_next().map_err(|error| Failure::to_end(codes::SPAWN_FAILED, error))?;
    let config = settings.loaded.config();
    thread::sleep(config.drain_delay());
    let drained = door.shutdown(config.shutdown_timeout());
    let engine = settings.engine;
    let closed = engine.map_or(Ok(()), |engine| engine.shutdown(config.shutdown_timeout()));
    // Last of all: it tells of the others too.
    export.end();
    drained.map_err(|error| Failure::to_end(error.code(), &error))?;
    closed.map_err(|error| Failure::to_end(error.code(), error))?;
    log::info!("ended");
    Ok(())
}

/// Who is let in. Where other machines can reach us that is not everybody, unless
/// the operator says so.
fn access(config: &Config) -> Result<Access, Failure> {
    let access = Access::default();
    let tokens = tokens::read(config)?;
    access.replace(tokens).map_err(|error| Failure::to_start(codes::TOKEN_FILE_INVALID, error))?;
    let checked = access.check_at(config.address(), config.is_insecure());
    checked.map_err(|exposed| Failure::to_start(exposed.code(), exposed))?;
    Ok(access)
}

/// The engine; none of a load balancer.
fn engine(
    loaded: &Loaded,
    membership: &Membership,
    export: &Export,
) -> Result<Option<Engine>, Failure> {
    if loaded.config().is_balancer() {
        return Ok(None);
    }
    let engine = loaded.start(membership.join(export.engine())).map_err(Faults::from)?;
    Ok(Some(engine))
}

/// What the door keeps to. What values a load balancer's nodes take it does not know: one
/// that is too large for them they refuse.
fn limits(config: &Config, engine: Option<&Engine>) -> Limits {
    let default = || config.value_bytes_max().unwrap_or(Limits::default().body_bytes as u64);
    config.limits(engine.map_or_else(default, largest_value))
}

/// What is there before the door is opened.
struct Before<'a> {
    loaded: &'a Loaded,
    access: &'a Access,
    readiness: &'a Readiness,
    http: SocketAddr,
}

impl Before<'_> {
    /// Opens the door to an engine.
    fn cache(
        &self,
        listener: TcpListener,
        engine: &Engine,
        export: &Export,
        limits: &Limits,
    ) -> Result<(Door, Shown), Failure> {
        let history = History::start(engine);
        let history = history.map_err(|error| Failure::to_start(codes::SPAWN_FAILED, error))?;
        let routes = Routes::new(engine.clone(), self.origins())
            .history(history)
            .slow_after(self.loaded.config().slow_after())
            .readiness(self.readiness.clone())
            .access(self.access.clone());
        self.open(listener, export.routes(routes), limits)
    }

    /// Opens the door to a load balancer.
    fn balancer(&self, listener: TcpListener, limits: &Limits) -> Result<(Door, Shown), Failure> {
        let front = Front::new(self.origins())
            .slow_after(self.loaded.config().slow_after())
            .access(self.access.clone());
        let balancer = balance::start(self.loaded, front, self.readiness.clone())?;
        self.open(listener, balancer, limits)
    }

    fn open(
        &self,
        listener: TcpListener,
        service: impl Service,
        limits: &Limits,
    ) -> Result<(Door, Shown), Failure> {
        let opened = door::open(self.loaded, listener, service, limits);
        opened.map_err(|error| Failure::to_start(error.code(), with_causes(&error)))
    }

    fn origins(&self) -> OriginPolicy {
        let config = self.loaded.config();
        let origins = OriginPolicy::listening_on(self.http);
        let origins = config.allow_origin().into_iter().fold(origins, OriginPolicy::allow_origin);
        config.allow_host().into_iter().fold(origins, OriginPolicy::allow_host)
    }
}

fn readiness(config: &Config) -> Readiness {
    let readiness = Readiness::default();
    if config.is_ready_when_warm() { readiness.wait_for_warm_keys() } else { readiness }
}

/// Says so when clients are answered, and what to try first.
fn tell_ready(place: &Place, config: &Config, readiness: &Readiness) -> Result<(), Failure> {
    // How long it takes to be warm is up to the sources, and to find other nodes up to
    // them: who waits for that asks.
    let (path, asked, is_so) = if config.is_node() {
        ("livez", ready::answers(place, ready::PATIENCE), "ready when it is one of its cluster")
    } else if config.is_balancer() {
        ("livez", ready::answers(place, ready::PATIENCE), "ready when one of its nodes is")
    } else if readiness.waits_for_warm_keys() {
        ("livez", ready::answers(place, ready::PATIENCE), "ready when its keys are warm")
    } else {
        ("readyz", ready::ask(place), "ready")
    };
    asked.map_err(|error| {
        let what = format!("{place}/{path} does not say that it is ready: {error}");
        Failure::to_start(codes::NOT_READY, what)
    })?;
    log::debug!("{place}/{path} says that it is ready");
    let authority = config.tls_ca().filter(|_| config.is_secured());
    let believes = authority.map(|file| format!(" --cacert {}", file.display()));
    let believes = believes.unwrap_or_default();
    tell(&format_args!(
        "{is_so}\n{:<14} curl -X POST '{place}/?key=a&value=hello'{believes}\n",
        "try"
    ));
    Ok(())
}

/// Writes to the operator. A terminal or pipe that has closed ends no server.
fn tell(text: &dyn Display) {
    let mut out = std::io::stdout().lock();
    let _ = write!(out, "{text}").and_then(|()| out.flush());
}
