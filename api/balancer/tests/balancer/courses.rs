//! By its key a request goes to one member, whichever way the key is named.

use std::collections::BTreeSet;

use distcache_balancer::{Balance, BalancerConfig};
use distcache_http::OWNER_HEADER;

use crate::support::{Does, Member, Served, ask, config, path, serve};

const SAYS: [&str; 3] = ["0", "1", "2"];

fn by_ring(members: &[Member; 3]) -> Served {
    let [one, two, three] = members;
    let config = config(&[one, two, three]);
    let served = serve(&BalancerConfig { balance: Balance::Ring, ..config });
    for member in members {
        served.until(member, "ready");
    }
    served
}

#[test]
fn a_key_goes_to_one_member_by_every_way_and_by_every_balancer() {
    let members = SAYS.map(|says| Member::that(Does::Says(says)));
    let (served, beside) = (by_ring(&members), by_ring(&members));
    let mut all = BTreeSet::new();
    for key in 0..32 {
        let first = served.get(&path(&format!("k{key}"))).text();
        let ways = [
            ("GET", format!("/?key=k{key}")),
            ("POST", format!("/?key=k{key}&value=v")),
            ("GET", format!("/cache/get?key=%6b{key}")),
            ("POST", format!("/cache/set?ttl=1&value=v&key=k{key}")),
            ("GET", format!("/_distcache/default/k{key}")),
            ("PUT", path(&format!("%6B{key}"))),
            ("POST", path(&format!("k{key}/increment"))),
        ];
        for (method, target) in ways {
            let said = ask(served.address(), method, &target, "", "").text();
            assert_eq!(said, first, "{method} {target}");
            let said = ask(beside.address(), method, &target, "", "").text();
            assert_eq!(said, first, "{method} {target}, by another");
        }
        all.insert(first);
    }
    assert_eq!(all.len(), 3, "the keys are spread");
}

const NAMES: [&str; 3] = ["00000000000000a0", "00000000000000b1", "00000000000000c2"];

/// What a member says that is asked for a key of somebody else's.
fn owned_by(owner: &str, says: &str) -> Does {
    let length = says.len();
    let head = format!("HTTP/1.1 200 OK\r\n{OWNER_HEADER}: {owner}\r\n");
    Does::Sends(format!("{head}Content-Length: {length}\r\n\r\n{says}"))
}

/// Three of one cluster, of which each says that another one owns every key.
fn with_owner(owner: &str) -> ([Member; 3], Served) {
    let members = SAYS.map(|says| Member::that(owned_by(owner, says)));
    for (member, name) in members.iter().zip(NAMES) {
        member.is_called(name);
    }
    let served = by_ring(&members);
    (members, served)
}

#[test]
fn who_is_told_to_own_a_key_is_asked_for_it_the_next_time() {
    let (members, served) = with_owner(NAMES[1]);
    members[1].does(Does::Says("1"));
    let limits = served.get("/v1/limits").text();
    assert!(limits.contains("\"key_owners\""), "{limits}");
    let told: BTreeSet<_> =
        (0..32).map(|key| served.get(&path(&format!("k{key}"))).text()).collect();
    assert_eq!(told.len(), 3, "nobody knows anything yet");
    for key in 0..32 {
        let reply = served.get(&path(&format!("k{key}")));
        assert_eq!(reply.header(OWNER_HEADER), None, "that is no matter of clients");
        assert_eq!(reply.text(), "1", "{key}");
        let target = format!("/?key=k{key}&value=v");
        assert_eq!(ask(served.address(), "POST", &target, "", "").text(), "1", "a write, too");
    }
    // The keys go to somebody else: whoever owned them says so.
    members[1].does(owned_by(NAMES[2], "1"));
    assert_eq!(served.get(&path("k0")).text(), "1");
    assert_eq!(served.get(&path("k0")).text(), "2");
}

#[test]
fn of_an_owner_that_is_lost_or_that_nobody_knows_the_others_are_asked_as_ever() {
    let (mut members, served) = with_owner(NAMES[1]);
    let asked = || (0..32).map(|key| served.get(&path(&format!("k{key}"))).text());
    let first: Vec<_> = asked().collect();
    assert!(asked().all(|says| says == "1"));
    members[1].end();
    served.until(&members[1], "down");
    let then: Vec<_> = asked().collect();
    for (before, after) in first.iter().zip(&then) {
        assert!(after != "1" && (before == after || before == "1"), "{before} -> {after}");
    }
    for name in ["00000000000000d3", "0", "no name at all"] {
        for (member, says) in members.iter().zip(SAYS) {
            member.does(owned_by(name, says));
        }
        assert!(asked().eq(then.iter().cloned()), "{name}");
    }
}

#[test]
fn the_keys_of_one_that_is_lost_go_to_others_and_no_other_key_does() {
    let mut members = SAYS.map(|says| Member::that(Does::Says(says)));
    let served = by_ring(&members);
    let asked = |served: &Served| {
        (0..32).map(|key| served.get(&path(&format!("k{key}"))).text()).collect::<Vec<_>>()
    };
    let before = asked(&served);
    members[0].end();
    served.until(&members[0], "down");
    let after = asked(&served);
    for (before, after) in before.iter().zip(&after) {
        assert!(after != "0" && (before == after || before == "0"), "{before} -> {after}");
    }
    assert!(after.iter().zip(&before).any(|(after, before)| after != before));
}

#[test]
fn what_has_no_key_takes_turns_also_on_a_ring() {
    let members = SAYS.map(|says| Member::that(Does::Says(says)));
    let served = by_ring(&members);
    let said: BTreeSet<_> = (0..3).map(|_| served.get("/v1/members").text()).collect();
    assert_eq!(said.len(), 3);
}
