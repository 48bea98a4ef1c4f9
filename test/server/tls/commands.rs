//! The program's own commands, at a server that speaks HTTPS.

use super::Certs;
use crate::support::{Ended, Process, Server};

fn run(arguments: &[&str]) -> Ended {
    Process::start(arguments).wait()
}

fn url(server: &Server) -> String {
    format!("https://localhost:{}", server.address().port())
}

#[test]
fn values_go_in_and_out_over_tls_by_the_authority_that_is_named() {
    let (certs, others) = (Certs::new(), Certs::new());
    let (server, file) = (certs.serve(&[]), certs.path("lines"));
    std::fs::write(&file, "{\"key\":\"a\",\"value\":\"b\"}\n").unwrap();
    let (url, ca, other) = (url(&server), certs.path("ca.pem"), others.path("ca.pem"));
    let imported = run(&["import", &file, "--url", &url, "--tls-ca", &ca]);
    assert_eq!(imported.status, Some(0), "{}", imported.stderr);
    let exported = run(&["export", "--url", &url, "--tls-ca", &ca]);
    assert!(exported.stdout.contains("\"value\":\"b\""), "{exported:?}");
    for stranger in [&["export", "--url", &url][..], &["export", "--url", &url, "--tls-ca", &other]]
    {
        let ended = run(stranger);
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains("see `--tls-ca`"), "{}", ended.stderr);
    }
    // By the address, which the certificate does not name.
    let by_address = format!("https://{}", server.address());
    let ended = run(&["export", "--url", &by_address, "--tls-ca", &ca]);
    assert!(ended.stderr.contains("see `--tls-ca`, and the name"), "{}", ended.stderr);
}

#[test]
fn a_server_is_asked_how_it_is_over_tls() {
    let (certs, others) = (Certs::new(), Certs::new());
    let server = certs.serve(&[]);
    let (url, port) = (url(&server), server.address().port().to_string());
    let told = format!("https://127.0.0.1:{port}/readyz: ready\n");
    // Who has the settings of the server asks it by its address, whatever its name.
    let flags = certs.flags();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let own = run(&[&["health", "--port", &port], &flags[..]].concat());
    assert_eq!((own.status, own.stdout.as_str()), (Some(0), told.as_str()), "{}", own.stderr);
    let by_url = run(&["health", "--url", &url, "--tls-ca", &certs.path("ca.pem")]);
    assert!(by_url.status == Some(0) && by_url.stdout.ends_with("/readyz: ready\n"), "{by_url:?}");
    let strange = run(&["health", "--url", &url, "--tls-ca", &others.path("ca.pem")]);
    assert!(strange.status == Some(1) && strange.stderr.starts_with("DC-339 "), "{strange:?}");
    let nobody = run(&["health", "--url", &url]);
    assert!(nobody.status == Some(1) && nobody.stderr.contains("`--tls-ca FILE`"), "{nobody:?}");
}

#[test]
fn a_server_says_where_it_listens_and_what_to_try() {
    let certs = Certs::new();
    let ca = certs.path("ca.pem");
    let server = certs.serve(&["--tls-ca", &ca, "--handshake-timeout", "3s"]);
    server.stdout.wait_for(&format!("https://{} (hyper)", server.address()));
    server.stdout.wait_for("a handshake: 3 s (--handshake-timeout)");
    let tried = server.stdout.wait_for("try ");
    assert!(tried.ends_with(&format!("--cacert {ca}")), "{tried}");
    assert_eq!(server.end().status, Some(0));
}
