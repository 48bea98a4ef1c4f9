//! Runs a cluster of real processes under faults, and says whether its clients ever saw
//! something older than they might.
//!
//! ```text
//!   runs ──► fleet: members, each a process ◄── faults: killed, paused, cut off
//!    │         ▲
//!    │        load: clients ──► history ──► checker ──► report
//!    └── herd: a source that counts its loads
//! ```
#![expect(clippy::print_stdout, reason = "telling what came of a run is what it is for")]
#![expect(
    clippy::cast_precision_loss,
    reason = "figures are printed with a few digits of those they have"
)]

mod client;
mod failed;
mod fleet;
mod herd;
mod load;
#[expect(dead_code, reason = "the tests of discovery say more")]
#[path = "../../../pkg/discovery/tests/support/nats_server.rs"]
mod nats_server;
mod network;
mod report;
mod runs;
mod source;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use fastrand::Rng;

use crate::failed::Failed;
use crate::fleet::{Copies, Fleet};
use crate::herd::herds;
use crate::load::{Load, Mix};
use crate::nats_server::NatsServer;
use crate::network::Network;
use crate::report::{Demands, report};
use crate::runs::Scene;
use crate::source::Source;
use crate::watch::Watch;

/// A lease, and a second.
const RECOVERY_MAX: Duration = Duration::from_secs(3);

/// Runs a cluster of real processes under faults, and checks what its clients saw.
#[derive(Debug, Parser)]
struct Arguments {
    /// What is done to the cluster
    run: Run,
    /// How often
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Members of the cluster
    #[arg(long, default_value_t = 3)]
    members: usize,
    /// Members that hold each entry, its owner included
    #[arg(long, default_value_t = 1)]
    replicas: u8,
    /// Which of them answer reads
    #[arg(long, value_enum, default_value_t = Read::Owner)]
    read: Read,
    /// Nineteen of twenty calls read, most of them a few keys: of these there are near copies
    #[arg(long)]
    hot: bool,
    /// How long a member stands still in the run `pause`, in seconds
    #[arg(long, default_value_t = 10)]
    pause_s: u64,
    /// What is drawn at random follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How members reach each other; over NATS with a server of its own, by a program that
    /// was built with the feature `nats`
    #[arg(long, default_value = "tcp")]
    transport: Transport,
    /// The server; the one that was built beside this program
    #[arg(long)]
    program: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Transport {
    Tcp,
    Nats,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Run {
    /// Nothing, for a second a round
    Calm,
    /// One is killed, and starts anew
    Kill,
    /// One stands still, and goes on
    Pause,
    /// All are restarted in good order, one after the other
    Roll,
    /// Links are cut: both ways, one way, all of one. It takes root, and iproute2
    Cut,
    /// A thousand ask for one missing key at once
    Herd,
    /// The same, and one is killed meanwhile
    HerdKill,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Read {
    /// The owner
    Owner,
    /// Any that knows its copy to be the latest value
    Any,
}

impl Read {
    /// As the settings call it.
    fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Any => "any",
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    match runtime.block_on(run(&arguments)) {
        Ok(true) => {
            println!("all was as it should be");
            ExitCode::SUCCESS
        }
        Ok(false) => ExitCode::FAILURE,
        Err(failed) => {
            println!("the run could not be made: {failed}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: &Arguments) -> Result<bool, Failed> {
    let network = match arguments.run {
        Run::Cut => Network::namespaces(arguments.members)?,
        _ => Network::loopback(arguments.members)?,
    };
    let nats = match (arguments.transport, arguments.run) {
        (Transport::Tcp, _) => None,
        (Transport::Nats, Run::Cut) => return Err(Failed::NotOverNats),
        (Transport::Nats, _) => Some(NatsServer::start().ok_or(Failed::NoNats)?),
    };
    let program = arguments.program.clone().unwrap_or_else(beside);
    let source = Source::start(network.outside()).await?;
    let transport = nats.as_ref().map(NatsServer::url);
    let copies = Copies { replicas: arguments.replicas, read: arguments.read.name() };
    let mut fleet = Fleet::start(network, program, source.address, copies, transport).await?;
    println!("{} members, run {:?}, seed {}", fleet.count(), arguments.run, arguments.seed);
    let is_good = match arguments.run {
        Run::Herd => herds(&fleet, &source, arguments.rounds, None).await.map(|all| all.report(1)),
        Run::HerdKill => {
            let kill = Some(Rng::with_seed(arguments.seed));
            herds(&fleet, &source, arguments.rounds, kill).await.map(|all| all.report(2))
        }
        _ => {
            let (scene, is_good) = under_load(fleet, arguments).await;
            fleet = scene;
            is_good
        }
    };
    if !matches!(is_good, Ok(true)) {
        println!("what the members have said: {}", fleet.keep_logs().display());
    }
    is_good
}

async fn under_load(fleet: Fleet, arguments: &Arguments) -> (Fleet, Result<bool, Failed>) {
    let watch = Watch::start();
    let epoch = match fleet.settled().await {
        Ok(epoch) => epoch,
        Err(failed) => return (fleet, Err(failed)),
    };
    let mix = if arguments.hot { Mix::Hot } else { Mix::Even };
    let load = Load::start(&fleet, watch, arguments.seed, mix);
    let mut scene = Scene { fleet, load, watch, rng: Rng::with_seed(arguments.seed), epoch };
    let rounds = arguments.rounds;
    let faults = match arguments.run {
        Run::Kill => scene.kill(rounds).await,
        Run::Pause => scene.pause(rounds, Duration::from_secs(arguments.pause_s)).await,
        Run::Roll => scene.roll(rounds).await,
        Run::Cut => scene.cut(rounds).await,
        Run::Calm | Run::Herd | Run::HerdKill => {
            tokio::time::sleep(Duration::from_secs(rounds as u64)).await;
            Ok(Vec::new())
        }
    };
    let Scene { fleet, load, .. } = scene;
    let history = load.end().await;
    let read_from_copies = arguments.read == Read::Any;
    let demands = Demands {
        faults_min: rounds,
        no_failures: arguments.run == Run::Roll,
        // What is seldom asked for is found late, however soon it was there.
        recovery_max: (arguments.run == Run::Kill && mix == Mix::Even).then_some(RECOVERY_MAX),
        writes_min: mix.writes_min(),
        copy_hits: if read_from_copies { Some(fleet.hits("copy_hits").await) } else { None },
        near_hits: if arguments.hot { Some(fleet.hits("near_hits").await) } else { None },
    };
    let is_good = faults.map(|faults| report(&history, &faults, demands));
    (fleet, is_good)
}

/// The server that was built with this program.
fn beside() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    here.with_file_name("cache_manager")
}
