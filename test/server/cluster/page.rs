//! The README's three terminals: its commands are run, its answers compared.

use super::Fleet;
use super::fleet::{COUNT, free_ports};
use crate::readme::{Example, examples, with_node_0};
use crate::support::{Curl, Process, Server, eventually, text_of};

/// The ports of the README.
const SHOWN: [&str; COUNT] = ["8081", "8082", "8083"];
const HEADING: &str = "## Three terminals";

#[test]
fn the_three_terminals_show_what_the_page_says() {
    let page = text_of("README.md");
    let (_, behind) = page.split_once(HEADING).expect("the section");
    let section = behind.split("\n## ").next().expect("the section");
    let examples = examples(section);
    let (starts, rest): (Vec<_>, Vec<_>) =
        examples.iter().partition(|one| one.command.starts_with("cache_manager "));
    let ports = free_ports().map(|port| port.to_string());
    let processes: Vec<_> = starts.iter().map(|one| start(one.command, &ports)).collect();
    let Ok(processes) = processes.try_into() else { panic!("three are started") };
    let mut fleet = Fleet::of(processes);
    let is_kill = |one: &&Example<'_>| one.command.starts_with("kill -9 ");
    let at = rest.iter().position(is_kill).expect("one is killed");
    let (before, after) = (&rest[..at], &rest[at + 1..]);
    assert!(!before.is_empty() && !after.is_empty());
    for one in before {
        run(one, |host| asked(host, &fleet));
    }
    fleet.server(0).signal("KILL");
    fleet.take(0).wait();
    fleet.settle();
    for one in after {
        run(one, |host| asked(host, &fleet));
    }
}

/// Starts a program as the page does, on other ports.
pub(super) fn start(command: &str, ports: &[String; COUNT]) -> Process {
    let of = |text: &str| {
        SHOWN
            .iter()
            .zip(ports)
            .fold(text.to_owned(), |text, (shown, port)| text.replace(shown, port))
    };
    let words: Vec<_> = command.split(' ').skip(1).map(of).collect();
    Process::start(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The server that is at a host and port of the page.
fn asked<'a>(host: &str, fleet: &'a Fleet) -> &'a Server {
    let at = SHOWN.iter().position(|port| host.ends_with(port)).expect("one of three");
    fleet.server(at)
}

/// Sends what the page shows to whom it shows.
pub(super) fn run<'a>(example: &Example<'_>, asked: impl Fn(&str) -> &'a Server) {
    let Example { command, output } = example;
    let curl = Curl::parse(command);
    let reply = eventually("it answers", || {
        let reply = curl.send_to(asked(curl.host()));
        (reply.status != 503).then_some(reply)
    });
    let shown = with_node_0(reply.text());
    assert_eq!(shown.lines().collect::<Vec<_>>(), *output, "{command}");
}
