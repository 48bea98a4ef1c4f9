//! One run, from the first process to its report.

use std::path::PathBuf;
use std::time::Duration;

use distcache::ReadFrom;
use fastrand::Rng;
use tempfile::TempDir;

use crate::arguments::{Arguments, Run, Transport};
use crate::failed::Failed;
use crate::fleet::{Copies, Fleet};
use crate::herd::herds;
use crate::load::{Load, Mix};
use crate::nats_server::NatsServer;
use crate::network::Network;
use crate::report::{Demands, report};
use crate::scene::Scene;
use crate::source::Source;
use crate::watch::Watch;
use crate::within::within;

/// A lease, and a second.
const RECOVERY_MAX: Duration = Duration::from_secs(3);

/// Makes a run, and prints what came of it. Returns whether all was as it should be.
///
/// # Errors
/// When the run could not be made.
pub async fn run(arguments: &Arguments) -> Result<bool, Failed> {
    if arguments.run == Run::Within {
        return within(arguments).await;
    }
    let network = match arguments.run {
        Run::Cut if arguments.proxy => Network::proxied(arguments.members).await?,
        Run::Cut => Network::namespaces(arguments.members)?,
        _ => Network::loopback(arguments.members)?,
    };
    let nats = match arguments.transport {
        Transport::Tcp => None,
        Transport::Nats => {
            let folder = TempDir::new().map_err(Failed::machine("making a folder for NATS"))?;
            let server = NatsServer::start_at(network.carrier(), folder, "");
            Some(server.ok_or(Failed::NoNats)?)
        }
    };
    let program = arguments.program.clone().unwrap_or_else(beside);
    let source = Source::start(network.outside()).await?;
    let transport = nats.as_ref().map(NatsServer::url);
    let (replicas, ack) = (arguments.replicas, arguments.ack.name());
    let copies = Copies { replicas, read: arguments.read.name(), ack };
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
        Run::KillTwo => scene.kill_two(rounds).await,
        Run::KillAndPause => scene.kill_and_pause(rounds).await,
        Run::Roll => scene.roll(rounds).await,
        Run::Cut => scene.cut(rounds).await,
        Run::Calm | Run::Herd | Run::HerdKill | Run::Within => {
            tokio::time::sleep(Duration::from_secs(rounds as u64)).await;
            Ok(Vec::new())
        }
    };
    let Scene { fleet, load, .. } = scene;
    let history = load.end().await;
    let read_from_copies = arguments.read == ReadFrom::Any;
    let demands = Demands {
        faults_min: rounds,
        hit_share_min: 0.0,
        no_failures: arguments.run == Run::Roll,
        // What is seldom asked for is found late, however soon it was there.
        recovery_max: (arguments.run == Run::Kill && mix == Mix::Even).then_some(RECOVERY_MAX),
        writes_min: mix.writes_min(),
        calls_min: arguments.calls_min,
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
