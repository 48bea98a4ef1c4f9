//! What of `[cluster]` goes together.

use distcache::codes;
use distcache_http::doors::Kind;

use crate::config::{Config, conflict};
use crate::fault::{Fault, Faults};
use crate::setting::{Section, Setting};
use crate::table;
use crate::tables::{View, default_of};

pub(super) fn combinations(config: &Config, faults: &mut Faults) {
    balancer(config, faults);
    let view = config.common(Section::Cluster);
    let mut settings = table::settings(Section::Cluster).iter();
    let given = settings.find(|setting| says_something(view, setting));
    let Some(Setting { name: given, .. }) = given else { return };
    if cfg!(not(feature = "cluster")) {
        faults.add(|| {
            let (code, what) = (codes::CLUSTER_NOT_BUILT, codes::CLUSTER_NOT_BUILT.meaning());
            Fault::new(&view.origin(given), code, what, code.remedy())
        });
    } else if config.is_node() {
        of_a_node(config, faults);
    } else if config.is_balancer() {
        of_a_balancer(config, faults);
    } else {
        faults.add(|| {
            let what = format!("{given} is about a cluster, and the server is alone");
            conflict(&view.origin(given), what, "give --mode node, or leave this out")
        });
    }
}

/// What is about a load balancer says something only of one.
fn balancer(config: &Config, faults: &mut Faults) {
    let view = config.common(Section::Balancer);
    let mut settings = table::settings(Section::Balancer).iter();
    let given = settings.find(|setting| says_something(view, setting));
    if let Some(Setting { name, .. }) = given.filter(|_| !config.is_balancer()) {
        faults.add(|| {
            let what = format!("{name} is about a load balancer, and the server is none");
            conflict(&view.origin(name), what, "give --mode load_balancer, or leave this out")
        });
    }
}

/// Of a cluster it knows where the nodes are, and nothing else.
fn of_a_balancer(config: &Config, faults: &mut Faults) {
    let view = config.common(Section::Cluster);
    let is_of_nodes = |setting: &&Setting| !["mode", "nodes"].contains(&setting.name);
    let mut settings = table::settings(Section::Cluster).iter().filter(is_of_nodes);
    if let Some(Setting { name, .. }) = settings.find(|setting| says_something(view, setting)) {
        faults.add(|| {
            let what = format!("{name} is about a node, and the server is a load balancer");
            conflict(&view.origin(name), what, "name the nodes by --nodes, and leave this out")
        });
    }
    if config.http_server() == Kind::TinyHttp {
        faults.add(|| {
            let origin = config.common(Section::Server).origin("http_server");
            let what = "a load balancer calls nodes by the tasks of hyper".to_owned();
            conflict(&origin, what, "use the server hyper")
        });
    }
    #[cfg(feature = "cluster")]
    faults.take(config.balancer());
}

/// Whether a setting is another than it would be anyway. What is printed names every
/// default, and is a configuration like any other.
fn says_something(view: View<'_>, setting: &Setting) -> bool {
    view.is_given(setting.name) && view.value(setting.name) != default_of(setting)
}

fn of_a_node(config: &Config, faults: &mut Faults) {
    faults.take(config.others());
    faults.take(config.is_told_whole());
    let http = config.address();
    // Which port the system gives is known when it has given it.
    if http.port() == 0 && !config.common(Section::Cluster).is_given("peer_listen") {
        return;
    }
    let Some(listen) = faults.take(config.peer_listen(http)) else { return };
    let is_hidden = listen.ip().to_canonical().is_loopback();
    let is_carried = faults.take(config.is_carried()).is_some();
    if config.is_over_nats() {
        if is_carried && faults.is_empty() {
            faults.take(config.advertised(listen));
            faults.take(config.teller(listen));
        }
        return;
    }
    if !is_hidden && !config.has_proofs() && !config.is_insecure() {
        faults.add(|| {
            let origin = config.common(Section::Cluster).origin("peer_listen");
            let what = format!("other machines reach {listen}, and nodes are believed without TLS");
            let right = "give --tls-cert, --tls-key and --tls-ca; or listen for other nodes on a \
                         loopback address by --peer-listen; or say --insecure";
            Fault::new(&origin, codes::CLUSTER_REFUSED, what, right)
        });
    } else if faults.is_empty() {
        faults.take(config.advertised(listen));
        faults.take(config.teller(listen));
    }
}
