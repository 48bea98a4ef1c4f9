//! Credentials as an operator of NATS gives them: a JWT of an account, and its key.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::announcing;
use crate::nats_server::NatsServer;
use crate::support::{until_failed, until_listed};

/// What `issuer` says of whom it vouches for.
fn jwt(issuer: &KeyPair, subject: &KeyPair, nats: &Value) -> String {
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let head = encoded(&json!({ "typ": "JWT", "alg": "ed25519-nkey" }));
    let claims = encoded(&json!({
        "jti": "1", "iat": 1_700_000_000, "name": "x", "nats": nats,
        "iss": issuer.public_key(), "sub": subject.public_key(),
    }));
    let said = format!("{head}.{claims}");
    let signed = issuer.sign(said.as_bytes()).expect("it has a seed");
    format!("{said}.{}", URL_SAFE_NO_PAD.encode(signed))
}

/// The file that `nsc` writes for a user of an account.
fn credentials(account: &KeyPair) -> String {
    let user = KeyPair::new_user();
    let rights = json!({
        "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2,
    });
    let (jwt, seed) = (jwt(account, &user, &rights), user.seed().expect("it was just made"));
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    )
}

#[test]
fn credentials_of_an_account_let_a_member_in_and_are_read_again_when_they_are_changed() {
    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    let whole = jwt(&operator, &operator, &json!({ "type": "operator", "version": 2 }));
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "conn": -1,
        "leaf": -1, "wildcards": true,
    });
    let of_account = json!({ "limits": limits, "type": "account", "version": 2 });
    let of_account = jwt(&operator, &account, &of_account);
    let folder = TempDir::new().expect("a directory");
    let operator = folder.path().join("operator.jwt");
    fs::write(&operator, whole).expect("written");
    let configuration = format!(
        "operator: \"{}\"\nresolver: MEMORY\nresolver_preload: {{ {}: {of_account} }}\n",
        operator.display(),
        account.public_key(),
    );
    let Some(server) = NatsServer::start_in(folder, &configuration) else { return };
    let file = server.folder().join("cache.creds");
    fs::write(&file, credentials(&KeyPair::new_account())).expect("written");
    let address = "10.0.0.1:18081";
    let one = announcing(&server, address).credentials_file(&file).build().unwrap();
    let told = until_failed(&one, "authorization violation");
    assert!(!told.contains("eyJ"), "nothing of them is shown: {told}");
    fs::write(&file, credentials(&account)).expect("written");
    until_listed(&one, &[address]);
}
