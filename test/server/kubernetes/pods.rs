//! Pods of the Deployment, as processes: with its variables, and an API server on loopback.

#[expect(dead_code, reason = "the tests of discovery say more")]
#[path = "../../../pkg/discovery/tests/support/api_server.rs"]
mod api_server;

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};

use api_server::{ApiServer, endpoint};
use serde_json::Value;
use tempfile::TempDir;

use super::manifests::{container, expanded, variables};
use crate::support::{Client, Process, Server, eventually};

const CLIENT: &str = "Authorization: Bearer a-token-of-the-pods\r\n";

/// The token of the pods' account, in a file as it is in a pod.
const ACCOUNT: &str = "a-token-of-the-account";

/// A cluster of Kubernetes, as far as these pods see it.
struct Cluster {
    api: ApiServer,
    folder: TempDir,
    http: u16,
    links: u16,
    /// Addresses of pods: each has one of this machine's loopback for itself.
    block: u8,
}

impl Cluster {
    fn start() -> Self {
        let block = u8::try_from(std::process::id() % 200 + 50).expect("less than 250");
        let folder = tempfile::tempdir().expect("a folder");
        let cluster = Self { api: ApiServer::start(), folder, http: 0, links: 0, block };
        let free = |n| {
            let listener = TcpListener::bind((&*cluster.ip(n), 0)).expect("a port");
            listener.local_addr().expect("it is bound").port()
        };
        let (http, links) = (free(0), free(1));
        cluster.write_kubeconfig();
        Self { http, links, ..cluster }
    }

    fn ip(&self, pod: usize) -> String {
        format!("127.88.{}.{}", self.block, pod + 1)
    }

