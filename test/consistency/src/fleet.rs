//! The members of a cluster: processes that are started, asked and ended.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hyper::{Method, StatusCode};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::client::{Client, path};
use crate::failed::Failed;
use crate::network::Network;

/// How long something may take that comes to be by itself.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);

/// The keyspace without a source: what is not there, nobody has put.
pub(crate) const PLAIN: &str = "default";
/// The keyspace whose missing values are loaded.
pub(crate) const LOADED: &str = "loaded";

/// Keys that are looked at to see whether each has an owner.
const PROBES: usize = 64;

/// A cluster of processes. They are killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Fleet {
    network: Network,
    program: PathBuf,
    members: Vec<Mutex<Option<Child>>>,
    folder: TempDir,
    /// The server over which they reach each other, if not over TCP.
    nats: Option<String>,
}

/// What is kept of each entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copies {
    /// So many members hold it, its owner included.
    pub(crate) replicas: u8,
    /// Which of them answer reads, as the settings call it.
    pub(crate) read: &'static str,
    /// How many of them are waited for, as the settings call it.
    pub(crate) ack: &'static str,
}

impl Fleet {
    /// Starts all members, and waits until they are one cluster. Missing values of
    /// [`LOADED`] come from a source at that address. They reach each other over TCP, or over
    /// that server of NATS.
    pub(crate) async fn start(
        network: Network,
        program: PathBuf,
        source: SocketAddr,
        copies: Copies,
        nats: Option<String>,
    ) -> Result<Self, Failed> {
        let folder = TempDir::new().map_err(Failed::machine("making a folder for logs"))?;
        let Copies { replicas, read, ack } = copies;
        let copies = format!("replicas = {replicas}\nread = \"{read}\"\nack = \"{ack}\"");
        let settings = format!(
            "[keyspaces.{PLAIN}]\n{copies}\n[keyspaces.{LOADED}]\n{copies}\n\
             load_timeout = \"30s\"\n\
             [keyspaces.{LOADED}.source]\nkind = \"http\"\nurl = \"http://{source}/{{key}}\"\n"
        );
        std::fs::write(folder.path().join("settings.toml"), settings)
            .map_err(Failed::machine("writing the settings"))?;
        let members = network.addresses.iter().map(|_| Mutex::new(None)).collect();
        let fleet = Self { network, program, members, folder, nats };
        for at in 0..fleet.count() {
            fleet.begin(at)?;
        }
        fleet.settled().await?;
        Ok(fleet)
    }

    /// How many members there are, those that were ended too.
    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    /// Where a member is asked.
    pub(crate) fn address(&self, at: usize) -> SocketAddr {
        self.network.addresses[at]
    }

    /// Whether a server carries their links.
    pub(crate) fn is_carried(&self) -> bool {
        self.nats.is_some()
    }

