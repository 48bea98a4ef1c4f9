//! A member over TLS, and those who are none of its own: each is refused, hears nothing but
//! what TLS or a refusal says, and the others are served as before.

mod comers;
mod hosts;
mod stranger;

use std::sync::Arc;
use std::time::Duration;

use distcache_cluster::links::Settings;
use distcache_cluster::wire::{Certificates, Tcp, Tls};
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};

use crate::authority::{Authority, Pair};
use crate::support::{Member, address, until};

/// The name, and the address, of every member here.
const HOST: &str = "127.0.0.1";

/// A timeout that is the point of a test, and one that must not be.
const SHORT: Duration = Duration::from_secs(1);
const NEVER: Duration = Duration::from_mins(10);

/// Two members of one authority.
struct Scene {
    ours: Authority,
    one: Member,
    honest: Member,
}

impl Scene {
    async fn new() -> Self {
        Self::with(NEVER, |_| {}).await
    }

    /// Of which one gives so long for TLS, and has other settings.
    async fn with(within: Duration, change: impl FnOnce(&mut Settings)) -> Self {
        let ours = Authority::new();
        let wire = secured(ours.certify(HOST)).handshake_timeout(within);
        let patient = |settings: &mut Settings| {
            settings.handshake_timeout = NEVER;
            change(settings);
        };
        let one = Member::start(Arc::new(wire), 1, &address("127.0.0.1:0"), patient).await;
        let honest = member(2, secured(ours.certify(HOST))).await;
        assert_eq!(honest.get(&one, b"a").await.expect("all is well"), "a");
        Self { ours, one, honest }
    }

    /// A cell is over: one more connection was refused, nobody but the honest one was
    /// answered, and it is still.
    async fn assert_refused(&self, cell: &str, number: u64) {
        until(cell, || self.one.links.counts().refused == number).await;
        self.assert_serves(cell, number).await;
    }

    async fn assert_serves(&self, cell: &str, number: u64) {
        let served = self.one.echo.served() as u64;
        assert_eq!(served, number, "{cell}: nothing was served");
        assert_eq!(self.honest.get(&self.one, b"b").await.expect(cell), "b");
        assert_eq!(self.one.links.counts().ended, 0, "{cell}");
        assert_eq!(self.one.links.linked().len(), 1, "{cell}");
    }
}

fn secured(certificates: Certificates) -> Tcp {
    Tcp::secured(Arc::new(Tls::new(certificates).expect("good certificates")))
}

async fn member(number: u64, wire: Tcp) -> Member {
    Member::start(Arc::new(wire), number, &address("127.0.0.1:0"), |_| {}).await
}

fn expired(params: &mut CertificateParams) {
    params.not_after = date_time_ymd(2000, 1, 1);
}

fn early(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2200, 1, 1);
}

fn serves_only(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
}

fn asks_only(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

fn self_signed() -> Pair {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new([HOST.to_owned()]).expect("a good name");
    Pair { certificate: params.self_signed(&key).expect("a certificate"), key }
}
