//! The providers, each with its members.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use distcache::{Discovery, DiscoveryFailed, Srv};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::proto::rr::rdata::SRV;

use crate::api_server::{self, ApiServer, endpoint};
use crate::name_server::{NameServer, Says};
use crate::nats_server::NatsServer;

/// A program that tells who is there.
pub(crate) trait Provider: Sized {
    /// `None` where there is no such program.
    fn start() -> Option<Self>;

    /// What a member at this address asks.
    fn discovery(&self, address: &str) -> Shared;

    /// What one asks that is told of nobody, itself included.
    fn discovery_of_nobody(&self) -> Shared;

    /// A member is there from now on.
    fn come(&mut self, address: &str);

    /// It is not any more.
    fn go(&mut self, address: &str);

    /// The provider ends, and begins again with who is there then.
    fn stop(&mut self);
    fn go_on(&mut self);

    /// It hangs: it can be reached, and says nothing.
    fn freeze(&mut self);
    fn thaw(&mut self);

    /// It says what is no answer.
    fn lie(&mut self);
    fn tell_the_truth(&mut self);
}

/// A discovery that several may ask.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<dyn Discovery>);

impl Shared {
    fn of(discovery: impl Discovery) -> Self {
        Self(Arc::new(discovery))
    }
}

impl Discovery for Shared {
    fn addresses(&self) -> Result<Vec<String>, DiscoveryFailed> {
        self.0.addresses()
    }
}

fn port(address: &str) -> u16 {
    address.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("HOST:PORT")
}

const NAME: &str = "_distcache._tcp.example.com";

/// SRV records, of a name server on loopback.
pub(crate) struct Dns {
    server: NameServer,
    members: Vec<String>,
}

impl Dns {
    fn publish(&self) {
        if self.members.is_empty() {
            return self.server.say(Says::Code(ResponseCode::NXDomain));
        }
        let record = |address: &String| {
            let (host, _) = address.rsplit_once(':').expect("HOST:PORT");
            SRV::new(0, 0, port(address), Name::from_ascii(format!("{host}.")).expect("a name"))
        };
        self.server.say(Says::Records(self.members.iter().map(record).collect()));
    }
}

impl Provider for Dns {
    fn start() -> Option<Self> {
        let server = NameServer::start(Says::Code(ResponseCode::NXDomain));
        Some(Self { server, members: Vec::new() })
    }

    fn discovery(&self, _: &str) -> Shared {
        self.discovery_of_nobody()
    }

    fn discovery_of_nobody(&self) -> Shared {
        Shared::of(Srv::new(NAME).server(self.server.address))
    }

    fn come(&mut self, address: &str) {
        self.members.push(address.to_owned());
        self.publish();
    }

    fn go(&mut self, address: &str) {
        self.members.retain(|one| one != address);
        self.publish();
    }

    /// A name server that is away and one that refuses are the same to who asks.
    fn stop(&mut self) {
        self.server.say(Says::Code(ResponseCode::ServFail));
    }

    fn go_on(&mut self) {
        self.publish();
    }

    fn freeze(&mut self) {
        self.server.say(Says::Nothing);
    }

    fn thaw(&mut self) {
        self.publish();
    }

    fn lie(&mut self) {
        let nowhere = SRV::new(0, 0, 7, Name::root());
        self.server.say(Says::Records(vec![nowhere]));
    }

    fn tell_the_truth(&mut self) {
        self.publish();
    }
}

/// An API server on loopback, with a slice for each member: each has a port of its own.
pub(crate) struct Kubernetes {
    server: ApiServer,
}

impl Kubernetes {
    fn name(address: &str) -> String {
        format!("cache-{}", port(address))
    }
}

impl Provider for Kubernetes {
    fn start() -> Option<Self> {
        Some(Self { server: ApiServer::start() })
    }

    fn discovery(&self, _: &str) -> Shared {
        self.discovery_of_nobody()
    }

