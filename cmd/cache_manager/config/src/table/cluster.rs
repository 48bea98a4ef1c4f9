//! The settings of `[cluster]`: who the other members are, and how they are reached.

use std::time::Duration;

use crate::setting::Kind::{Address, Choice, Count, List, Path, Size, Switch, Text, Time};
use crate::setting::Preset::{Fixed, Told};
use crate::setting::{Kind, Preset, Section, Setting};

/// What `mode` says of a server that is one of a cluster.
pub(crate) const NODE: &str = "node";
const ALONE: &str = "alone";

/// What `mode` says of a server that passes requests on to nodes, and is none.
pub(crate) const BALANCER: &str = "load_balancer";

/// What `on_minority` says of members that go on without a majority.
pub(crate) const SERVE: &str = "serve";
const PASS_THROUGH: &str = "pass-through";

/// The members, if nobody says who they are: those of a machine where one tries it.
pub(crate) const NODES: &str = "localhost:8081,localhost:8082,localhost:8083";

/// What `transport` says of nodes that reach each other without NATS.
pub(crate) const TCP: &str = "tcp";

/// The shortest lease that members agree upon.
const LEASE_MIN: Duration = Duration::from_millis(200);

/// The largest part that a member may have beside the others.
const WEIGHT_MAX: u64 = 16;

/// More processes than this are no electorate that agrees within a lease.
const MEMBERS_MAX: u64 = 1_000;

const WHERE: &str = "where the members are";
const WHO: &str = "who this node is to NATS";

const fn setting(name: &'static str, kind: Kind, preset: Preset, meaning: &'static str) -> Setting {
    Setting::new(Section::Cluster, name, kind, preset, meaning)
}

