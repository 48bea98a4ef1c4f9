//! Slices of every kind.

use serde_json::json;

use super::*;

/// A slice of these endpoints, with a port called `links`.
fn slice(name: &str, family: &str, addresses: &[&str]) -> EndpointSlice {
    let endpoints: Vec<_> = addresses.iter().map(|one| json!({ "addresses": [one] })).collect();
    let ports = json!([{ "name": "http", "port": 8080 }, { "name": "links", "port": 18081 }]);
    let slice = json!({
        "metadata": { "name": name }, "addressType": family,
        "endpoints": endpoints, "ports": ports,
    });
    serde_json::from_value(slice).expect("a slice")
}

fn of(slices: impl IntoIterator<Item = EndpointSlice>) -> Slices {
    of_told(slices, &Told::Addresses)
}

fn of_told(slices: impl IntoIterator<Item = EndpointSlice>, told: &Told) -> Slices {
    let mut all = Slices::new("links", told, "shop");
    for slice in slices {
        all.put(slice).expect("there are few");
    }
    all
}

#[test]
fn endpoints_of_all_slices_are_told_once_each_in_order() {
    let first = slice("a", "IPv4", &["10.0.0.2", "10.0.0.1"]);
    let second = slice("b", "IPv4", &["10.0.0.2", "10.0.0.3"]);
    let all = of([first, second]).addresses().unwrap();
    assert_eq!(all, ["10.0.0.1:18081", "10.0.0.2:18081", "10.0.0.3:18081"]);
}

#[test]
fn an_endpoint_that_is_not_ready_or_terminates_is_told_too() {
    let mut slice = slice("a", "IPv4", &["10.0.0.1", "10.0.0.2"]);
    let conditions = |ready, terminating| k8s_openapi::api::discovery::v1::EndpointConditions {
        ready: Some(ready),
        serving: Some(ready),
        terminating: Some(terminating),
    };
    slice.endpoints[0].conditions = Some(conditions(false, false));
    slice.endpoints[1].conditions = Some(conditions(false, true));
    assert_eq!(of([slice]).addresses().unwrap().len(), 2);
}

#[test]
fn of_a_service_of_both_families_the_addresses_of_one_are_told() {
    let v4 = slice("a", "IPv4", &["10.0.0.1"]);
    let v6 = slice("b", "IPv6", &["fd::1", "fd::2"]);
    assert_eq!(of([v4, v6.clone()]).addresses().unwrap(), ["10.0.0.1:18081"]);
    assert_eq!(of([v6.clone()]).addresses().unwrap(), ["[fd::1]:18081", "[fd::2]:18081"]);
    // That of IPv4 is made first, or last: the others are not told meanwhile.
    let empty = slice("a", "IPv4", &[]);
    assert!(of([empty, v6]).addresses().unwrap_err().contains("no endpoints"));
}

#[test]
fn nobody_is_no_answer() {
    assert_eq!(of([]).addresses().unwrap_err(), "the service has no endpoints");
    let mut slices = of([slice("a", "IPv4", &["10.0.0.1"])]);
    assert!(slices.addresses().is_ok());
    slices.remove(&slice("a", "IPv4", &[]));
    assert_eq!(slices.addresses().unwrap_err(), "the service has no endpoints");
}

#[test]
fn one_endpoint_that_cannot_be_told_fails_the_answer() {
    let right = || slice("a", "IPv4", &["10.0.0.1"]);
    for wrong in ["", "fd::1", "10.0.0", "cache-0", "10.0.0.1:80", "10.0.0.1\n"] {
        let told = of([right(), slice("b", "IPv4", &[wrong])]).addresses().unwrap_err();
        assert!(told.ends_with("is no address of IPv4"), "{told}");
    }
    let mut portless = slice("b", "IPv4", &["10.0.0.2"]);
    for ports in [json!(null), json!([]), json!([{ "name": "links" }]), json!([{ "port": 1 }])] {
        portless.ports = serde_json::from_value(ports).expect("ports");
        let told = of([right(), portless.clone()]).addresses().unwrap_err();
        assert_eq!(told, "not every endpoint has a port named \"links\"");
    }
    for port in [0, -1, 65_536] {
        let ports = json!([{ "name": "links", "port": port }]);
        portless.ports = serde_json::from_value(ports).expect("ports");
        assert!(of([portless.clone()]).addresses().is_err(), "{port}");
    }
}

#[test]
fn pods_of_a_stateful_set_are_told_by_name() {
    let mut slice = slice("a", "IPv4", &["10.0.0.1", "10.0.0.2"]);
    slice.endpoints[0].hostname = Some("cache-0".into());
    slice.endpoints[1].hostname = Some("cache-1".into());
    let by_name = Told::Names("cache".into());
    let all = of_told([slice.clone()], &by_name).addresses().unwrap();
    assert_eq!(all, ["cache-0.cache.shop.svc:18081", "cache-1.cache.shop.svc:18081"]);
    for wrong in [None, Some(""), Some("evil.example/"), Some("UPPER")] {
        slice.endpoints[1].hostname = wrong.map(str::to_owned);
        let told = of_told([slice.clone()], &by_name).addresses().unwrap_err();
        assert_eq!(told, "not every endpoint has a host name", "{wrong:?}");
    }
}

#[test]
fn more_endpoints_and_more_slices_than_may_be_are_no_answer() {
    let some = |count: usize| -> Vec<String> {
        (0..count).map(|n| format!("10.0.{}.{}", n / 250, n % 250)).collect()
    };
    let listed = |count| {
        let all = some(count);
        let all: Vec<_> = all.iter().map(|one| &**one).collect();
        of([slice("a", "IPv4", &all)]).addresses()
    };
    assert_eq!(listed(MEMBERS_MAX).unwrap().len(), MEMBERS_MAX);
    assert_eq!(
        listed(MEMBERS_MAX + 1).unwrap_err(),
        "there are 257 endpoints, and 256 are the most"
    );

    let mut slices = of([]);
    for n in 0..SLICES_MAX {
        slices.put(slice(&format!("s{n}"), "IPv4", &["10.0.0.1"])).unwrap();
    }
    assert!(slices.put(slice("s0", "IPv4", &[])).is_ok(), "it is there already");
    assert!(slices.put(slice("more", "IPv4", &[])).is_err());
    let nameless = slice("", "IPv4", &["10.0.0.1"]);
    assert_eq!(slices.put(nameless).unwrap_err(), "a slice has no name");
}
