//! README.md beside the manifests: its commands name what is there.

use std::collections::{BTreeMap, BTreeSet};
#[cfg(feature = "kubernetes")]
use std::fs;

#[cfg(feature = "kubernetes")]
use tempfile::TempDir;

use super::manifests::{FOLDER, VARIANTS, container, list, pod, text, variables};
#[cfg(feature = "kubernetes")]
use crate::support::Process;
use crate::support::{code_blocks, path_of, text_of};

/// The commands of the guide.
fn commands() -> Vec<String> {
    let guide = text_of(format!("{FOLDER}/README.md"));
    let joined: Vec<_> = code_blocks(&guide)
        .into_iter()
        .filter(|(kind, _)| *kind == "console")
        .flat_map(|(_, lines)| lines)
        .collect();
    let joined = joined.join("\n").replace("\\\n", " ");
    joined.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect()
}

/// What a flag of the form `--name=value` has, each time that it is there.
fn values<'a>(command: &'a str, flag: &str) -> Vec<&'a str> {
    let words = command.split_whitespace();
    words.filter_map(|word| word.strip_prefix(flag)?.strip_prefix('=')).collect()
}

/// The secrets that the guide makes: their names and what is in them.
fn made() -> BTreeMap<String, BTreeSet<String>> {
    let all = commands();
    let making = all.iter().filter_map(|one| one.strip_prefix("kubectl create secret generic "));
    let of = |command: &str| {
        let name = command.split(' ').next().expect("a name").to_owned();
        let files = values(command, "--from-file").into_iter();
        let keys = files.map(|file| file.split('=').next().expect("a key").to_owned());
        (name, keys.collect())
    };
    making.map(of).collect()
}

#[test]
fn the_guide_makes_every_secret_that_a_pod_mounts_with_every_file_that_is_named() {
    let made = made();
    for variant in VARIANTS {
        let (pod, container) = (pod(variant), container(variant));
        for mount in list(&container["volumeMounts"]) {
            let volumes = list(&pod["volumes"]);
            let volume = volumes.iter().find(|one| one["name"] == mount["name"]).expect("one");
            let secret = text(&volume["secret"]["secretName"]);
            let keys = made.get(secret).unwrap_or_else(|| panic!("{secret} is made: {made:?}"));
            let folder = format!("{}/", text(&mount["mountPath"]));
            let variables = variables(&container);
            for name in variables.values().filter_map(|held| held.strip_prefix(&folder)) {
                assert!(keys.contains(name), "{variant}: {secret} has {name}: {keys:?}");
            }
        }
    }
}

#[test]
fn files_that_the_guide_applies_are_there() {
    let all = commands();
    let applied: BTreeSet<_> = all
        .iter()
        .filter(|one| one.starts_with("kubectl apply") || one.starts_with("kubectl delete"))
        .flat_map(|one| one.split_whitespace().filter(|word| word.contains(".yaml")))
        .collect();
    for file in &applied {
        assert!(path_of(file).exists(), "{file}");
    }
    assert_eq!(applied.len(), 3, "{applied:?}");
}

/// The hosts that the guide has a certificate made for.
fn certified() -> Vec<String> {
    let all = commands();
    let making = all.iter().find(|one| one.starts_with("cache_manager certs "));
    let making = making.expect("certificates are made");
    let mut words = making.split_whitespace().skip_while(|word| *word != "--member");
    words.nth(1).expect("hosts").split(',').map(str::to_owned).collect()
}

#[test]
fn the_certificate_of_the_guide_is_for_every_pod_by_the_name_that_it_advertises() {
    let container = container("statefulset.yaml");
    let advertised = &variables(&container)["DISTCACHE_ADVERTISE"];
    let expected: usize = variables(&container)["DISTCACHE_EXPECT"].parse().expect("a number");
    let hosts = certified();
    for n in 0..expected {
        let own = [("POD_NAME", &*format!("cache-{n}")), ("POD_NAMESPACE", "default")];
        let place = super::manifests::expanded(advertised, &own);
        let (host, _) = place.rsplit_once(':').expect("a port");
        assert!(hosts.iter().any(|one| one == host), "{host} is in {hosts:?}");
    }
    // And for clients, within the cluster and through a port that is forwarded.
    assert!(
        hosts.iter().any(|one| one == "cache-http") && hosts.iter().any(|one| one == "localhost")
    );
}

/// Makes the files of the secrets as the guide says, and has the variables name them.
#[cfg(feature = "kubernetes")]
pub(super) fn secrets(folder: &TempDir, variables: &mut BTreeMap<String, String>) {
    let path = |name: &str| folder.path().join(name).display().to_string();
    // Another pod may be reading it.
    if !folder.path().join("token").exists() {
        fs::write(path("token"), "a-token-of-the-pods\n").expect("written");
    }
    for (variable, file) in [
        ("TOKEN_FILE", "token"),
        ("TLS_CERT", "cache-http.pem"),
        ("TLS_KEY", "cache-http-key.pem"),
        ("TLS_CA", "ca.pem"),
    ] {
        if let Some(held) = variables.get_mut(&format!("DISTCACHE_{variable}")) {
            *held = path(file);
        }
    }
    if cfg!(feature = "certs") && variables.contains_key("DISTCACHE_TLS_CA") {
        let order = ["certs", "--dir", &path(""), "--member", &certified().join(",")];
        let ended = Process::start(&order).wait();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
    }
}
