//! What of `[cluster]` goes together.

use distcache::codes;

use crate::config::{Config, conflict};
use crate::fault::{Fault, Faults};
use crate::setting::{Section, Setting};
use crate::table;
use crate::tables::default_of;

pub(super) fn combinations(config: &Config, faults: &mut Faults) {
    let view = config.common(Section::Cluster);
    // What is printed names every default, and is a configuration like any other.
    let says_something = |setting: &&Setting| {
        view.is_given(setting.name) && view.value(setting.name) != default_of(setting)
    };
    let mut settings = table::settings(Section::Cluster).iter();
    let Some(Setting { name: given, .. }) = settings.find(says_something) else { return };
    if cfg!(not(feature = "cluster")) {
        faults.add(|| {
            let (code, what) = (codes::CLUSTER_NOT_BUILT, codes::CLUSTER_NOT_BUILT.meaning());
            Fault::new(&view.origin(given), code, what, code.remedy())
        });
    } else if config.is_node() {
        of_a_node(config, faults);
    } else {
        faults.add(|| {
            let what = format!("{given} is about a cluster, and the server is alone");
            conflict(&view.origin(given), what, "give --mode node, or leave this out")
        });
    }
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
