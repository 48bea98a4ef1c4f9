//! The Dockerfile is about this program, this workspace and this compiler.

use std::collections::BTreeSet;

use serde_json::Value;

#[cfg(feature = "hyper")]
use crate::support::Process;
use crate::support::{cargo_metadata, path_of, text_of};

const DOCKERFILE: &str = "cmd/cache_manager/deploy/Dockerfile";

/// The instructions, each on one line, without comments.
fn instructions() -> Vec<(String, String)> {
    let text = text_of(DOCKERFILE);
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", " ");
    let split = |line: &str| line.split_once(' ').map(|(word, rest)| (word.into(), rest.into()));
    joined.lines().map(|line| split(line).expect("a word and what follows")).collect()
}

/// What follows the last instruction of a name.
fn last(name: &str) -> String {
    let found = instructions().into_iter().rev().find(|(word, _)| word == name);
    found.unwrap_or_else(|| panic!("{DOCKERFILE} has no {name}")).1
}

#[test]
fn the_image_is_built_by_the_compiler_that_the_workspace_names() {
    let metadata = cargo_metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let versions: BTreeSet<_> =
        packages.iter().map(|one| &one["rust_version"]).map(Value::to_string).collect();
    let version =
        versions.first().map(|version| version.trim_matches('"').to_owned()).expect("one");
    assert_eq!(versions.len(), 1, "{versions:?}");
    let (_, from) = instructions().into_iter().find(|(word, _)| word == "FROM").expect("a FROM");
    assert!(from.starts_with(&format!("rust:{version}-slim")), "{from} and {version}");
}

#[test]
fn what_the_image_copies_and_starts_is_what_the_build_makes() {
    let build = instructions().into_iter().find(|(_, rest)| rest.starts_with("cargo "));
    let (_, build) = build.expect("a RUN of cargo");
    let words: Vec<_> = build.split(' ').collect();
    assert!(words.contains(&"--locked") && words.contains(&"--release"), "{build}");
    let name = words.iter().skip_while(|word| **word != "--bin").nth(1).expect("a name");
    let metadata = cargo_metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let targets =
        packages.iter().flat_map(|package| package["targets"].as_array().expect("targets"));
    assert!(targets.into_iter().any(|one| one["name"] == **name && one["kind"][0] == "bin"));
    let copied = last("COPY");
    let (from, to) = copied.rsplit_once(' ').expect("from and to");
    assert!(from.ends_with(&format!("/target/release/{name}")), "{copied}");
    assert_eq!(last("ENTRYPOINT"), format!("[\"{to}\"]"));
    assert!(last("HEALTHCHECK").ends_with(&format!("CMD [\"{to}\", \"health\"]")));
}

#[test]
fn the_image_runs_as_a_user_with_a_number_that_is_not_root() {
    let user = last("USER");
    let numbers: Vec<u32> = user.split(':').map(|number| number.parse().expect("digits")).collect();
    assert!(numbers.len() == 2 && numbers.iter().all(|number| *number != 0), "{user}");
}

/// And so it does not start where nobody is asked who they are.
#[cfg(feature = "hyper")]
#[test]
fn with_the_variables_of_the_image_alone_the_program_refuses_to_start() {
    let env = last("ENV");
    let (name, address) = env.split_once('=').expect("a variable");
    assert_eq!(format!("DISTCACHE_LISTEN=0.0.0.0:{}", last("EXPOSE")), env);
    let ended = Process::start_in(&[(name, address)], &[]).wait();
    assert_eq!(ended.status, Some(2));
    assert!(ended.stderr.starts_with("DC-304 "), "{}", ended.stderr);
}

#[test]
fn the_image_is_built_from_folders_that_are_there_and_every_member_is_among_them() {
    let ignored = text_of(".dockerignore");
    let let_in: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for name in &let_in {
        assert!(path_of(name).exists(), "{name}");
    }
    assert!(ignored.lines().any(|line| line == "*"), "the rest is left out");
    let metadata = cargo_metadata();
    for package in metadata["packages"].as_array().expect("packages") {
        let manifest = package["manifest_path"].as_str().expect("a path");
        let manifest = std::path::Path::new(manifest).strip_prefix(path_of("")).expect("ours");
        let top = manifest.iter().next().and_then(|name| name.to_str()).expect("a name");
        assert!(let_in.contains(&top), "{top} is let in");
    }
}
