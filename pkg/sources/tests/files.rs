//! The files of a directory as a source.

use std::fs;
use std::time::Duration;

use distcache::{Answer, Context, DataSource, Engine, KeyspaceConfig};
use distcache_sources::{FileError, Files};
use tempfile::TempDir;

fn context() -> Context {
    Context::within(Duration::from_mins(1))
}

/// A directory with a few files, beside one that nobody is to read.
fn folder() -> (TempDir, Files) {
    let above = tempfile::tempdir().expect("a place for files");
    let folder = above.path().join("values");
    fs::create_dir_all(folder.join("de")).expect("a directory");
    fs::write(above.path().join("secret"), "secret").expect("a file");
    fs::write(folder.join("hello"), "Hello").expect("a file");
    fs::write(folder.join("de/hello"), "Hallo").expect("a file");
    fs::write(folder.join("empty"), "").expect("a file");
    let source = Files::new(folder);
    (above, source)
}

/// The error of a load that must fail.
fn failure(source: &Files, key: &[u8]) -> FileError {
    let error = source.fetch(key, &context()).expect_err("no value");
    *error.downcast().expect("an error of files")
}

#[test]
fn a_key_is_the_path_of_a_file() {
    let (_above, source) = folder();
    let fetch = |key: &[u8]| source.fetch(key, &context()).unwrap();
    assert_eq!(fetch(b"hello"), Answer::from("Hello"));
    assert_eq!(fetch(b"de/hello"), Answer::from("Hallo"));
    assert_eq!(fetch(b"empty"), Answer::from(""));
    assert_eq!(fetch(b"bye"), Answer::NotFound);
    let many = source.fetch_many(&[b"hello", b"bye"], &context()).unwrap();
    let many: Vec<_> = many.into_iter().map(Result::unwrap).collect();
    assert_eq!(many, [Answer::from("Hello"), Answer::NotFound]);
}

#[test]
fn no_key_leads_out_of_the_directory() {
    let (above, source) = folder();
    let absolute = above.path().join("secret");
    let absolute = absolute.to_str().unwrap().as_bytes();
    let keys: [&[u8]; 14] = [
        b"",
        b".",
        b"..",
        b"/",
        b"../secret",
        b"de/../../secret",
        b"de/../hello",
        b"./hello",
        b"de//hello",
        b"hello/",
        b"/hello",
        b"hello\0",
        b"\xFF\xFE",
        absolute,
    ];
    for key in keys {
        assert_eq!(source.fetch(key, &context()).unwrap(), Answer::NotFound, "{key:?}");
    }
    let long = vec![b'a'; 100_000];
    assert_eq!(source.fetch(&long, &context()).unwrap(), Answer::NotFound);
}

#[test]
fn a_file_beside_the_directory_whose_name_begins_as_its_own_is_outside() {
    let (above, _) = folder();
    fs::create_dir(above.path().join("values-of-others")).unwrap();
    fs::write(above.path().join("values-of-others/hello"), "secret").unwrap();
    let source = Files::new(above.path().join("values"));
    assert_eq!(source.fetch(b"../values-of-others/hello", &context()).unwrap(), Answer::NotFound);
}

#[cfg(unix)]
#[test]
fn links_are_followed_within_the_directory_and_are_an_error_beyond() {
    let (above, source) = folder();
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, above.path().join("values").join(name)).unwrap();
    };
    link("hello", "within");
    link("../secret", "beyond");
    link("nowhere", "broken");
    link("around", "around");
    assert_eq!(source.fetch(b"within", &context()).unwrap(), Answer::from("Hello"));
    assert!(matches!(failure(&source, b"beyond"), FileError::Outside));
    assert_eq!(source.fetch(b"broken", &context()).unwrap(), Answer::NotFound);
    assert!(matches!(failure(&source, b"around"), FileError::File(_)));
}

#[cfg(unix)]
#[test]
fn only_files_have_values_and_a_pipe_is_not_waited_for() {
    let (above, source) = folder();
    let pipe = above.path().join("values/pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for key in [&b"pipe"[..], b"de"] {
        assert_eq!(source.fetch(key, &context()).unwrap(), Answer::NotFound, "{key:?}");
    }
}

#[test]
fn a_file_that_is_too_large_is_told_with_its_size() {
    let (_above, source) = folder();
    let source = source.bytes_max(4);
    let error = failure(&source, b"hello");
    assert_eq!(error.to_string(), "the file has 5 bytes, and at most 4 are allowed");
    assert_eq!(source.bytes_max(5).fetch(b"hello", &context()).unwrap(), Answer::from("Hello"));
}

#[test]
fn a_directory_that_is_not_there_is_an_error_and_not_a_missing_value() {
    let (above, _) = folder();
    let source = Files::new(above.path().join("gone"));
    let error = failure(&source, b"hello");
    assert!(matches!(error, FileError::Directory { .. }), "{error}");
}

/// What the kernel makes as it is read is told to have no bytes, and has some.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_not_as_long_as_it_was_is_not_taken_for_whole() {
    let error = failure(&Files::new("/proc"), b"uptime");
    assert!(matches!(error, FileError::Changing), "{error}");
}

#[test]
fn a_load_whose_time_is_over_ends() {
    let (_above, source) = folder();
    let over = Context::within(Duration::ZERO);
    assert!(source.fetch(b"hello", &over).is_err());
}

#[test]
fn an_engine_serves_a_file_until_it_is_told_that_it_changed() {
    let (above, source) = folder();
    let engine = Engine::builder().start().unwrap();
    let things = engine.add_keyspace(KeyspaceConfig::new("files").source(source)).unwrap();
    assert_eq!(&*things.get(b"hello").unwrap().unwrap(), b"Hello");
    let other = above.path().join("other");
    fs::write(&other, "Good morning").unwrap();
    fs::rename(other, above.path().join("values/hello")).unwrap();
    assert_eq!(&*things.get(b"hello").unwrap().unwrap(), b"Hello");
    things.invalidate(b"hello").unwrap();
    assert_eq!(&*things.get(b"hello").unwrap().unwrap(), b"Good morning");
}