pub(super) const SETTINGS: &[Setting] = &[
    setting(
        "mode",
        Choice(&[ALONE, NODE, BALANCER]),
        Fixed(ALONE),
        "Whether the server is alone, a node that shares its keys with others, or a load balancer \
         before nodes; a node listens on port 8081 if nothing else is said",
    )
    .flag("mode", "MODE"),
    setting(
        "nodes",
        List,
        Told(NODES),
        "Where the HTTP servers of all nodes are, a node itself included, HOST:PORT each with \
         commas between; for each other they listen on that port + 10000",
    )
    .because("a majority of them makes a cluster")
    .group(WHERE)
    .flag("nodes", "ADDRESSES"),
    setting(
        "peers",
        List,
        Told("none"),
        "Where all nodes listen for each other, this one included, HOST:PORT each with commas \
         between; instead of nodes",
    )
    .group(WHERE)
    .flag("peers", "ADDRESSES"),
    setting(
        "dns",
        Text,
        Told("none"),
        "A name that resolves to the addresses of all nodes, and the port on which they listen for \
         each other; NAME:PORT, instead of nodes",
    )
    .because("it is resolved again every 5 seconds")
    .group(WHERE)
    .flag("peers-dns", "NAME:PORT"),
    setting(
        "srv",
        Text,
        Told("none"),
        "A name whose SRV records say where all nodes listen for each other, such as \
         _distcache._tcp.example.com; instead of nodes",
    )
    .because("they are asked for again every 5 seconds; priority and weight are ignored")
    .group(WHERE)
    .flag("peers-srv", "NAME"),
    setting(
        "kubernetes",
        Text,
        Told("none"),
        "A headless service of Kubernetes and the name of its port on which all nodes listen for \
         each other, SERVICE:PORT_NAME, or LABEL=VALUE:PORT_NAME for all services with a label; \
         instead of nodes, and with expect",
    )
    .because("endpoints are watched, also of pods that are not ready")
    .group(WHERE)
    .flag("peers-kubernetes", "SERVICE:PORT_NAME"),
    setting("kubernetes_namespace", Text, Told("that of the pod"), "The namespace of that service"),
    setting(
        "kubernetes_names",
        Switch,
        Fixed("false"),
        "Whether nodes reach each other by name, POD.SERVICE.NAMESPACE.svc, as certificates need \
         it, and advertise that; for the pods of a StatefulSet",
    )
    .because("else by the addresses of their pods"),
    setting(
        "nats",
        List,
        Told("none"),
        "Servers of NATS where all nodes announce themselves, nats://HOST:PORT or tls://HOST:PORT \
         each with commas between; instead of nodes, and with expect",
    )
    .because("the first that answers is taken")
    .group(WHERE)
    .flag("peers-nats", "URLS"),
    setting(
        "nats_subject",
        Text,
        Fixed("distcache.members"),
        "The subject on which they do; only the nodes ought to be allowed to publish there",
    ),
    setting(
        "nats_credentials",
        Path,
        Told("none"),
        "A file of credentials for the servers of NATS, as nsc writes them",
    )
    .group(WHO),
    setting("nats_token_file", Path, Told("none"), "A file with a token for the servers of NATS")
        .group(WHO),
    setting("nats_password_file", Path, Told("none"), "A file with the password of nats_user")
        .group(WHO),
    setting("nats_user", Text, Told("none"), "The user of the servers of NATS"),
    setting(
        "nats_ca",
        Path,
        Told("those of the system"),
        "Certificates of the authorities of the servers of NATS, in PEM; they are to speak TLS then",
    ),
    setting(
        "nats_cert",
        Path,
        Told("none"),
        "The certificate for the servers of NATS, in PEM; they are to speak TLS then",
    ),
    setting("nats_key", Path, Told("none"), "The private key of nats_cert, in PEM"),
    setting(
        "transport",
        List,
        Told(TCP),
        "How nodes reach each other: tcp, or servers of NATS, nats://HOST:PORT or tls://HOST:PORT \
         each with commas between; over NATS --peer-listen and --advertise are names, and no port \
         is opened",
    )
    .because("of several servers the first that answers is taken")
    .flag("transport", "HOW"),
    setting(
        "nats_prefix",
        Text,
        Fixed("distcache.wire"),
        "What the subjects begin with on which nodes reach each other over NATS; only the nodes \
         ought to be allowed to speak and listen there",
    ),
    setting(
        "peer_listen",
        Address,
        Told("the address of the HTTP server, its port + 10000"),
        "Address and port to listen on for other nodes",
    )
    .flag("peer-listen", "ADDRESS"),
    setting(
        "advertise",
        Text,
        Told("as nodes or peers name this server, or else --peer-listen"),
        "Where other nodes reach this one, HOST:PORT; or %INTERFACE:PORT, for the one address of \
         an interface",
    )
    .flag("advertise", "ADDRESS"),
    setting(
        "name",
        Text,
        Fixed("distcache"),
        "The name of the cluster; nodes of another are refused",
    )
    .flag("cluster-name", "NAME"),
    setting(
        "expect",
        Count(1, MEMBERS_MAX),
        Told("as many as nodes, peers, dns or srv name"),
        "How many nodes there are to be: a majority of them makes a cluster",
    )
    .flag("expect", "NUMBER"),
    setting(
        "lease",
        Time(LEASE_MIN),
        Fixed("2s"),
        "How long a node may serve from its cache without hearing of the others, and so how long \
         the keys of one that died have no owner",
    )
    .because("the shorter, the sooner a node that only paused is taken for dead")
    .flag("lease", "TIME"),
    setting(
        "on_minority",
        Choice(&[PASS_THROUGH, SERVE]),
        Fixed(PASS_THROUGH),
        "What nodes do that have lost the majority: read from the source and keep nothing, or go \
         on, when reads may be older than what was acknowledged",
    )
    .flag("on-minority", "WHAT"),
    setting("zone", Text, Told("unknown"), "Where this node stands: a rack, a data centre")
        .flag("zone", "NAME"),
    setting(
        "weight",
        Count(1, WEIGHT_MAX),
        Fixed("1"),
        "How much of the keys this node owns beside the others",
    )
    .flag("weight", "NUMBER"),
    setting(
        "near_bytes",
        Size(0, u64::MAX),
        Told("a 32nd of the capacity"),
        "Memory, of the capacity, for values of keys that other nodes own and this one reads \
         often; 0 for none",
    )
    .because("they are as recent as their owners' are, which wait for this node at each change")
    .flag("near-bytes", "SIZE"),
];
