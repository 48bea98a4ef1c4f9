//! The README's load balancer: its commands are run, its answers compared.

use super::super::page::{run, start};
use super::{Fleet, until};
use crate::readme::{Example, examples};
use crate::support::{Server, text_of};

const HEADING: &str = "## A load balancer before them";

#[test]
fn the_load_balancer_shows_what_the_page_says() {
    let page = text_of("README.md");
    let (_, behind) = page.split_once(HEADING).expect("the section");
    let section = behind.split("\n## ").next().expect("the section");
    let examples = examples(section);
    let mut fleet = Fleet::start(&[]);
    let ports = [0, 1, 2].map(|at| fleet.server(at).address().port().to_string());
    let (first, rest) = examples.split_first().expect("it is started");
    let balancer = Server::of(start(&format!("{} -port=0", first.command), &ports));
    for at in 0..3 {
        until(&balancer, at, "ready");
    }
    let is_kill = |one: &Example<'_>| one.command.starts_with("kill -9 ");
    let at = rest.iter().position(is_kill).expect("one is killed");
    let (before, after) = (&rest[..at], &rest[at + 1..]);
    assert!(!before.is_empty() && !after.is_empty());
    for one in before {
        run(one, |_| &balancer);
    }
    fleet.server(1).signal("KILL");
    fleet.take(1).wait();
    fleet.settle();
    for one in after {
        run(one, |_| &balancer);
    }
}
