//! A world in which time goes by ten milliseconds at once.

mod clock;
pub(crate) use clock::Clock;

mod host;
pub(crate) use host::{Host, Kind};

mod net;
pub(crate) use net::Net;

mod oracle;
pub(crate) use oracle::Oracle;

mod seat;
pub(crate) use seat::Served;

mod dice;
pub(crate) use dice::Dice;

use std::collections::BTreeSet;
use std::time::Duration;

use distcache_cluster::{MemberState, Settings};

/// One step. Shorter than anything the cluster waits for.
pub(crate) const STEP: Duration = Duration::from_millis(10);

/// The lease of every test.
pub(crate) const D: Duration = Duration::from_secs(2);

/// Some processes, their network, and the time.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) net: Net,
    pub(crate) hosts: Vec<Host>,
    pub(crate) oracle: Oracle,
    /// What every process is told to be its electorate; none: all of them.
    listed: Option<Vec<Vec<usize>>>,
    tune: fn(&mut Settings),
}

impl World {
    /// `count` processes that start in one instant, and list each other.
    pub(crate) fn of(count: usize) -> Self {
        Self::tuned(count, |_| {})
    }

    /// So many that have become one cluster.
    pub(crate) fn cluster_of(count: usize) -> Self {
        let mut world = Self::of(count);
        let all: Vec<usize> = (0..count).collect();
        world.until_one_cluster_of(&all);
        world
    }

    /// The same with other settings.
    pub(crate) fn tuned(count: usize, tune: fn(&mut Settings)) -> Self {
        let mut world = Self::empty(tune);
        for _ in 0..count {
            world.start();
        }
        world
    }

    pub(crate) fn empty(tune: fn(&mut Settings)) -> Self {
        let net = Net::default();
        let (hosts, oracle) = (Vec::new(), Oracle::default());
        Self { now: Duration::from_secs(1000), net, hosts, oracle, listed: None, tune }
    }

    /// Another process. Everybody lists it from here on.
    pub(crate) fn start(&mut self) -> usize {
        let index = self.hosts.len();
        self.hosts.push(Host::start(index, self.now, &self.net, self.tune));
        self.list();
        index
    }

    /// Another process, to which discovery has told nothing yet.
    pub(crate) fn start_unlisted(&mut self) {
        self.hosts.push(Host::start(self.hosts.len(), self.now, &self.net, self.tune));
    }

    /// From here on, discovery tells each process of these only.
    pub(crate) fn list_only(&mut self, listed: Vec<Vec<usize>>) {
        self.listed = Some(listed);
        self.list();
    }

    fn list(&self) {
        let all: Vec<usize> = (0..self.hosts.len()).collect();
        for (index, host) in self.hosts.iter().enumerate() {
            let listed = self.listed.as_ref().and_then(|lists| lists.get(index));
            host.list(listed.unwrap_or(&all));
        }
    }

    /// Ends a process at once, without a word.
    pub(crate) fn kill(&mut self, index: usize) {
        self.hosts[index].kill();
    }

    /// Starts a process at an address where another one has ended.
    pub(crate) fn restart(&mut self, index: usize) {
        self.hosts[index] = Host::start(index, self.now, &self.net, self.tune);
        self.list();
    }

    /// One step of everybody. The oracle looks on.
    pub(crate) fn step(&mut self) {
        self.net.deliver(self.now, &mut self.hosts);
        for host in &mut self.hosts {
            host.step(self.now);
        }
        self.now += STEP;
        self.oracle.look(self.now, &self.hosts);
    }

    /// So many steps.
    pub(crate) fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.step();
        }
    }

    /// Steps until it is so; how long that took. Panics if it takes longer than
    /// `within`.
    pub(crate) fn run_until(
        &mut self,
        within: Duration,
        what: &str,
        mut so: impl FnMut(&Self) -> bool,
    ) -> Duration {
        let began = self.now;
        while !so(self) {
            assert!(self.now < began + within, "not within {within:?}: {what}\n{}", self.picture());
            self.step();
        }
        self.now.saturating_sub(began)
    }

    /// Whether these, and nobody else, are the active members of one cluster, by one
    /// view, which is settled, and hold leases.
    pub(crate) fn is_one_cluster_of(&self, members: &[usize]) -> bool {
        let Some(first) = self.hosts[members[0]].view() else { return false };
        let ids: BTreeSet<_> = members.iter().map(|one| self.hosts[*one].id()).collect();
        let active = first.members().iter().filter(|one| one.state == MemberState::Active);
        let in_view: BTreeSet<_> = active.map(|one| Some(one.id)).collect();
        ids == in_view
            && first.members().len() == members.len()
            && members.iter().all(|one| {
                let host = &self.hosts[*one];
                let same = |view: &distcache_cluster::View| {
                    (view.cluster(), view.epoch()) == (first.cluster(), first.epoch())
                };
                host.view().is_some_and(|view| same(&view))
                    && host.holds(self.now)
                    && host.settled() == first.epoch()
            })
    }

    /// Steps until these are one cluster.
    pub(crate) fn until_one_cluster_of(&mut self, members: &[usize]) -> Duration {
        let what = format!("{members:?} are one cluster");
        self.run_until(Duration::from_mins(1), &what, |world| world.is_one_cluster_of(members))
    }

    /// The process that leads. Panics if there is none.
    pub(crate) fn leader(&self) -> usize {
        self.hosts.iter().position(Host::leads).expect("one leads")
    }

    /// All but these.
    pub(crate) fn others(&self, these: &[usize]) -> Vec<usize> {
        (0..self.hosts.len()).filter(|index| !these.contains(index)).collect()
    }

    /// Where everybody is, for a message.
    pub(crate) fn picture(&self) -> String {
        let lines = self.hosts.iter().enumerate().map(|(index, host)| {
            let view = host.view().map(|view| {
                let members = view.members().iter().map(|m| format!("{}:{:?}", m.id, m.state));
                format!("{} {} {:?}", view.cluster(), view.epoch(), members.collect::<Vec<_>>())
            });
            let (id, holds, settled) = (host.id(), host.holds(self.now), host.settled());
            format!("{index} {id:?} holds {holds} settled {settled} view {view:?}")
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
