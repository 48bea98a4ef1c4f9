//! The page for those who come from another cache: each name that it gives for ours is
//! there, and where it gives none it says why.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{files, text_of};

const PAGE: &str = "pkg/distcache/COMING_FROM.md";

/// What a user can name, and where it may be declared.
const EXPORTS: [&str; 6] = [
    "pkg/distcache/src/lib.rs",
    "pkg/distcache/src/policy.rs",
    "pkg/discovery/src/lib.rs",
    "pkg/sources/src/lib.rs",
    "pkg/consistent_hash/src/lib.rs",
    "api/http/src/lib.rs",
];
const DECLARED_IN: [&str; 3] = ["api/http/src", "internal", "pkg"];

/// The second and the third cell of each row of the tables whose second column is ours.
fn rows(page: &str) -> Vec<(&str, &str)> {
    let mut rows = Vec::new();
    let mut is_ours = false;
    for line in page.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        match cells[..] {
            ["", _, here, difference, ""] if is_ours => rows.push((here, difference)),
            _ => is_ours = matches!(cells[..], ["", "there", "here", "difference", ""]),
        }
    }
    rows.retain(|(here, _)| !here.starts_with("---"));
    rows
}

fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// Letters and digits at the beginning.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

/// Everything that can be named.
struct Names {
    flags: String,
    /// `[cluster] lease`, as the page writes them.
    settings: BTreeSet<String>,
    config: String,
    openapi: Value,
    rest: String,
    otel: String,
    exported: BTreeSet<String>,
    /// `Engine`, and `Engine::get`.
    declared: BTreeSet<String>,
}

impl Names {
    fn of_the_repository() -> Self {
        let config = text_of("cmd/cache_manager/CONFIG.md");
        let openapi = serde_json::from_str(&text_of("api/openapi.json")).expect("JSON");
        let texts = |folder: &str| files(folder, "rs").into_iter().map(text_of).collect::<Vec<_>>();
        let sources: Vec<_> = DECLARED_IN.iter().flat_map(|folder| texts(folder)).collect();
        Self {
            flags: text_of("cmd/cache_manager/FLAGS.md"),
            settings: settings(&config),
            config,
            openapi,
            rest: text_of("api/REST.md"),
            otel: texts("pkg/distcache/src/otel").concat(),
            exported: EXPORTS.iter().flat_map(|file| exports(&text_of(file))).collect(),
            declared: sources.iter().flat_map(|source| declarations(source)).collect(),
        }
    }

    /// Whether there is what a name says, by the look of it.
    fn have(&self, name: &str) -> bool {
        if name.starts_with("--") {
            self.flags.contains(&format!("\n| `{name} "))
                || self.flags.contains(&format!("\n| `{name}` "))
        } else if name.starts_with('[') {
            self.settings.contains(name)
        } else if name.starts_with("DISTCACHE_") {
            self.config.contains(&format!("`{name}`"))
        } else if name.starts_with("distcache.") {
            self.otel.contains(&format!("\"{name}\""))
        } else if let Some((method, target)) = name.split_once(' ') {
            self.have_path(method, target)
        } else {
            let of = name.split("::").next().unwrap_or(name);
            self.exported.contains(of) && self.declared.contains(name)
        }
    }

    /// Whether a path takes a method, with these parameters.
    fn have_path(&self, method: &str, target: &str) -> bool {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let operation = &self.openapi["paths"][path][method.to_ascii_lowercase()];
        if operation.is_null() {
            return query.is_empty() && self.rest.contains(&format!("| `{path}` | {method}"));
        }
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut asked = query.split('&').filter_map(|pair| pair.split('=').next());
        asked.all(|one| one.is_empty() || parameters.iter().any(|known| known["name"] == one))
    }
}

/// The rows of the reference, by the table that they stand in.
fn settings(config: &str) -> BTreeSet<String> {
    let mut settings = BTreeSet::new();
    let mut table = "";
    for line in config.lines() {
        if let Some(heading) = line.strip_prefix("## `") {
            table = heading.trim_end_matches('`');
        } else if let Some(name) = line.strip_prefix("| `").and_then(|row| row.split('`').next()) {
            settings.insert(format!("{table} {name}"));
        }
    }
    settings
}

