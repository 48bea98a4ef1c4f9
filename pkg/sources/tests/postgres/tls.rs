//! Connections that nobody else can read.

use distcache_sources::{ConfigError, Error, Postgres, Query};
use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::db::{Db, kv};
use crate::server::PostgresServer;
use crate::support::suite::Bed;
use crate::support::{cancelled, failure, fetch, found, patient, until};

/// A server that speaks TLS, and its certificate.
fn server(name: &str) -> Option<(PostgresServer, String)> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let (certificate, key) = (cert.pem(), signing_key.serialize_pem());
    let files = [
        ("server.crt", certificate.as_str()),
        ("server.key", &key),
        ("postgresql.auto.conf", "ssl = on\n"),
    ];
    Some((PostgresServer::start_with(&files)?, certificate))
}

const IS_ENCRYPTED: &str =
    "SELECT ssl FROM pg_stat_ssl, pg_sleep($1::int) WHERE pid = pg_backend_pid()";

#[test]
fn a_trusted_server_is_spoken_to_in_secret() {
    let Some((server, certificate)) = server("127.0.0.1") else { return };
    let connection = server.connection("postgres");
    let query = Query::new(IS_ENCRYPTED);
    let clear = Postgres::builder(&connection, query.clone()).build().expect("valid settings");
    assert_eq!(fetch(&clear, "0"), found("false"));
    let secret = Postgres::builder(&connection, query).tls_roots(certificate);
    let secret = secret.build().expect("valid settings");
    assert_eq!(fetch(&secret, "0"), found("true"));

    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    let is_asleep = || server.sql("postgres", asleep) == "1";
    let result =
        cancelled(is_asleep, |context| distcache::DataSource::fetch(&secret, b"60", context));
    assert!(result.expect_err("cancelled").is::<distcache::Cancelled>());
    until("the server stops", || !is_asleep());
}

#[test]
fn a_server_that_cannot_be_trusted_is_not_spoken_to() {
    let Some((server, certificate)) = server("elsewhere.example") else { return };
    let stranger = generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    for (pem, reason) in [
        (certificate, "certificate not valid for name"),
        (stranger.cert.pem(), "invalid peer certificate"),
    ] {
        let source = Postgres::builder(server.connection("postgres"), kv()).tls_roots(pem);
        let failed = failure(&source.build().expect("valid settings"), "a", &patient());
        let Error::Connect { reason: told, .. } = &failed else { panic!("{failed}") };
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn a_server_without_tls_is_not_spoken_to_in_clear_text() {
    let Some(db) = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)") else { return };
    let certificate = generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let source = db.builder(kv()).tls_roots(certificate.cert.pem());
    let failed = failure(&source.build().expect("valid settings"), "a", &patient());
    let Error::Connect { reason, .. } = &failed else { panic!("{failed}") };
    assert!(reason.contains("server does not support TLS"), "{reason}");
}

#[test]
fn settings_of_tls_that_make_no_sense_are_refused() {
    let refused = |connection: &str, pem: &str| {
        let source = Postgres::builder(connection, kv()).tls_roots(pem);
        source.build().expect_err("refused")
    };
    assert_eq!(refused("host=db.local", "nonsense"), ConfigError::Certificates);
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert_eq!(refused("host=db.local", broken), ConfigError::Certificates);
    let certificate = generate_simple_self_signed(["x".to_owned()]).expect("a certificate");
    let pem = certificate.cert.pem();
    assert_eq!(refused("host=db.local sslmode=disable", &pem), ConfigError::TlsDisabled);
    assert_eq!(refused("host=db.local sslmode=verify-full", &pem), ConfigError::TlsVerify);
}