    /// What the pod's environment is in a real one: an API server, an account, a namespace.
    fn write_kubeconfig(&self) {
        fs::write(self.path("account"), ACCOUNT).expect("written");
        let config = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: pod\n\
             contexts: [{{ name: pod, context: {{ cluster: it, user: pod, namespace: shop }} }}]\n\
             clusters: [{{ name: it, cluster: {{ server: \"{}\" }} }}]\n\
             users: [{{ name: pod, user: {{ tokenFile: \"{}\" }} }}]\n",
            self.api.url(),
            self.path("account"),
        );
        fs::write(self.path("kubeconfig"), config).expect("written");
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The variables of a pod of the Deployment.
    fn variables(&self, pod: usize) -> BTreeMap<String, String> {
        let ip = self.ip(pod);
        let mut variables = variables(&container("deployment.yaml"));
        for held in variables.values_mut() {
            // All processes here are in one network, and pods each in their own.
            *held = expanded(held, &[("POD_IP", &ip)])
                .replace("0.0.0.0", &ip)
                .replace(":8080", &format!(":{}", self.http))
                .replace(":18081", &format!(":{}", self.links));
        }
        super::guide::secrets(&self.folder, &mut variables);
        variables.insert("KUBECONFIG".to_owned(), self.path("kubeconfig"));
        variables
    }

    /// A pod begins, and its container does.
    fn begin(&self, pod: usize) -> Process {
        let variables = self.variables(pod);
        let variables: Vec<_> = variables.iter().map(|(name, held)| (&**name, &**held)).collect();
        Process::start_in(&variables, &[])
    }

    fn serving(&self, pod: usize, process: Process) -> Server {
        let address: SocketAddr = format!("{}:{}", self.ip(pod), self.http).parse().expect("one");
        Server::at(address, process)
    }

    /// The controller of slices has seen these pods.
    fn list(&self, pods: &[usize]) {
        let of = |pod: &usize| endpoint(&self.ip(*pod), &format!("cache-x{pod}"), false, false);
        let endpoints: Vec<Value> = pods.iter().map(of).collect();
        self.api.put("cache", "cache-7xk2p", self.links, &endpoints);
    }
}

/// The status and the body of an answer about a key.
fn ask(pod: &Server, method: &str, key: &str, body: &[u8]) -> (u16, String) {
    let reply = pod.ask(method, &format!("/v1/keyspaces/default/keys/{key}"), CLIENT, body);
    (reply.status, reply.text().to_owned())
}

/// Whether a probe would find it ready, among so many.
fn is_ready(pod: &Server, count: usize) -> bool {
    let members = pod.ask("GET", "/v1/members", CLIENT, b"").json();
    let all = members["members"].as_array().expect("a list");
    pod.ask("GET", "/readyz", "", b"").status == 200
        && all.len() == count
        && all.iter().all(|member| member["state"] == "active")
}

fn until_ready(pods: &[&Server], count: usize) {
    eventually("all are ready", || pods.iter().all(|pod| is_ready(pod, count)).then_some(()));
}

#[test]
fn pods_that_start_together_are_one_cluster_and_one_that_died_is_followed_by_another() {
    let cluster = Cluster::start();
    let begun: Vec<_> = (0..3).map(|pod| cluster.begin(pod)).collect();
    let mut pods: Vec<_> = begun
        .into_iter()
        .enumerate()
        .map(|(pod, process)| {
            let server = cluster.serving(pod, process);
            eventually("it listens", || std::net::TcpStream::connect(server.address()).ok());
            server
        })
        .collect();
    eventually("each has asked", || (3 <= cluster.api.asked().0).then_some(()));
    // The controller is slower than the pods, and tells of one after the other: the first
    // alone is no cluster.
    cluster.list(&[0]);
    assert_eq!(pods[0].ask("GET", "/livez", "", b"").status, 200);
    assert_ne!(pods[0].ask("GET", "/readyz", "", b"").status, 200, "it is alone");
    cluster.list(&[0, 1]);
    cluster.list(&[0, 1, 2]);
    until_ready(&pods.iter().collect::<Vec<_>>(), 3);
    assert!(cluster.api.tokens().iter().all(|token| token == ACCOUNT));
    assert!(!cluster.api.tokens().is_empty());

    assert_eq!(pods[0].ask("GET", "/v1/members", "", b"").status, 401, "who has no token");
    eventually("it is stored", || (ask(&pods[0], "PUT", "city", b"Oslo").0 == 204).then_some(()));
    for pod in &pods {
        eventually("it is read", || (ask(pod, "GET", "city", b"").1 == "Oslo").then_some(()));
    }

    // A pod dies with its machine, and another one comes at another address.
    pods.remove(2).signal("KILL");
    cluster.list(&[0, 1]);
    let process = cluster.begin(3);
    cluster.list(&[0, 1, 3]);
    pods.push(cluster.serving(3, process));
    eventually("it listens", || std::net::TcpStream::connect(pods[2].address()).ok());
    until_ready(&pods.iter().collect::<Vec<_>>(), 3);

    // One is told to end, as before another rollout.
    let last = pods.remove(0).end();
    assert_eq!(last.status, Some(0), "{}", last.stderr);
    for secret in [ACCOUNT, "a-token-of-the-pods"] {
        assert!(!last.stdout.contains(secret) && !last.stderr.contains(secret));
    }
    until_ready(&pods.iter().collect::<Vec<_>>(), 2);
}

#[test]
fn a_pod_whose_account_may_not_ask_says_so_and_is_not_ready() {
    let cluster = Cluster::start();
    let why = "endpointslices.discovery.k8s.io is forbidden";
    cluster.api.say(api_server::Says::Status(403, why));
    let process = cluster.begin(0);
    process.stderr.wait_for(why);
    let pod = cluster.serving(0, process);
    let mut client: Client = eventually("it listens", || {
        std::net::TcpStream::connect(pod.address()).is_ok().then(|| pod.connect())
    });
    assert_eq!(client.ask("GET", "/livez", "", b"").status, 200);
    assert_ne!(pod.ask("GET", "/readyz", "", b"").status, 200);
}
