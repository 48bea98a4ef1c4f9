//! Who comes and goes, as it is told.

use distcache::{Event, MemberState, Received};

use crate::fleet::{Fleet, keyspaces, members, until};

#[test]
fn who_joins_and_who_leaves_is_told_to_whoever_listens() {
    let mut fleet = Fleet::of(2, keyspaces);
    let events = fleet.engines[0].events(64);
    let next = |what: &str| {
        let mut found = None;
        until(what, || {
            found = events.try_recv().ok();
            found.is_some()
        });
        match found {
            Some(Received::Message(event)) => event,
            other => panic!("{other:?}"),
        }
    };
    let joined = fleet.start(keyspaces());
    fleet.engines.push(joined);
    fleet.settle();
    let told = members(&fleet.engines[2]);
    let Event::MemberJoined { member } = next("it joins") else { panic!("it has joined") };
    assert_eq!((Some(member.id), &member.address), (told.me, &told.address));
    let mut state = member.state;
    while state != MemberState::Active {
        let Event::MemberChanged { member } = next("it is active") else { panic!("it is new") };
        assert_eq!(Some(member.id), told.me);
        state = member.state;
    }
    let leaves = fleet.engines.remove(2);
    leaves.shutdown(std::time::Duration::from_secs(20)).expect("in order");
    loop {
        match next("it leaves") {
            Event::MemberChanged { member } => assert_eq!(member.state, MemberState::Draining),
            Event::MemberLeft { member } => break assert_eq!(Some(member.id), told.me),
            other => panic!("{other:?}"),
        }
    }
}
