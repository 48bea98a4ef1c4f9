//! What the tests of several discoveries need.

use std::fmt::Debug;
use std::thread;
use std::time::{Duration, SystemTime};

use distcache::Discovery;

/// Longer than anything takes here, on whatever machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Asks again and again until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = SystemTime::now();
    while !is_so() {
        assert!(begun.elapsed().unwrap_or_default() < PATIENCE, "not within a minute: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Asks until it lists these, in whatever order.
pub(crate) fn until_listed(discovery: &impl Discovery, members: &[impl AsRef<str> + Debug]) {
    let mut right: Vec<_> = members.iter().map(|one| one.as_ref().to_owned()).collect();
    right.sort();
    let mut last = None;
    let begun = SystemTime::now();
    while last.as_ref() != Some(&Ok(right.clone())) {
        assert!(begun.elapsed().unwrap_or_default() < PATIENCE, "not {right:?}: {last:?}");
        last = Some(discovery.addresses().map(|mut all| {
            all.sort();
            all
        }));
        thread::sleep(Duration::from_millis(5));
    }
}

/// Asks until it fails for that reason; all that it says.
pub(crate) fn until_failed(discovery: &impl Discovery, why: &str) -> String {
    let (mut told, mut before) = (String::new(), Vec::new());
    let begun = SystemTime::now();
    while !told.contains(why) {
        assert!(begun.elapsed().unwrap_or_default() < PATIENCE, "not {why:?}: {before:#?}");
        if !before.contains(&told) {
            before.push(told);
        }
        told = match discovery.addresses() {
            Ok(all) => all.join(" "),
            Err(failed) => failed.to_string(),
        };
        thread::sleep(Duration::from_millis(5));
    }
    told
}
