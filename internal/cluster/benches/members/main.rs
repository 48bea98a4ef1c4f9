//! What it costs to be a member at rest: `cargo bench -p distcache-cluster --bench members`.
//!
//! Clusters of 3, 10 and 50 members, all within this process, whose wire is memory; the
//! rest of them is real, and so is the time. Nobody asks for anything: leases are renewed,
//! the leader is heard of, and each cache looks after itself. A tenth of a minute after
//! all are members, they are looked at in nine spans of two seconds.
//!
//! `FACT members-N-what X`: of one of N members each second, on average: messages and bytes
//! that it sends, replies included, and milliseconds of processor time, of which the median
//! span counts. `of-leader` is what the leader sends, and `caches-alone` what its cache
//! takes before it is a member; that is a part of the time of a member.
//!
//! `ROUNDS` and `SECONDS_A_ROUND` in the environment say how many spans, and how long.
#![expect(clippy::print_stdout, reason = "printing figures is what a benchmark is for")]

mod counted;

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use distcache_bus::Stopwatch;
use distcache_cluster::lease::BootTime;
use distcache_cluster::links::{self, MemberId, Serve, Serving};
use distcache_cluster::proto::reply::Outcome;
use distcache_cluster::proto::{Nothing, Reply, Request};
use distcache_cluster::wire::{Address, Network, Wire};
use distcache_cluster::{Cluster, MemberState, Parts, Settings, Tenant, View};
use distcache_manager::{CacheManager, Config};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Builder;
use tokio::sync::watch;

use counted::{Counted, Sent};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COUNTS: [usize; 3] = [3, 10, 50];
const ROUNDS: usize = 9;
const SECONDS_A_ROUND: usize = 2;
/// So long what came with the last view takes to end.
const CALM: Duration = Duration::from_secs(6);
/// Longer than fifty members need to become one cluster.
const PATIENCE: Duration = Duration::from_mins(3);
/// Between two looks whether they are.
const PAUSE: Duration = Duration::from_millis(20);

fn main() {
    // Cargo says `--bench` when it wants figures; when it tests, it only wants to see
    // that this compiles and starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let span = Duration::from_secs(asked("SECONDS_A_ROUND", SECONDS_A_ROUND) as u64);
    for count in COUNTS {
        measure(count, asked("ROUNDS", ROUNDS), span);
    }
}

/// A number that the environment may set.
fn asked(name: &str, otherwise: usize) -> usize {
    match std::env::var(name) {
        Ok(number) => number.parse().unwrap_or_else(|_| panic!("{name} is {number}: no number")),
        Err(_not_set) => otherwise,
    }
}

fn measure(count: usize, rounds: usize, span: Duration) {
    let caches: Vec<_> = (0..count).map(|_| cache()).collect();
    sleep(CALM);
    let alone = processor_ms(rounds, span);
    let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let network = Network::new(1);
    let members = runtime.block_on(async {
        let mut members = Vec::new();
        for (number, cache) in caches.into_iter().enumerate() {
            members.push(Member::start(&network, number, count, cache).await);
        }
        members
    });
    until_at_rest(&members);
    let epoch = members[0].cluster.epoch();
    let before: Vec<_> = members.iter().map(|member| member.sent.told()).collect();
    let since = Stopwatch::start();
    let processor_ms = processor_ms(rounds, span);
    let seconds = since.elapsed().as_secs_f64();
    let sent = before.iter().zip(&members).map(|(before, member)| {
        let after = member.sent.told();
        (member.leads(), [after.0 - before.0, after.1 - before.1])
    });
    let sent: Vec<_> = sent.collect();
    assert_eq!(members[0].cluster.epoch(), epoch, "nobody comes or goes");
    let all = |what: usize| sent.iter().map(|(_, sent)| sent[what]).sum::<u64>();
    let of_leader = |what: usize| {
        let leader = sent.iter().find(|(leads, _)| *leads);
        leader.map_or(0, |(_, sent)| sent[what])
    };
    let each = |sum: f64| sum / f64::from(u32::try_from(count).expect("a few"));
    let told = |what: &str, figure: f64| println!("FACT members-{count}-{what} {figure:.2}");
    told("messages", each(per(all(0), seconds)));
    told("messages-of-leader", per(of_leader(0), seconds));
    told("bytes", each(per(all(1), seconds)));
    told("bytes-of-leader", per(of_leader(1), seconds));
    told("processor-ms", each(processor_ms));
    told("processor-ms-caches-alone", each(alone));
    runtime.block_on(async {
        for member in &members {
            member.cluster.close().await;
        }
        drop(members);
    });
}

