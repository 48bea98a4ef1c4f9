//! The rules that the repository keeps by itself.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::{
    Process, cargo_metadata, code_blocks, files, markdown_files, path_of, relative_links, text_of,
};

/// A file longer than this has more than one noun in it.
const FILE_LINES_MAX: usize = 600;

/// The page for those who come from another cache.
const COMING_FROM: &str = "pkg/distcache/COMING_FROM.md";

const SOURCE_FOLDERS: [&str; 5] = ["api", "cmd", "internal", "pkg", "test"];

fn sources() -> impl Iterator<Item = (String, String)> {
    let paths = SOURCE_FOLDERS.iter().flat_map(|folder| files(folder, "rs"));
    paths.map(|path| (name_of(&path), text_of(&path)))
}

/// A path as it is written in the repository.
fn name_of(path: &Path) -> String {
    path.strip_prefix(path_of("")).expect("a file of the repository").display().to_string()
}

#[test]
fn every_source_begins_by_saying_what_it_is_for() {
    let silent = sources().filter(|(_, text)| !text.starts_with("//! "));
    assert_eq!(silent.map(|(name, _)| name).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn no_source_is_longer_than_one_can_keep_in_mind() {
    let long = sources().filter(|(_, text)| FILE_LINES_MAX < text.lines().count());
    assert_eq!(long.map(|(name, _)| name).collect::<Vec<_>>(), [""; 0]);
}

/// The folders of the drawing, from the roof to the ground.
fn floors() -> Vec<String> {
    let architecture = text_of("internal/ARCHITECTURE.md");
    let blocks = code_blocks(&architecture);
    let (_, drawing) = blocks.first().expect("the drawing of the house comes first");
    drawing.iter().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// The folder of a package's sources: the root package has its in `cmd`.
fn folder_of(package: &Value) -> String {
    let manifest = package["manifest_path"].as_str().expect("a path");
    match name_of(Path::new(manifest)).strip_suffix("/Cargo.toml") {
        Some(folder) => folder.to_owned(),
        None => "cmd/cache_manager".to_owned(),
    }
}

#[test]
fn arrows_between_crates_point_down_in_the_drawing() {
    let floors = floors();
    let metadata = cargo_metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let floor_of = |package: &Value| {
        let folder = folder_of(package);
        let floor = floors.iter().position(|floor| *floor == folder);
        floor.unwrap_or_else(|| panic!("{folder} is not drawn in internal/ARCHITECTURE.md"))
    };
    let mut drawn = BTreeSet::new();
    for package in packages {
        let from = floor_of(package);
        drawn.insert(from);
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let ours = packages.iter().find(|one| one["name"] == dependency["name"]);
            if let Some(to) = ours.map(floor_of) {
                assert!(from < to, "{} points up to {}", floors[from], floors[to]);
            }
        }
    }
    assert_eq!(drawn.len(), floors.len(), "every floor of {floors:?} is a crate");
}

/// Every `--flag` in a text.
fn flags_in(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '-';
    let pieces = text.split("--").skip(1);
    let names = pieces.map(|rest| &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())]);
    names.filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase())).collect()
}

fn help() -> String {
    Process::start(&["--help"]).wait().stdout
}

/// The flags of the program, from its help.
fn flags(help: &str) -> BTreeSet<&str> {
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with("--"));
    lines.filter_map(|line| line.strip_prefix("--")?.split(' ').next()).collect()
}

#[test]
fn every_flag_is_explained_in_the_reference_that_the_readme_links() {
    const REFERENCE: &str = "cmd/cache_manager/FLAGS.md";
    assert!(relative_links(&text_of("README.md")).contains(&REFERENCE));
    let (help, reference) = (help(), text_of(REFERENCE));
    let rows: Vec<_> = reference.lines().filter(|line| line.starts_with("| `--")).collect();
    let flags = flags(&help);
    assert!(20 < flags.len(), "{flags:?}");
    for flag in &flags {
        let starts = [format!("| `--{flag} "), format!("| `--{flag}` ")];
        let is_of = |row: &&str| starts.iter().any(|start| row.starts_with(start));
        assert!(rows.iter().any(is_of), "--{flag} is not in {REFERENCE}");
    }
    assert_eq!(rows.len(), flags.len(), "every flag of {REFERENCE} is there");
}

