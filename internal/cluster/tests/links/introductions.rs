//! Members of different versions, and those whose certificates say otherwise.

use std::ops::RangeInclusive;
use std::sync::Arc;

use distcache_cluster::links::{CallFailed, NotSent, Refused, Settings};
use distcache_cluster::proto::refusal::Reason;
use distcache_cluster::wire::{Network, Tcp, Tls};

use crate::authority::Authority;
use crate::support::{Member, address, get, patient, place, value};

async fn speaking(network: &Arc<Network>, number: u64, versions: RangeInclusive<u32>) -> Member {
    Member::in_memory_with(network, number, |settings| settings.versions = versions).await
}

/// Why a call was refused.
fn refused(failed: CallFailed) -> Refused {
    let CallFailed::NotSent(NotSent::Refused(refused)) = failed else { panic!("{failed}") };
    refused
}

/// A rolling upgrade: the new program comes to members that run the old one, and the
/// next one after it.
#[tokio::test(start_paused = true)]
async fn an_older_and_a_newer_program_speak_the_highest_version_of_both() {
    let network = Network::new(1);
    let old = speaking(&network, 1, 1..=1).await;
    let now = speaking(&network, 2, 1..=2).await;
    let new = speaking(&network, 3, 2..=3).await;
    for (one, other, version) in [(&old, &now, 1), (&new, &now, 2)] {
        assert_eq!(one.get(other, b"a").await.unwrap(), "a");
        assert_eq!(other.get(one, b"b").await.unwrap(), "b");
        for (of, with) in [(one, other), (other, one)] {
            let linked = of.links.linked();
            let link = linked.iter().find(|link| link.address == with.address).unwrap();
            assert_eq!(link.version, version);
        }
    }
    for (one, other, told) in [(&old, &new, "2..=3, not 1..=1"), (&new, &old, "1..=1, not 2..=3")] {
        let refused = refused(one.get(other, b"a").await.unwrap_err());
        assert_eq!(refused.reason, Reason::NoCommonVersion);
        assert_eq!(refused.text, format!("we speak versions {told}"));
    }
}

#[tokio::test(start_paused = true)]
async fn members_of_other_clusters_and_oneself_are_refused_by_name() {
    let network = Network::new(1);
    let one = Member::in_memory(&network, 1).await;
    let change = |settings: &mut Settings| settings.cluster = "shop".to_owned();
    let other = Member::in_memory_with(&network, 2, change).await;
    let failed = one.get(&other, b"a").await.unwrap_err();
    let told = "the call was not sent: the connection was refused: \
                this is the cluster \"shop\", not \"test\"";
    assert_eq!(failed.to_string(), told);
    assert_eq!(refused(failed).reason, Reason::OtherCluster);
    let oneself = refused(one.get(&one, b"a").await.unwrap_err());
    assert_eq!(oneself.reason, Reason::MemberTaken);
}

/// A name that stands for a member, as that of a service does, is as good as its own.
#[tokio::test(start_paused = true)]
async fn a_member_can_be_called_by_another_name_and_still_has_one_connection() {
    let network = Network::new(1);
    let one = Member::in_memory(&network, 1).await;
    let service = address("service:7000");
    let change = |settings: &mut Settings| settings.address = place(2);
    let other = Member::start(Arc::new(network.member(&service)), 2, &service, change).await;
    // Who is told the name by it only: nobody listens there.
    let by_its_name = Member { address: place(2), ..other };
    assert_eq!(value(call(&one, &service).await), "a");
    assert_eq!(one.get(&by_its_name, b"b").await.unwrap(), "b");
    assert_eq!(by_its_name.get(&one, b"c").await.unwrap(), "c");
    assert_eq!(one.links.linked().len(), 1);
    assert_eq!((one.links.counts().dialled, by_its_name.links.counts().dialled), (1, 0));
}

/// The same, when it was connected by its own name first.
#[tokio::test(start_paused = true)]
async fn another_name_of_a_member_that_is_linked_leads_to_that_link() {
    let network = Network::new(1);
    let one = Member::in_memory(&network, 1).await;
    let service = address("service:7000");
    let change = |settings: &mut Settings| settings.address = place(2);
    let other = Member::start(Arc::new(network.member(&service)), 2, &service, change).await;
    assert_eq!(other.get(&one, b"c").await.unwrap(), "c");
    for _ in 0..3 {
        assert_eq!(value(call(&one, &service).await), "a");
    }
    assert_eq!((one.links.counts().dialled, one.links.counts().ended), (1, 0));
    assert_eq!((one.links.linked().len(), other.links.linked().len()), (1, 1));
}

async fn call(
    one: &Member,
    to: &distcache_cluster::wire::Address,
) -> distcache_cluster::proto::Reply {
    one.links.call(to, get(b"a"), patient()).await.expect("it is linked")
}

/// Somebody has a good certificate, and says that it is somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_it_is_where_its_certificate_does_not_stand_for_is_refused() {
    let authority = Authority::new();
    let at = address("127.0.0.1:0");
    let wire = || {
        let tls = Tls::new(authority.certify("127.0.0.1")).unwrap();
        Arc::new(Tcp::secured(Arc::new(tls)))
    };
    let one = Member::start(wire(), 1, &at, |_| {}).await;
    let honest = Member::start(wire(), 2, &at, |_| {}).await;
    assert_eq!(honest.get(&one, b"a").await.unwrap(), "a");

    let posing = |settings: &mut Settings| settings.address = address("member-3.example:7000");
    let poser = Member::start(wire(), 3, &at, posing).await;
    let told = refused(poser.get(&one, b"a").await.unwrap_err());
    assert_eq!(told.reason, Reason::NotCertified);
    let told = refused(one.get(&poser, b"a").await.unwrap_err());
    assert_eq!(told.reason, Reason::NotCertified);
}