    /// What carries their links.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// Starts a member that is not there.
    pub(crate) fn begin(&self, at: usize) -> Result<(), Failed> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log(at))
            .map_err(Failed::machine("opening a log"))?;
        let mut command = self.network.command(at, &self.program.display().to_string());
        self.arguments(at, &mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().map_err(Failed::machine("starting a member"))?;
        *self.members[at].lock() = Some(child);
        Ok(())
    }

    fn arguments(&self, at: usize, command: &mut Command) {
        let list =
            |all: &[SocketAddr]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        command
            .args(["--mode", "node", "--listen", &self.address(at).to_string()])
            .arg("--config")
            .arg(self.folder.path().join("settings.toml"));
        match self.network.proxies() {
            Some(proxies) => {
                let (peer, proxy) = (self.network.peer(at).to_string(), proxies[at].to_string());
                command.args(["--peer-listen", &peer, "--advertise", &proxy]);
                command.args(["--peers", &list(proxies)]);
            }
            None => {
                command.args(["--nodes", &list(&self.network.addresses)]);
            }
        }
        if let Some(nats) = &self.nats {
            command.args(["--transport", nats]);
        }
        if !self.network.is_loopback() {
            command.arg("--insecure");
        }
    }

    /// Ends a member at once, and waits for its end.
    pub(crate) fn kill(&self, at: usize) -> Result<(), Failed> {
        self.signal(at, Signal::KILL)?;
        let Some(mut child) = self.members[at].lock().take() else { return Ok(()) };
        child.wait().map(drop).map_err(Failed::machine("waiting for a member"))
    }

    /// Asks a member to end in good order, and waits until it has.
    pub(crate) async fn end(&self, at: usize) -> Result<(), Failed> {
        self.signal(at, Signal::TERM)?;
        let began = Instant::now();
        loop {
            let ended = match &mut *self.members[at].lock() {
                Some(child) => child.try_wait().map_err(Failed::machine("waiting for a member"))?,
                None => return Ok(()),
            };
            match ended {
                Some(status) if status.success() => break,
                Some(status) => return Err(self.ended(at, status.to_string())),
                None if PATIENCE < began.elapsed() => {
                    let what = format!("the end of member {at} came");
                    return Err(Failed::Late { what, within: PATIENCE });
                }
                None => sleep(PAUSE).await,
            }
        }
        *self.members[at].lock() = None;
        Ok(())
    }

    /// Stops a member, as a machine does that sleeps.
    pub(crate) fn pause(&self, at: usize) -> Result<(), Failed> {
        self.signal(at, Signal::STOP)
    }

    /// Lets it go on.
    pub(crate) fn resume(&self, at: usize) -> Result<(), Failed> {
        self.signal(at, Signal::CONT)
    }

    fn signal(&self, at: usize, signal: Signal) -> Result<(), Failed> {
        let member = self.members[at].lock();
        let id = member.as_ref().map(|child| i32::try_from(child.id()).unwrap_or(i32::MAX));
        let Some(id) = id.and_then(Pid::from_raw) else {
            return Err(self.ended(at, "it was ended before".to_owned()));
        };
        kill_process(id, signal).map_err(|error| Failed::machine("sending a signal")(error.into()))
    }

    fn ended(&self, member: usize, status: String) -> Failed {
        Failed::Ended { member, status, log: self.log(member).display().to_string() }
    }

    fn log(&self, at: usize) -> PathBuf {
        self.folder.path().join(format!("member-{at}.log"))
    }

    /// Keeps the logs; returns where they are.
    pub(crate) fn keep_logs(&mut self) -> PathBuf {
        self.folder.disable_cleanup(true);
        self.folder.path().to_owned()
    }

    /// Those that were started, and not ended.
    pub(crate) fn running(&self) -> Vec<usize> {
        (0..self.count()).filter(|at| self.members[*at].lock().is_some()).collect()
    }

    /// Waits until all that are running are ready by one view of them alone, and each
    /// key has an owner that answers for it. Returns the epoch of that view.
    pub(crate) async fn settled(&self) -> Result<u64, Failed> {
        let began = Instant::now();
        let running = self.running();
        loop {
            if let Some(epoch) = self.settled_by(&running).await {
                return Ok(epoch);
            }
            for at in &running {
                let mut member = self.members[*at].lock();
                let status = member.as_mut().and_then(|child| child.try_wait().ok().flatten());
                if let Some(status) = status {
                    return Err(self.ended(*at, status.to_string()));
                }
            }
            if PATIENCE < began.elapsed() {
                let what = format!("members {running:?} were ready by one view");
                return Err(Failed::Late { what, within: PATIENCE });
            }
            sleep(PAUSE).await;
        }
    }

    /// Reads that those who are running have answered with copies, by the name that the
    /// statistics have for such.
    pub(crate) async fn hits(&self, name: &str) -> u64 {
        let mut hits = 0;
        for at in self.running() {
            let mut client = Client::new(self.address(at));
            for keyspace in [PLAIN, LOADED] {
                let path = format!("/v1/keyspaces/{keyspace}/stats");
                let told = client.ask(Method::GET, &path, "").await.ok();
                let stats = told.and_then(|told| serde_json::from_slice::<Value>(&told.body).ok());
                hits += stats.and_then(|stats| stats[name].as_u64()).unwrap_or(0);
            }
        }
        hits
    }

    async fn settled_by(&self, running: &[usize]) -> Option<u64> {
        let mut epochs = Vec::new();
        for at in running {
            let mut client = Client::new(self.address(*at));
            epochs.push(epoch(&mut client, running.len()).await?);
            for probe in 0..PROBES {
                let path = path(PLAIN, &format!("probe-{probe}"));
                let answer = client.ask(Method::GET, &path, "").await.ok()?;
                if answer.status != StatusCode::NOT_FOUND {
                    return None;
                }
            }
        }
        let first = epochs.first().copied()?;
        epochs.iter().all(|epoch| *epoch == first).then_some(first)
    }
}

/// The epoch by which a member is ready among so many. One that does not weigh yet does
/// not count when another dies.
async fn epoch(client: &mut Client, count: usize) -> Option<u64> {
    let ready = client.ask(Method::GET, "/readyz", "").await.ok()?;
    let told = client.ask(Method::GET, "/v1/members", "").await.ok()?;
    let told: Value = serde_json::from_slice(&told.body).ok()?;
    let members = told["members"].as_array()?;
    let are_active = members.iter().all(|member| member["state"] == "active");
    let is_ready = ready.status == StatusCode::OK && told["weighs"] == true;
    (is_ready && are_active && members.len() == count).then(|| told["epoch"].as_u64())?
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for member in &self.members {
            if let Some(mut child) = member.lock().take() {
                // One that has ended already is only waited for.
                let _killed = child.kill();
                let _status = child.wait();
            }
        }
    }
}