#[test]
fn every_flag_that_a_document_names_is_there() {
    let help = help();
    let mut known = flags(&help);
    known.extend(["help", "version"]);
    // Those of cargo and curl, in commands that are shown.
    known.extend(["bin", "bench", "release", "no-default-features", "features", "data-binary"]);
    known.extend(["git", "open"]);
    // Those of `config check`, `import` and `export`.
    known.extend(["connect", "url"]);
    // Those of `certs`.
    known.extend(["dir", "member"]);
    for document in ["README.md", "api/ERRORS.md", "internal/ARCHITECTURE.md", COMING_FROM] {
        let text = text_of(document);
        let unknown: Vec<_> = flags_in(&text).difference(&known).copied().collect();
        assert!(unknown.is_empty(), "{document} names {unknown:?}");
    }
}

/// Every `DC-nnn` in a text.
fn codes_in(text: &str) -> BTreeSet<&str> {
    let is_code =
        |rest: &&str| rest.get(..3).is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    text.split("DC-").skip(1).filter(is_code).map(|rest| &rest[..3]).collect()
}

#[test]
fn every_code_is_in_the_table_of_errors() {
    let table = text_of("api/ERRORS.md");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| DC-"));
    let listed: BTreeSet<_> = rows.map(|row| &row[..3]).collect();
    for code in distcache_manager::codes::ALL {
        let code = code.to_string();
        assert!(codes_in(&code).is_subset(&listed), "{code} is not in api/ERRORS.md");
    }
    let documents = markdown_files().into_iter().map(|path| (name_of(&path), text_of(&path)));
    for (name, text) in sources().chain(documents) {
        let unlisted: Vec<_> = codes_in(&text).difference(&listed).copied().collect();
        assert!(unlisted.is_empty(), "{name} names the codes {unlisted:?}");
    }
}

#[test]
fn the_changelog_says_what_is_not_released_yet() {
    let changelog = text_of("CHANGELOG.md");
    let (_, rest) = changelog.split_once("\n## Unreleased\n").expect("a section Unreleased");
    let section = rest.split("\n## ").next().expect("its text");
    assert!(section.contains("\n* "), "it lists what has changed");
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let documents = markdown_files();
    assert!(documents.iter().any(|path| path.ends_with(".github/CONTRIBUTING.md")));
    for path in documents {
        let folder = path.parent().expect("a file is in a folder");
        for link in relative_links(&text_of(&path)) {
            assert!(folder.join(link).exists(), "{} links to {link}", name_of(&path));
        }
    }
}

/// A wall clock leaps, and values would live shorter or longer than they are to.
#[test]
fn no_value_ends_by_a_wall_clock() {
    let of_the_cache = |name: &str| {
        (name.starts_with("internal/") || name.starts_with("pkg/")) && !name.contains("/tests/")
    };
    let leaping =
        sources().filter(|(name, text)| of_the_cache(name) && text.contains("SystemTime"));
    assert_eq!(leaping.map(|(name, _)| name).collect::<Vec<_>>(), [""; 0]);
}

/// The file and the function of every `file.rs::function` in a text.
fn tests_named_in(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter_map(|name| name.split_once(".rs::"))
}

/// The pages that say which test shows what.
const MAPS: [&str; 2] = ["test/PROOFS.md", "test/INVARIANTS.md"];

#[test]
fn every_test_that_a_map_names_is_there() {
    for map in MAPS {
        let map_text = text_of(map);
        let mut named = 0;
        for (file, function) in tests_named_in(&map_text) {
            let text = text_of(format!("{file}.rs"));
            let is_there = text.contains(&format!("fn {function}("));
            assert!(is_there, "{map} names {function}, and {file}.rs has no such fn");
            named += 1;
        }
        assert!(100 < named, "{map} names {named} tests");
    }
}
