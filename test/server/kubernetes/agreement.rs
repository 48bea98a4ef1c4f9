//! The manifests agree with each other, and with the program.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::manifests::{VARIANTS, common, container, documents, list, pod, set, text, variables};
use crate::support::text_of;

/// Where a variant's nodes listen for each other.
fn links(container: &Value) -> Value {
    port_of(container, "links")
}

fn port_of(container: &Value, name: &str) -> Value {
    let found = list(&container["ports"]).into_iter().find(|port| port["name"] == name);
    found.unwrap_or_else(|| panic!("no port {name}"))["containerPort"].clone()
}

fn variable(container: &Value, name: &str) -> String {
    variables(container).get(name).unwrap_or_else(|| panic!("no {name}")).clone()
}

#[test]
fn whatever_selects_pods_selects_those_of_both_variants() {
    let selectors = [
        common("Service", "cache")["spec"]["selector"].clone(),
        common("Service", "cache-http")["spec"]["selector"].clone(),
        common("PodDisruptionBudget", "cache")["spec"]["selector"]["matchLabels"].clone(),
        common("NetworkPolicy", "cache")["spec"]["podSelector"]["matchLabels"].clone(),
        common("NetworkPolicy", "cache")["spec"]["ingress"][1]["from"][0]["podSelector"]
            ["matchLabels"]
            .clone(),
    ];
    for variant in VARIANTS {
        let set = set(variant);
        let labels = &set["spec"]["template"]["metadata"]["labels"];
        let own = [
            set["spec"]["selector"]["matchLabels"].clone(),
            pod(variant)["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"].clone(),
        ];
        for selector in selectors.iter().chain(&own) {
            assert!(selector.is_object() && labels == selector, "{variant}: {selector}");
        }
    }
}

#[test]
fn pods_find_each_other_by_a_service_that_lists_those_that_are_not_ready() {
    let service = common("Service", "cache");
    assert_eq!(service["spec"]["clusterIP"], "None");
    assert_eq!(service["spec"]["publishNotReadyAddresses"], true);
    assert_eq!(set("statefulset.yaml")["spec"]["serviceName"], "cache");
    // One after the other would be never.
    assert_eq!(set("statefulset.yaml")["spec"]["podManagementPolicy"], "Parallel");
    for variant in VARIANTS {
        let container = container(variant);
        let asked = variable(&container, "DISTCACHE_PEERS_KUBERNETES");
        let (name, port) = asked.split_once(':').expect("a service and a port");
        assert_eq!(service["metadata"]["name"], name);
        let named = &service["spec"]["ports"][0];
        assert_eq!((&named["name"], &named["targetPort"]), (&json!(port), &json!(port)));
        assert_eq!(named["port"], port_of(&container, port));
    }
}

#[test]
fn every_port_that_is_named_is_a_port_of_the_container() {
    let http = common("Service", "cache-http");
    let policy = common("NetworkPolicy", "cache");
    let ingress = list(&policy["spec"]["ingress"]);
    let open: Vec<_> = ingress.iter().filter(|rule| rule["from"].is_null()).collect();
    assert_eq!(open.len(), 1, "one rule lets everybody in");
    assert_eq!(open[0]["ports"], json!([{ "port": "http" }]), "to clients' port alone");
    for variant in VARIANTS {
        let container = container(variant);
        assert_eq!(http["spec"]["ports"][0]["targetPort"], "http");
        assert_eq!(http["spec"]["ports"][0]["port"], port_of(&container, "http"));
        let listens = |name, port| {
            let address = variable(&container, name);
            assert!(address.ends_with(&format!(":{port}")), "{variant}: {name} is {address}");
        };
        listens("DISTCACHE_LISTEN", port_of(&container, "http"));
        listens("DISTCACHE_PEER_LISTEN", links(&container));
        listens("DISTCACHE_ADVERTISE", links(&container));
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
            assert_eq!(container[probe]["httpGet"]["port"], "http", "{variant}: {probe}");
        }
    }
}

#[test]
fn probes_speak_as_the_server_does_and_ask_for_paths_that_need_no_token() {
    let openapi: Value = serde_json::from_str(&text_of("api/openapi.json")).expect("JSON");
    for variant in VARIANTS {
        let container = container(variant);
        let is_secured = variables(&container).contains_key("DISTCACHE_TLS_CERT");
        let scheme = if is_secured { json!("HTTPS") } else { Value::Null };
        for (probe, path) in
            [("startupProbe", "/livez"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")]
        {
            let asked = &container[probe]["httpGet"];
            assert_eq!((&asked["path"], &asked["scheme"]), (&json!(path), &scheme), "{variant}");
            let operation = &openapi["paths"][path]["get"];
            assert_eq!(operation["security"], json!([]), "{path} is open");
        }
    }
}

#[test]
fn a_pod_may_ask_who_the_others_are_and_nothing_else() {
    let rules = json!([{
        "apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"],
        "verbs": ["list", "watch"],
    }]);
    assert_eq!(common("Role", "cache")["rules"], rules);
    let binding = common("RoleBinding", "cache");
    let role = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "cache" });
    assert_eq!(binding["roleRef"], role);
    assert_eq!(binding["subjects"], json!([{ "kind": "ServiceAccount", "name": "cache" }]));
    for variant in VARIANTS {
        let account = &pod(variant)["serviceAccountName"];
        common("ServiceAccount", text(account));
        assert_eq!(binding["subjects"][0]["name"], *account);
    }
    assert!(documents("common.yaml").iter().all(|one| one["kind"] != "Secret"));
}