/// The words of each `pub use`.
fn exports(source: &str) -> BTreeSet<String> {
    let uses = source.split("\npub use ").skip(1).filter_map(|rest| rest.split(';').next());
    let words = uses.flat_map(|one| one.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    words
        .filter(|word| word.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(str::to_owned)
        .collect()
}

/// The types that a source declares, and what is public of types.
fn declarations(source: &str) -> Vec<String> {
    let mut declared = Vec::new();
    for item in source.split("\n}\n").flat_map(items) {
        let head = item.strip_prefix("pub ").unwrap_or(item).lines().next().unwrap_or_default();
        let kinds = ["struct", "enum", "trait", "impl"];
        let Some((kind, rest)) =
            kinds.iter().find_map(|kind| Some((*kind, head.strip_prefix(kind)?)))
        else {
            continue;
        };
        let subject = subject(rest);
        if kind != "impl" {
            declared.push(subject.to_owned());
        }
        let members = item.lines().filter_map(|line| member(kind, line));
        declared.extend(members.map(|member| format!("{subject}::{member}")));
    }
    declared
}

/// What begins at the left margin, each to where the next one begins: of a part in which
/// nothing but the last has a body in braces.
fn items(part: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let mut rest = part;
    let next = |text: &str| ["\npub ", "\nimpl"].iter().filter_map(|head| text.find(head)).min();
    while let Some(at) = next(rest) {
        rest = &rest[at + 1..];
        items.push(&rest[..next(rest).unwrap_or(rest.len())]);
    }
    items
}

/// `<'a, V: ?Sized> Item<'a, V> {` is about `Item`, ` Serve for EngineBuilder {` about the latter.
fn subject(head: &str) -> &str {
    let mut depth = 0;
    let after = head.find(|c| {
        depth += i32::from(c == '<') - i32::from(c == '>');
        depth == 0 && c == ' '
    });
    let head = after.map_or(head, |at| &head[at..]).trim_start();
    let head = head.split(" for ").last().unwrap_or(head);
    let path = &head[..head.find(['<', ' ', '(', ';']).unwrap_or(head.len())];
    word(path.rsplit("::").next().unwrap_or(path))
}

/// The public function, field or variant that a line of an item begins.
fn member<'a>(kind: &str, line: &'a str) -> Option<&'a str> {
    let line = line.strip_prefix("    ").filter(|line| !line.starts_with(' '))?;
    let line = match line.strip_prefix("pub ") {
        Some(public) => public,
        // Of a trait all is public, and of an enum each variant.
        None if ["trait", "enum"].contains(&kind) => line,
        None => return None,
    };
    let line = line.trim_start_matches("const ").trim_start_matches("async ");
    Some(word(line.strip_prefix("fn ").unwrap_or(line)))
}

#[test]
fn every_name_that_is_ours_is_there() {
    let (page, names) = (text_of(PAGE), Names::of_the_repository());
    let given: Vec<_> = rows(&page).into_iter().flat_map(|(here, _)| quoted(here)).collect();
    assert!(200 < given.len(), "{} names", given.len());
    let wrong: Vec<_> = given.into_iter().filter(|name| !names.have(name)).collect();
    assert_eq!(wrong, [""; 0], "{PAGE} gives these names for ours");
}

/// Those of the page's text and of its last columns, as far as they can be nobody else's.
#[test]
fn every_name_that_is_plainly_ours_is_there() {
    let (page, names) = (text_of(PAGE), Names::of_the_repository());
    let prose = page.lines().filter(|line| !line.starts_with(['|', '`']));
    let differences = rows(&page).into_iter().map(|(_, difference)| difference);
    let given = prose.chain(differences).flat_map(quoted);
    let ours: Vec<_> = given.filter(|name| name.contains("::") || name.starts_with("--")).collect();
    assert!(20 < ours.len(), "{} names", ours.len());
    let wrong: Vec<_> = ours.into_iter().filter(|name| !names.have(name)).collect();
    assert_eq!(wrong, [""; 0], "{PAGE} names these as ours");
}

#[test]
fn where_there_is_nothing_it_is_said_why() {
    let page = text_of(PAGE);
    let unnamed = rows(&page).into_iter().filter(|(here, _)| quoted(here).next().is_none());
    let unnamed: Vec<_> = unnamed.filter(|(here, _)| !here.starts_with("DC-")).collect();
    assert!(10 < unnamed.len(), "{unnamed:?}");
    for (here, why) in unnamed {
        assert_eq!(here, "none", "{why}");
        assert!(20 < why.len(), "none, and {why:?}");
    }
}

/// One of each kind, and one that is nearly that.
#[test]
fn a_name_that_is_wrong_is_found_out() {
    let names = Names::of_the_repository();
    for (right, wrong) in [
        ("--lease", "--leases"),
        ("[cluster] lease", "[server] lease"),
        ("DISTCACHE_LEASE", "DISTCACHE_LEAS"),
        ("distcache.engine.requests", "distcache.engine.request"),
        ("GET /v1/members", "PUT /v1/members"),
        (
            "POST /v1/keyspaces/{keyspace}/invalidate?tag=T",
            "POST /v1/keyspaces/{keyspace}/invalidate?tags=T",
        ),
        ("GET /v1/balancer", "GET /v1/balancers"),
        ("Engine", "Motor"),
        // There is such a type, but nobody outside can name it.
        ("NodeReport", "CacheManager"),
        ("KeyspaceConfig::ttl", "KeyspaceConfig::time_to_live"),
        // A method of another type.
        ("KeyspaceConfig::warm_keys", "ClusterConfig::warm_keys"),
        // One that is there, and not for others.
        ("Engine::keyspace", "Engine::with"),
        ("Event::MemberLeft", "Event::MemberGone"),
        ("KeyspaceStats::hits", "KeyspaceStats::hit"),
        ("Discovery::addresses", "Discovery::address"),
        ("Serve::serve", "Serve::open"),
        ("Item::ttl", "Item::expiry"),
    ] {
        assert!(names.have(right), "{right}");
        assert!(!names.have(wrong), "{wrong}");
    }
}
