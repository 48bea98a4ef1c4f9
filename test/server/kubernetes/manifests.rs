//! What stands in the manifests.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::text_of;

pub(super) const FOLDER: &str = "cmd/cache_manager/deploy/kubernetes";

/// What both variants need, and the two.
pub(super) const COMMON: &str = "common.yaml";
pub(super) const VARIANTS: [&str; 2] = ["statefulset.yaml", "deployment.yaml"];

/// The documents of a file.
pub(super) fn documents(file: &str) -> Vec<Value> {
    let text = text_of(format!("{FOLDER}/{file}"));
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).expect("it is YAML");
    documents.into_iter().filter(|one| !one.is_null()).collect()
}

/// The one of that kind and name in `common.yaml`.
pub(super) fn common(kind: &str, name: &str) -> Value {
    let mut all = documents(COMMON).into_iter();
    let found = all.find(|one| one["kind"] == kind && one["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("{COMMON} has no {kind} {name}"))
}

/// A set of pods: a variant's only document.
pub(super) fn set(variant: &str) -> Value {
    let [set] = &documents(variant)[..] else { panic!("{variant} has one document") };
    set.clone()
}

/// What every pod of a variant has.
pub(super) fn pod(variant: &str) -> Value {
    set(variant)["spec"]["template"]["spec"].clone()
}

/// Its one container.
pub(super) fn container(variant: &str) -> Value {
    let pod = pod(variant);
    let [container] = &list(&pod["containers"])[..] else { panic!("one container") };
    container.clone()
}

pub(super) fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// The variables of a container that have values.
pub(super) fn variables(container: &Value) -> BTreeMap<String, String> {
    let all = list(&container["env"]).into_iter();
    let valued = all.filter(|one| one["value"].is_string());
    valued.map(|one| (text(&one["name"]).to_owned(), text(&one["value"]).to_owned())).collect()
}

/// The variables that a pod fills in, in order.
#[cfg(feature = "kubernetes")]
pub(super) fn fields(container: &Value) -> Vec<String> {
    let all = list(&container["env"]).into_iter();
    let filled = all.filter(|one| one["valueFrom"]["fieldRef"].is_object());
    filled.map(|one| text(&one["name"]).to_owned()).collect()
}

/// A value with what the pod fills in.
pub(super) fn expanded(value: &str, fields: &[(&str, &str)]) -> String {
    let fill =
        |value: String, (name, held): &(&str, &str)| value.replace(&format!("$({name})"), held);
    let whole = fields.iter().fold(value.to_owned(), fill);
    assert!(!whole.contains("$("), "{whole} names a variable that is not there");
    whole
}