#[test]
fn every_file_that_a_variable_names_is_in_a_secret_that_is_mounted() {
    for variant in VARIANTS {
        let (pod, container) = (pod(variant), container(variant));
        let volumes = list(&pod["volumes"]);
        let mounts = list(&container["volumeMounts"]);
        assert_eq!(volumes.len(), mounts.len(), "each volume is mounted");
        let named: Vec<_> =
            variables(&container).into_values().filter(|held| held.starts_with('/')).collect();
        assert!(!named.is_empty());
        for path in &named {
            let mount = mounts.iter().find(|one| path.starts_with(text(&one["mountPath"])));
            let mount = mount.unwrap_or_else(|| panic!("{variant}: {path} is mounted"));
            assert_eq!(mount["readOnly"], true);
            let volume = volumes.iter().find(|one| one["name"] == mount["name"]);
            let volume = volume.unwrap_or_else(|| panic!("{variant}: a volume {}", mount["name"]));
            assert!(volume["secret"]["secretName"].is_string(), "{variant}: {volume}");
            // For the group of the pod, which is not root.
            assert_eq!(volume["secret"]["defaultMode"], 0o440);
        }
        assert_eq!(pod["securityContext"]["fsGroup"], 65_532);
        let used = mounts
            .iter()
            .all(|mount| named.iter().any(|path| path.starts_with(text(&mount["mountPath"]))));
        assert!(used, "{variant}: what is mounted is named");
    }
}

#[test]
fn as_many_nodes_are_expected_as_there_are_replicas() {
    for variant in VARIANTS {
        let expected = variable(&container(variant), "DISTCACHE_EXPECT");
        assert_eq!(set(variant)["spec"]["replicas"].to_string(), expected);
    }
    assert_eq!(common("PodDisruptionBudget", "cache")["spec"]["maxUnavailable"], 1);
}

#[test]
fn a_pod_has_the_time_that_it_takes_to_end_in_order() {
    for variant in VARIANTS {
        let (pod, container) = (pod(variant), container(variant));
        let seconds = |value: &Value| value.as_u64().expect("seconds");
        let waits = seconds(&container["lifecycle"]["preStop"]["sleep"]["seconds"]);
        let timeout = variable(&container, "DISTCACHE_SHUTDOWN_TIMEOUT");
        let timeout: u64 = timeout.trim_end_matches('s').parse().expect("seconds");
        let given = seconds(&pod["terminationGracePeriodSeconds"]);
        // Clients first, then the hand-over to other nodes.
        assert!(waits + 2 * timeout < given, "{variant}");
    }
}

#[test]
fn the_container_is_that_of_the_dockerfile_and_may_do_no_more_than_it_needs() {
    let dockerfile = text_of("cmd/cache_manager/deploy/Dockerfile");
    let build = dockerfile.lines().find(|line| line.starts_with("RUN cargo build"));
    let build = build.expect("it is built");
    let features = build.split("--features ").nth(1).and_then(|rest| rest.split(' ').next());
    let features: BTreeSet<_> = features.unwrap_or_default().split(',').collect();
    assert!(features.is_superset(&BTreeSet::from(["kubernetes", "nats"])), "{build}");
    assert!(dockerfile.contains("\nUSER 65532:65532\n"));
    for variant in VARIANTS {
        let (pod, container) = (pod(variant), container(variant));
        let user = json!({
            "runAsNonRoot": true, "runAsUser": 65_532, "runAsGroup": 65_532, "fsGroup": 65_532,
            "seccompProfile": { "type": "RuntimeDefault" },
        });
        assert_eq!(pod["securityContext"], user);
        let rights = json!({
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        });
        assert_eq!(container["securityContext"], rights);
        let version = concat!("distcache:", env!("CARGO_PKG_VERSION"));
        assert_eq!(container["image"], version);
    }
}

/// 1.15 times the capacity and 32 MiB, and what bodies may take on their way, as README.md
/// of the folder above says.
#[test]
fn a_pod_has_the_memory_that_its_capacity_takes() {
    for variant in VARIANTS {
        let container = container(variant);
        let mib = |text: &str, unit| text.strip_suffix(unit).and_then(|n| n.parse::<f64>().ok());
        let capacity = variable(&container, "DISTCACHE_CAPACITY");
        let capacity = mib(&capacity, "MiB").expect("MiB");
        let limit = mib(text(&container["resources"]["limits"]["memory"]), "Mi").expect("Mi");
        let buffered = 64.0;
        assert!(capacity * 1.15 + 32.0 + buffered <= limit, "{variant}");
    }
}

#[cfg(feature = "kubernetes")]
#[test]
fn the_variables_of_every_pod_are_settings_of_this_program_that_go_together() {
    use crate::support::Process;

    for variant in VARIANTS {
        let container = container(variant);
        let own = [("POD_NAME", "cache-1"), ("POD_NAMESPACE", "shop"), ("POD_IP", "10.0.0.7")];
        let own: Vec<_> = own
            .into_iter()
            .filter(|(name, _)| {
                super::manifests::fields(&container).iter().any(|field| field == name)
            })
            .collect();
        let folder = tempfile::tempdir().expect("a folder");
        let mut variables = variables(&container);
        for held in variables.values_mut() {
            *held = super::manifests::expanded(held, &own);
        }
        super::guide::secrets(&folder, &mut variables);
        let variables: Vec<_> = variables.iter().map(|(name, held)| (&**name, &**held)).collect();
        let ended = Process::start_in(&variables, &["config", "check"]).wait();
        assert_eq!(ended.status, Some(0), "{variant}: {}", ended.stderr);
        assert!(ended.stdout.contains("warnings: 0"), "{variant}: {}", ended.stdout);
        let mut unknown = variables.clone();
        unknown.push(("DISTCACHE_KUBERNETES_NAMSPACE", "x"));
        let ended = Process::start_in(&unknown, &["config", "check"]).wait();
        assert_eq!(ended.status, Some(2), "one that is misspelled is found");
    }
}
