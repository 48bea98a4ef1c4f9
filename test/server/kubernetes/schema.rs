//! Every document is one that Kubernetes takes, and has no field that it does not know.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::manifests::{COMMON, VARIANTS, documents};

/// What is left of a document that is read as its kind.
fn read(document: &Value) -> Result<Value, String> {
    let kind = document["kind"].as_str().unwrap_or_default();
    match kind {
        "Deployment" => as_a::<Deployment>(document),
        "NetworkPolicy" => as_a::<NetworkPolicy>(document),
        "PodDisruptionBudget" => as_a::<PodDisruptionBudget>(document),
        "Role" => as_a::<Role>(document),
        "RoleBinding" => as_a::<RoleBinding>(document),
        "Service" => as_a::<Service>(document),
        "ServiceAccount" => as_a::<ServiceAccount>(document),
        "StatefulSet" => as_a::<StatefulSet>(document),
        other => Err(format!("no kind {other:?} is known")),
    }
}

fn as_a<T: DeserializeOwned + Serialize>(document: &Value) -> Result<Value, String> {
    let read: T = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    Ok(serde_json::to_value(read).expect("it is JSON"))
}

/// Where something stands in the first that is not in the second: the types leave out
/// what they do not know.
fn lost(document: &Value, read: &Value, at: &str) -> Vec<String> {
    match (document, read) {
        (Value::Object(all), Value::Object(kept)) => {
            let within = |(name, value): (&String, &Value)| {
                lost(value, kept.get(name).unwrap_or(&Value::Null), &format!("{at}.{name}"))
            };
            all.iter().flat_map(within).collect()
        }
        (Value::Array(all), Value::Array(kept)) if all.len() == kept.len() => {
            let pairs = all.iter().zip(kept).enumerate();
            pairs.flat_map(|(n, (one, other))| lost(one, other, &format!("{at}[{n}]"))).collect()
        }
        (one, other) if one == other => Vec::new(),
        _ => vec![at.to_owned()],
    }
}

fn mistakes(document: &Value) -> Vec<String> {
    match read(document) {
        Ok(read) => lost(document, &read, ""),
        Err(error) => vec![error],
    }
}

#[test]
fn every_document_is_of_its_kind_and_has_no_field_that_is_not_known() {
    let mut names = Vec::new();
    for file in VARIANTS.into_iter().chain([COMMON]) {
        for document in documents(file) {
            assert_eq!(mistakes(&document), [""; 0], "{file}: {document}");
            let name = document["metadata"]["name"].as_str().expect("a name").to_owned();
            names.push((document["kind"].to_string(), name));
        }
    }
    assert_eq!(names.len(), 9);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 9, "no two are one: {names:?}");
}

#[test]
fn what_is_misspelled_or_of_another_type_is_a_mistake() {
    let mut service = super::manifests::common("Service", "cache");
    service["spec"]["publishNotReadyAdresses"] = json!(true);
    assert_eq!(mistakes(&service), [".spec.publishNotReadyAdresses"]);
    service["spec"] = json!({ "ports": [{ "port": "links" }] });
    assert!(mistakes(&service)[0].contains("invalid type"));
    service["kind"] = json!("Sevice");
    assert_eq!(mistakes(&service), ["no kind \"Sevice\" is known"]);
}
