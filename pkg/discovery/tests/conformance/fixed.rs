//! Lists that no other program tells.

use distcache::{Discovery, Standalone, Static};

use crate::support::until;
use crate::together::{addresses, are_one, engine, members};

#[test]
fn standalone_finds_nobody_and_five_of_it_are_five_clusters() {
    assert_eq!(Standalone.addresses().expect("it has no way to fail"), [""; 0]);
    let engines: Vec<_> = addresses().iter().map(|one| engine(one, None, Standalone)).collect();
    until("each serves alone", || {
        engines.iter().map(members).all(|one| one.has_lease && one.members.len() == 1)
    });
}

#[test]
fn five_that_list_each_other_are_one_cluster() {
    let all = addresses();
    let listed = Static(all.clone());
    assert_eq!(listed.addresses().expect("it has no way to fail"), all);
    let engines: Vec<_> = all.iter().map(|one| engine(one, None, listed.clone())).collect();
    until("five are one cluster", || are_one(&engines));
}
