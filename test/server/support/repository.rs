//! The files of the repository, and what its manifests say.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A path from the root of the repository.
pub(crate) fn path_of(name: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The text of a file.
pub(crate) fn text_of(name: impl AsRef<Path>) -> String {
    let path = path_of(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder whose name ends with `.extension`. Folders with
/// what was built or fetched are left out.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![path_of(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder that is there") {
            let entry = entry.expect("an entry that can be read");
            let (path, name) = (entry.path(), entry.file_name());
            let is_folder = entry.file_type().expect("it is there").is_dir();
            if is_folder && name != "target" && name != ".git" {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Every document, those in the dot-folders included.
pub(crate) fn markdown_files() -> Vec<PathBuf> {
    files("", "md")
}

/// The fenced blocks of a document, each with what stands behind its fence.
pub(crate) fn code_blocks(document: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            blocks.push((language, lines.by_ref().take_while(|line| *line != "```").collect()));
        }
    }
    blocks
}

/// The targets of links to other files of the repository.
pub(crate) fn relative_links(document: &str) -> Vec<&str> {
    let targets = document.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.map(|target| target.split('#').next().unwrap_or_default());
    files.filter(|file| !file.is_empty() && !file.contains("://")).collect()
}

/// The workspace as cargo reads its manifests.
pub(crate) fn cargo_metadata() -> Value {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(path_of(""))
        .output()
        .expect("cargo runs");
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    serde_json::from_slice(&metadata.stdout).expect("JSON")
}
