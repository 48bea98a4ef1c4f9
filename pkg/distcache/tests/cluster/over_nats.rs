//! Members that speak over a server of NATS.

#[expect(dead_code, reason = "the tests of discovery say more")]
#[path = "../../../discovery/tests/support/nats_server.rs"]
mod nats_server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use distcache::{
    Certificates, ClusterConfig, ClusterError, Engine, KeyspaceConfig, Nats, NatsAccount,
    StartError, Tls,
};
use nats_server::NatsServer;
use tokio::runtime::{Builder, Runtime};

use crate::fleet::{Fleet, keyspaces, until};

fn over(server: &NatsServer) -> impl Fn(ClusterConfig) -> ClusterConfig {
    let account = NatsAccount::at([server.url()]);
    // A connection for each, as processes have.
    move |cluster| cluster.nats(Nats::by(account.clone()).expect("a good address"))
}

/// So many members over that server, when all of them serve.
fn fleet(server: &NatsServer, count: usize, keyspaces: impl Fn() -> Vec<KeyspaceConfig>) -> Fleet {
    let mut fleet = Fleet::to_be_of(count);
    for _ in 0..count {
        let engine = fleet.start_with(keyspaces(), over(server));
        fleet.engines.push(engine);
    }
    fleet.settle();
    fleet
}

/// Each member reads and changes what the others own.
fn works(fleet: &Fleet) {
    for (at, key) in fleet.a_key_of_each("plain").iter().enumerate() {
        for (by, engine) in fleet.engines.iter().enumerate() {
            let plain = engine.keyspace("plain").expect("all members serve");
            let value = format!("{by} of {at}").into_bytes();
            plain.put(key, &value).expect("all members serve");
            for other in &fleet.engines {
                let found = other
                    .keyspace("plain")
                    .expect("all members serve")
                    .get(key)
                    .expect("all members serve");
                assert_eq!(found.as_deref(), Some(&*value));
            }
        }
    }
}

