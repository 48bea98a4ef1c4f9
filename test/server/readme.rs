//! The README, the page of the REST interface, and that for those who come from another
//! cache, show what happens: their commands are run, their answers compared.

use serde_json::Value;

use crate::support::{Curl, Door, cargo_metadata, code_blocks, on_each_door, text_of};

on_each_door! {
    the_curl_lines_answer_as_shown,
}

/// A command of a console block, and what it is shown to print.
pub(crate) struct Example<'a> {
    pub(crate) command: &'a str,
    pub(crate) output: Vec<&'a str>,
}

pub(crate) fn examples(readme: &str) -> Vec<Example<'_>> {
    let mut examples: Vec<Example<'_>> = Vec::new();
    for (_, lines) in code_blocks(readme).into_iter().filter(|(kind, _)| *kind == "console") {
        for line in lines {
            match (line.strip_prefix("$ "), examples.last_mut()) {
                (Some(command), _) => examples.push(Example { command, output: Vec::new() }),
                (None, Some(example)) => example.output.push(line),
                (None, None) => panic!("an answer before the first command: {line}"),
            }
        }
    }
    examples
}

fn the_curl_lines_answer_as_shown(door: Door) {
    for (page, least) in
        [("README.md", 4), ("api/REST.md", 15), ("pkg/distcache/COMING_FROM.md", 12)]
    {
        let text = text_of(page);
        let curls: Vec<_> =
            examples(&text).into_iter().filter(|one| one.command.starts_with("curl ")).collect();
        assert!(least <= curls.len(), "{page} shows less than it did");
        let server = door.start(&[]);
        for Example { command, output } in curls {
            let curl = Curl::parse(command);
            let reply = curl.send_to(&server);
            let answer = with_version_1(&with_node_0(reply.text()));
            let shown = if curl.is_silent { "" } else { &answer };
            assert_eq!(shown.lines().collect::<Vec<_>>(), output, "{page}: {command}");
            let is_shown_to_fail = output.iter().any(|line| line.contains("\"type\":\"/errors#"));
            assert_eq!(400 <= reply.status, is_shown_to_fail, "{page}: {command}: {answer}");
        }
    }
}

/// Versions differ from run to run.
fn with_version_1(answer: &str) -> String {
    const BEFORE: &str = "\"version\":\"";
    let mut parts = answer.split(BEFORE);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (_, behind) = part.split_once('"').expect("a version ends");
        format!("{text}{BEFORE}1-ab\"{behind}")
    })
}

#[test]
fn the_page_names_every_path() {
    let page = text_of("api/REST.md");
    for route in distcache_http::ROUTES {
        assert!(page.contains(&format!("{}`", route.path)), "{}", route.path);
    }
}

/// Which node holds a key differs from run to run.
pub(crate) fn with_node_0(answer: &str) -> String {
    const BEFORE: &str = "\"node\":\"node-";
    let Some((start, rest)) = answer.split_once(BEFORE) else { return answer.to_owned() };
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{start}{BEFORE}0{rest}")
}

/// Every `cargo ...` of the README, from its blocks and from its text.
fn cargo_commands(readme: &str) -> Vec<&str> {
    let in_blocks = examples(readme).into_iter().map(|example| example.command);
    let in_text = readme.split('`').filter(|piece| !piece.contains('\n'));
    in_blocks.chain(in_text).filter(|text| text.starts_with("cargo ")).collect()
}

/// What the commands of cargo in the page do, here or in a reader's own crate.
const KNOWN: [&str; 7] = ["run", "test", "bench", "build", "doc", "new", "add"];

#[test]
fn the_cargo_commands_name_what_is_there() {
    let readme = text_of("README.md");
    let commands = cargo_commands(&readme);
    assert!(3 <= commands.len(), "run, test, and run without default features: {commands:?}");
    let metadata = cargo_metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let server = packages.iter().find(|package| package["name"] == "distcache-server");
    let server = server.expect("the root package");
    for command in commands {
        let words: Vec<_> = command.split(' ').collect();
        assert!(KNOWN.contains(&words[1]), "{command}");
        for pair in words.windows(2) {
            match pair {
                ["--bin", name] => assert!(has_binary(server, name), "{command}"),
                ["--features", name] => {
                    assert!(!server["features"][*name].is_null(), "{command}");
                }
                ["-p" | "--package", name] => {
                    assert!(packages.iter().any(|one| one["name"] == *name), "{command}");
                }
                _ => {}
            }
        }
    }
}

fn has_binary(package: &Value, name: &str) -> bool {
    let targets = package["targets"].as_array().expect("targets");
    targets.iter().any(|target| {
        let kinds = target["kind"].as_array().expect("kinds");
        target["name"] == name && kinds.iter().any(|kind| kind == "bin")
    })
}
