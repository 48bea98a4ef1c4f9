//! What is wrong with the settings of TLS is told where it stands.

use crate::support::mistakes;

#[test]
fn a_certificate_and_its_key_are_given_together() {
    let told = mistakes("[server]\ntls_cert = 'a.pem'\n");
    let what = "DC-324 tls_cert is given, and tls_key is not; give both, or neither";
    assert_eq!(told, [format!("users.toml:2:12: {what}")]);
    let told = mistakes("[server]\nport = 1\ntls_key = 'a.pem'\n");
    let what = "DC-324 tls_key is given, and tls_cert is not; give both, or neither";
    assert_eq!(told, [format!("users.toml:3:11: {what}")]);
}

#[test]
fn a_server_of_threads_only_speaks_no_tls() {
    let text = "[server]\nhttp_server = 'tiny_http'\ntls_cert = 'a.pem'\ntls_key = 'b.pem'\n";
    let what = "DC-324 tiny_http speaks no TLS, and tls_cert is given";
    let told = mistakes(text);
    assert_eq!(told, [format!("users.toml:3:12: {what}; use the server hyper, or leave this out")]);
}