    fn discovery_of_nobody(&self) -> Shared {
        let asked = distcache_discovery::Kubernetes::service("cache", "links").namespace("shop");
        Shared::of(asked.server(self.server.url()).build().expect("good settings"))
    }

    fn come(&mut self, address: &str) {
        let (host, _) = address.rsplit_once(':').expect("HOST:PORT");
        let pod = endpoint(host, &Self::name(address), false, false);
        self.server.put("cache", &Self::name(address), port(address), &[pod]);
    }

    fn go(&mut self, address: &str) {
        self.server.remove(&Self::name(address));
    }

    fn stop(&mut self) {
        self.server.stop();
    }

    fn go_on(&mut self) {
        self.server.go_on();
    }

    fn freeze(&mut self) {
        self.server.say(api_server::Says::Nothing);
    }

    fn thaw(&mut self) {
        self.server.say(api_server::Says::Truth);
        self.server.cut();
    }

    fn lie(&mut self) {
        self.server.say(api_server::Says::Text("{}\n".to_owned()));
        self.server.cut();
    }

    fn tell_the_truth(&mut self) {
        self.server.say(api_server::Says::Truth);
    }
}

/// A real server, and members that announce themselves there.
pub(crate) struct Nats {
    server: NatsServer,
    members: BTreeMap<String, Shared>,
}

/// How often, and for how many announcements a silent one is there: 6 s, which is longer
/// than one is about connecting again.
const EVERY: Duration = Duration::from_millis(100);
const SILENT_FOR: u32 = 60;

/// Everybody may come in, and hears nothing of some subjects.
const MUTE: &str = r#"
    no_auth_user: all
    authorization { users: [ {
        user: all, password: all, permissions: { subscribe: { allow: ">", deny: "mute.>" } }
    } ] }
"#;

impl Nats {
    fn announcing(&self, address: &str) -> Shared {
        let nats = distcache_discovery::Nats::at([self.server.url()], address);
        let nats = nats.announce_every(EVERY).silent_for(SILENT_FOR);
        Shared::of(nats.build().expect("good settings"))
    }
}

impl Provider for Nats {
    fn start() -> Option<Self> {
        Some(Self { server: NatsServer::start_with(MUTE)?, members: BTreeMap::new() })
    }

    /// That of the member, which announces itself by it.
    fn discovery(&self, address: &str) -> Shared {
        let own = self.members.get(address).cloned();
        own.unwrap_or_else(|| self.announcing(address))
    }

    /// One whose own words do not come back: it may not listen.
    fn discovery_of_nobody(&self) -> Shared {
        let nats = distcache_discovery::Nats::at([self.server.url()], "127.0.0.1:1");
        Shared::of(nats.subject("mute.members").build().expect("good settings"))
    }

    fn come(&mut self, address: &str) {
        let member = self.announcing(address);
        // It begins when it is asked for the first time, and would wait while nobody answers.
        let asked = member.clone();
        let asking = move || drop(asked.addresses());
        std::thread::Builder::new().spawn(asking).expect("a thread");
        self.members.insert(address.to_owned(), member);
    }

    fn go(&mut self, address: &str) {
        self.members.remove(address).expect("it is there");
    }

    fn stop(&mut self) {
        self.server.stop();
    }

    fn go_on(&mut self) {
        self.server.go_on();
    }

    fn freeze(&mut self) {
        self.server.freeze();
    }

    fn thaw(&mut self) {
        self.server.thaw();
    }

    /// Three hundred members that nobody has.
    fn lie(&mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let client = async_nats::connect(self.server.url()).await.expect("it is there");
            for n in 0..300 {
                let said = format!(
                    "{{\"cluster\":\"distcache\",\"run\":1,\"says\":\"here\",\
                     \"address\":\"10.0.0.1:{}\"}}",
                    n + 1
                );
                client.publish("distcache.members", said.into()).await.expect("it is there");
            }
            client.flush().await.expect("it is there");
        });
    }

    /// They fall silent.
    fn tell_the_truth(&mut self) {}
}
