//! Doors that a client does not believe: it goes, the door counts it, and others are
//! served.

use distcache_http::doors::Certificate;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::{Authority, HOST, SecureClient, Secured, certificate};
use crate::support::until;

fn self_signed() -> Certificate {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new([HOST.to_owned()]).expect("a good name");
    certificate(&params.self_signed(&key).expect("a certificate"), &key)
}

#[test]
fn a_certificate_that_does_not_prove_the_door_is_refused_by_the_client_and_counted() {
    let door = Secured::open();
    let (ours, theirs) = (&door.authority, Authority::new());
    let good = ours.certify(HOST);
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2000, 1, 1);
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(2200, 1, 1);
    let cells = [
        ("of another authority", theirs.certify(HOST), "BadSignature"),
        ("expired", ours.certify_with(HOST, expired), "expired"),
        ("not yet valid", ours.certify_with(HOST, early), "not valid yet"),
        ("of another host", ours.certify("elsewhere.example"), "not valid for name"),
        ("self-signed", self_signed(), "UnknownIssuer"),
    ];
    for (number, (what, bad, why)) in (1..).zip(cells) {
        let trust = door.trust();
        assert!(door.tls.swap(bad));
        let error = SecureClient::connect(door.address(), trust, HOST).err().expect(what);
        assert!(error.to_string().contains(why), "{what}: {error}");
        assert!(door.tls.swap(good.clone()));
        door.assert_serves();
        until("it is counted", || door.refused("handshake") == number);
    }
}