#[expect(clippy::cast_precision_loss, reason = "some millions at most")]
fn per(sum: u64, seconds: f64) -> f64 {
    sum as f64 / seconds
}

/// Milliseconds of processor time that this process takes in a second: the median of so
/// many spans.
fn processor_ms(rounds: usize, span: Duration) -> f64 {
    let round = |_| {
        let (since, before) = (Stopwatch::start(), processor_time());
        sleep(span);
        let taken = processor_time().saturating_sub(before);
        1e3 * taken.as_secs_f64() / since.elapsed().as_secs_f64()
    };
    let mut spans: Vec<f64> = (0..rounds).map(round).collect();
    spans.sort_by(f64::total_cmp);
    spans[spans.len() / 2]
}

/// The processor time of this process so far.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("it only grows");
    Duration::new(seconds, u32::try_from(time.tv_nsec).expect("nanoseconds are below a second"))
}

/// Waits until all are members of one cluster by one view, and what came with it is over.
fn until_at_rest(members: &[Member]) {
    let since = Stopwatch::start();
    while !members.iter().all(|member| member.is_one_of(members.len(), &members[0])) {
        assert!(since.elapsed() < PATIENCE, "{} members become one cluster", members.len());
        sleep(PAUSE);
    }
    sleep(CALM);
}

fn cache() -> Arc<CacheManager> {
    let config = Config { data_nodes: 2, capacity_bytes: 16 << 20, ..Config::default() };
    Arc::new(CacheManager::start(config).expect("good settings"))
}

fn address(number: usize) -> Address {
    format!("member-{number}:1").parse().expect("an address")
}

/// A cache, and its part in a cluster.
struct Member {
    cluster: Cluster,
    sent: Arc<Sent>,
}

impl Member {
    /// Number `number` of `count`, which all know each other's addresses.
    async fn start(
        network: &Arc<Network>,
        number: usize,
        count: usize,
        cache: Arc<CacheManager>,
    ) -> Self {
        let (sent, at) = (Arc::new(Sent::default()), address(number));
        let wire: Arc<dyn Wire> = Arc::new(Counted::new(network.member(&at), &sent));
        let listener = wire.listen(&at).await.expect("nobody else is there");
        let member = MemberId::random().expect("there are random numbers");
        let listed = (0..count).map(|number| address(number).as_str().into()).collect();
        let parts = Parts {
            cache,
            wire,
            listener,
            links: links::Settings::new("bench", member, at.clone()),
            agreement: Settings::new(at.as_str()),
            uptime: Arc::new(BootTime),
            // It never changes.
            listed: watch::channel(Some(listed)).1,
            tenant: Arc::new(Nobody),
        };
        let cluster = Cluster::start(parts).expect("good settings");
        Self { cluster, sent }
    }

    /// Whether it answers for its keys as one of so many, by the same view as another one.
    fn is_one_of(&self, count: usize, other: &Self) -> bool {
        self.cluster.holding().is_some_and(|holding| {
            let (epoch, members) = (holding.view().epoch(), holding.view().members());
            let active = members.iter().filter(|member| member.state == MemberState::Active);
            members.len() == count
                && active.count() == count
                && holding.has_lease()
                && holding.settled() == epoch
                && other.cluster.epoch() == epoch
        })
    }

    fn leads(&self) -> bool {
        let agreement = self.cluster.agreement();
        agreement.id().is_some() && agreement.leader() == agreement.id()
    }
}

/// Whom nobody asks for keys.
struct Nobody;

impl Serve for Nobody {
    fn serve(&self, _from: &Address, _request: Request) -> Serving {
        let outcome = Some(Outcome::Unsupported(Nothing {}));
        Serving::Now(Reply { outcome, ..Reply::default() })
    }
}

impl Tenant for Nobody {
    fn settled(&self, _: &Arc<View>) {}
}