#[test]
fn each_member_answers_for_every_key_and_long_values_pass() {
    // A value has hundreds of messages then.
    let Some(server) = NatsServer::start_with("max_payload: 4096") else { return };
    let fleet = fleet(&server, 3, keyspaces);
    works(&fleet);
    let key = &fleet.a_key_of_each("plain")[0];
    let value: Vec<u8> = (0..2_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    fleet.engines[1].keyspace("plain").unwrap().put(key, &value).unwrap();
    let found = fleet.engines[2].keyspace("plain").unwrap().get(key).unwrap();
    assert!(found.as_deref() == Some(&*value), "it is another one");
}

#[test]
fn a_missing_key_is_loaded_once_however_many_members_are_asked() {
    const CALLERS: usize = 30;
    let Some(server) = NatsServer::start() else { return };
    let loads = Arc::new(AtomicU64::new(0));
    let fleet = fleet(&server, 3, || {
        let loads = loads.clone();
        let source = move |key: &[u8]| -> Result<_, std::io::Error> {
            loads.fetch_add(1, Ordering::SeqCst);
            // Long enough for all to come.
            thread::sleep(Duration::from_millis(50));
            Ok(Some(key.to_vec()))
        };
        vec![KeyspaceConfig::new("sourced").source_fn(source)]
    });
    for round in 0..5 {
        loads.store(0, Ordering::SeqCst);
        let key = format!("missing-{round}").into_bytes();
        thread::scope(|scope| {
            for caller in 0..CALLERS {
                let space = fleet.engines[caller % 3].keyspace("sourced").unwrap();
                let key = &key;
                scope.spawn(move || assert_eq!(space.get(key).unwrap().as_deref(), Some(&**key)));
            }
        });
        assert_eq!(loads.load(Ordering::SeqCst), 1, "round {round}");
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Its tasks end at once, and with them its connection, without a word.
#[test]
fn when_a_member_vanishes_the_others_answer_for_its_keys() {
    let Some(server) = NatsServer::start() else { return };
    let mut fleet = Fleet::to_be_of(3);
    let doomed = runtime();
    for at in 0..3 {
        let set = |cluster: ClusterConfig| {
            let cluster = over(&server)(cluster);
            if at == 2 { cluster.runtime(doomed.handle().clone()) } else { cluster }
        };
        let engine = fleet.start_with(keyspaces(), set);
        fleet.engines.push(engine);
    }
    fleet.settle();
    let keys = fleet.a_key_of_each("plain");
    doomed.shutdown_background();
    let gone = fleet.engines.pop().unwrap();
    fleet.settle();
    for engine in &fleet.engines {
        let plain = engine.keyspace("plain").unwrap();
        for key in &keys {
            plain.put(key, b"after").unwrap();
            assert_eq!(plain.get(key).unwrap().as_deref(), Some(&b"after"[..]));
        }
    }
    drop(gone);
}

#[test]
fn when_the_server_is_started_anew_the_members_serve_again() {
    let Some(mut server) = NatsServer::start() else { return };
    let fleet = fleet(&server, 3, keyspaces);
    let keys = fleet.a_key_of_each("sourced");
    server.stop();
    // Nobody has a lease without the others: what has a source is read past the cache.
    until("no lease is held", || {
        fleet.engines.iter().all(|engine| !engine.members().expect("a member").has_lease)
    });
    for key in &keys {
        let found = fleet.engines[0].keyspace("sourced").unwrap().get(key).unwrap();
        assert_eq!(found.as_deref(), Some(&**key));
    }
    server.go_on();
    fleet.settle();
    works(&fleet);
}

fn refused(set: impl FnOnce(ClusterConfig) -> ClusterConfig) -> String {
    let cluster = set(ClusterConfig::new("127.0.0.1:0"));
    match Engine::builder().cluster(cluster).start() {
        Err(StartError::Cluster(error)) => {
            assert!(matches!(error, ClusterError::InsecureNats | ClusterError::TlsOverNats));
            error.to_string()
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it starts"),
    }
}

/// As over TCP: what others could read and change is not begun unless somebody says so.
#[test]
fn a_server_elsewhere_is_spoken_to_over_tls_and_with_a_proof_or_not_at_all() {
    let at = |url: &str| NatsAccount::at([url]);
    for account in [
        at("nats://192.0.2.7:4222"),
        at("nats://192.0.2.7:4222").token_file("token"),
        at("tls://192.0.2.7:4222"),
    ] {
        let told = refused(|cluster| cluster.nats(Nats::by(account).expect("a server")));
        assert!(told.contains("ClusterConfig::insecure"), "{told}");
    }
}

#[test]
fn tls_of_the_members_own_is_refused_over_nats() {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a good name");
    let own = params.self_signed(&key).expect("a certificate").pem();
    let own = own.as_bytes();
    let certificates = Certificates::from_pem(own, own, key.serialize_pem().as_bytes());
    let tls = Arc::new(certificates.and_then(Tls::new).expect("good ones"));
    let told = refused(|cluster| {
        cluster.nats(Nats::by(NatsAccount::at(["nats://127.0.0.1:1"])).expect("a server")).tls(tls)
    });
    assert!(told.contains("leave ClusterConfig::tls out"), "{told}");
}

/// Others know it by what it advertises: so that is where it listens.
#[test]
fn a_member_listens_by_the_name_by_which_it_is_known() {
    let Some(server) = NatsServer::start() else { return };
    let names = ["a.cache:1", "b.cache:1"];
    let engines = names.map(|name| {
        let cluster = ClusterConfig::new("0.0.0.0:18081").advertise(name).members(names);
        let builder = Engine::builder().capacity_bytes(32 << 20).data_nodes(2);
        let plain = KeyspaceConfig::new("plain");
        builder.cluster(over(&server)(cluster)).keyspace(plain).start().expect("it starts")
    });
    until("they are two", || {
        let mut told = engines.iter().map(|engine| engine.members().expect("a member"));
        told.all(|one| one.has_lease && one.members.len() == 2)
    });
}
