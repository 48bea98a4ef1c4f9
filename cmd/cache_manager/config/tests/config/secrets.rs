//! Secrets and other files that settings name.

use std::time::Duration;

use distcache::Engine;

use crate::support::{Folder, NAME};

/// Longer than two small files ever take.
const PATIENCE: Duration = Duration::from_secs(30);

const POSTGRES: &str = "[keyspaces.a.source]\nkind = 'postgres'\ntable = 't'\n\
                        url = 'host=127.0.0.1 port=1 user=cache dbname=cache'\n";

#[test]
fn a_password_comes_from_a_file_that_begins_at_the_folder_of_the_configuration() {
    let folder = Folder::new();
    folder.write("password", "open-sesame\n");
    folder.write(NAME, format!("{POSTGRES}password_file = 'password'\n"));
    let loaded = folder.load().unwrap();
    assert!(!format!("{loaded:?}").contains("sesame"));
    assert_eq!(loaded.sources(), 1);
}

#[test]
fn a_secret_that_cannot_be_read_is_told_with_its_place() {
    let folder = Folder::new();
    let told = |settings: &str| {
        folder.write(NAME, format!("{POSTGRES}{settings}\n"));
        folder.load().unwrap_err()
    };
    let missing = told("password_file = 'nowhere'");
    assert!(
        missing.starts_with("users.toml:5:17: DC-325 password_file cannot be read"),
        "{missing}"
    );
    folder.write("empty", "\n").write("long", vec![b'a'; 70_000]).write("odd", b"\xFF");
    assert!(told("password_file = 'empty'").contains("it is empty"));
    assert!(told("password_file = 'long'").contains("more than 65536 bytes"));
    assert!(told("password_file = 'odd'").contains("not UTF-8"));
    assert!(told("password_file = '.'").contains("it is a directory"));
    assert!(told("password_env = 'NO_SUCH_VARIABLE'").contains("no such variable"));
    assert!(told("tls_roots_file = 'nowhere'").contains("tls_roots_file cannot be read"));
}

#[test]
fn what_a_source_refuses_is_told_without_its_secrets() {
    let folder = Folder::new();
    folder.write(NAME, "[keyspaces.a.source]\nkind = 'postgres'\ntable = 't'\nurl = 'open-sesame'");
    let told = folder.load().unwrap_err();
    assert!(told.contains("no connection string") && !told.contains("open-sesame"), "{told}");
}

#[test]
fn a_token_comes_from_a_file_and_headers_are_checked_before_anything_is_sent() {
    let folder = Folder::new();
    folder.write("token", "open-sesame\n");
    let told = |more: &str| {
        let http = "[keyspaces.a.source]\nkind = 'http'\nurl = 'http://127.0.0.1:1/{key}'\n";
        folder.write(NAME, format!("{http}{more}\n"));
        folder.load().map(drop)
    };
    assert_eq!(told("token_file = 'token'\nheaders = ['Accept: text/plain']"), Ok(()));
    let refused = told("headers = ['Host: open-sesame']").unwrap_err();
    assert!(refused.contains("\"Host\"") && !refused.contains("sesame"), "{refused}");
}

#[test]
fn files_of_values_are_there_before_the_server_starts() {
    let folder = Folder::new();
    let told = |settings: &str| {
        folder.write(NAME, format!("[keyspaces.a.source]\n{settings}\n"));
        folder.load().map(drop)
    };
    let sqlite = "kind = 'sqlite'\ntable = 't'\nfile = 'a.db'";
    assert!(told(sqlite).unwrap_err().starts_with("users.toml:4:8: DC-325 file cannot be read"));
    folder.write("a.db", "");
    assert_eq!(told(sqlite), Ok(()));
    assert_eq!(told("kind = 'sqlite'\ntable = 't'\nfile = 'file:later.db?mode=rwc'"), Ok(()));
    assert!(told("kind = 'file'\ndirectory = 'none'").unwrap_err().contains("DC-325"));
    assert_eq!(told("kind = 'file'\ndirectory = '.'"), Ok(()));
}

#[test]
fn warm_keys_come_from_a_file_one_a_line() {
    let folder = Folder::new();
    folder.write("keys", b"1\r\n\n2\n\xFF").write("1", "one").write("2", "two");
    folder.write(
        NAME,
        "[keyspaces.a]\nwarm_keys_file = 'keys'\nsource = { kind = 'file', directory = '.' }",
    );
    let engine = folder.load().unwrap().start(Engine::builder()).unwrap();
    let warm = engine.keyspace("a").unwrap();
    let begin = std::time::SystemTime::now();
    while !warm.warming().is_done() {
        assert!(begin.elapsed().unwrap() < PATIENCE, "the keys are still loaded");
        std::thread::yield_now();
    }
    assert_eq!(warm.stats().unwrap().entries, 2);
}

#[test]
fn the_key_of_the_hash_is_a_secret_of_32_digits() {
    let folder = Folder::new();
    folder.write(NAME, "engine.hash_key_file = 'key'");
    folder.write("key", "000102030405060708090a0b0c0d0e0f\n");
    assert!(folder.load().is_ok());
    for wrong in ["0001", "+00102030405060708090a0b0c0d0e0f", "sesame-sesame-sesame-sesame-sesa"] {
        folder.write("key", wrong);
        let told = folder.load().unwrap_err();
        assert!(told.starts_with("users.toml:1:24: DC-323 ") && !told.contains(wrong), "{told}");
    }
}

#[test]
fn what_the_engine_refuses_is_told_with_its_place() {
    let folder = Folder::new();
    folder.write(NAME, "[engine]\ndata_nodes = 4\ncapacity = '1MiB'\n");
    let told = folder.load().unwrap().try_out().unwrap_err().to_string();
    let told = folder.short(&told);
    assert!(told.starts_with("users.toml:3:12: DC-112 ") && told.contains("524288"), "{told}");
    folder.write(NAME, "engine.data_nodes = 4\n[keyspaces.a]\nbytes_max = '1MiB'\n");
    let told = folder.load().unwrap().try_out().unwrap_err().to_string();
    let told = folder.short(&told);
    assert!(told.starts_with("users.toml:2:12: DC-123 keyspace \"a\": "), "{told}");
}

#[test]
fn a_file_that_is_none_is_told() {
    let folder = Folder::new();
    assert!(folder.load().unwrap_err().starts_with("users.toml: DC-320 "));
    folder.write(NAME, vec![b'#'; (1 << 20) + 1]);
    assert!(folder.load().unwrap_err().contains("more than 1048576 bytes"));
    std::fs::remove_file(folder.path(NAME)).unwrap();
    std::fs::create_dir(folder.path(NAME)).unwrap();
    assert!(folder.load().unwrap_err().contains("it is a directory"));
}
