//! By its key a request goes to one member, whichever way the key is named.

use std::collections::BTreeSet;

use distcache_balancer::{Balance, BalancerConfig};

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
