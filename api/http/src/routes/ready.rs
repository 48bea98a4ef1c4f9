//! `/readyz`: whether to send requests here, and what is wrong.

use std::time::Duration;

use distcache::codes::{self, Code};
use distcache::{BreakerState, Engine, NodeReport, NodeState};
use serde::Serialize;

use super::document;
use crate::cluster;
use crate::{Problem, Readiness, Response};

/// For so long a node that was replaced is told of: it began with nothing, and
/// its keys are loaded again.
const REPLACED_LATELY: Duration = Duration::from_mins(1);

/// Something that is not as it should be.
struct Failing {
    code: Code,
    detail: String,
    /// Whether requests had better go elsewhere. What another process has too, a
    /// source that fails, is no reason: all of them would be taken out at once.
    is_fatal: bool,
}

/// `ready` if all is well; 503 if requests had better go elsewhere; else 200 with
/// `{"ready":true,"failing":[{"code","detail"}]}`.
pub(super) fn report(engine: &Engine, readiness: &Readiness) -> Result<Response, Problem> {
    let failing = failing(engine, readiness);
    match failing.iter().find(|one| one.is_fatal) {
        Some(first) => {
            let others = failing.iter().filter(|one| !std::ptr::eq(*one, first));
            let others: Vec<_> =
                others.map(|one| format!("{}: {}", one.code, one.detail)).collect();
            let detail = [std::slice::from_ref(&first.detail), &others].concat().join("; ");
            Err(Problem::new(503, first.code).detail(detail))
        }
        None if failing.is_empty() => Ok(Response::text("ready\n")),
        None => {
            let failing = failing.into_iter().map(FailingView::of).collect();
            Ok(document(&Ready { ready: true, failing }))
        }
    }
}

#[derive(Serialize)]
struct Ready {
    ready: bool,
    failing: Vec<FailingView>,
}

#[derive(Serialize)]
struct FailingView {
    code: String,
    detail: String,
}

impl FailingView {
    fn of(failing: Failing) -> Self {
        let Failing { code, detail, is_fatal: _ } = failing;
        Self { code: code.to_string(), detail }
    }
}

fn failing(engine: &Engine, readiness: &Readiness) -> Vec<Failing> {
    let draining = readiness.is_draining().then(|| Failing {
        code: codes::DRAINING,
        detail: "the server finishes what it has".to_owned(),
        is_fatal: true,
    });
    let nodes = engine.manager().nodes();
    let nodes = nodes.iter().filter_map(of_node);
    let keyspaces = engine.keyspaces();
    let keyspaces = keyspaces.iter().filter_map(|name| of_keyspace(engine, readiness, name));
    draining.into_iter().chain(of_cluster(engine)).chain(nodes).chain(keyspaces).collect()
}

/// Others may have a lease, which this one has not: so requests had better go there.
fn of_cluster(engine: &Engine) -> Option<Failing> {
    let members = cluster::members(engine).filter(|members| !members.has_lease)?;
    let detail = match members.epoch {
        0 => "this node is in no cluster yet: it looks for a majority of the others",
        _ => "this node has no lease: it does not hear of a majority of the others",
    };
    Some(Failing { code: codes::NO_LEASE, detail: detail.to_owned(), is_fatal: true })
}

fn of_node(node: &NodeReport) -> Option<Failing> {
    let (code, id) = (codes::NODE_FAILED, node.id);
    if node.state == NodeState::Stopped {
        let detail = format!("{id} does not answer");
        return Some(Failing { code, detail, is_fatal: true });
    }
    let up = Duration::from_millis(node.status.map_or(0, |status| status.uptime_ms));
    let was_replaced = node.incarnation != 0 && up < REPLACED_LATELY;
    was_replaced.then(|| {
        let detail = format!("{id} was replaced {} s ago, and began empty", up.as_secs());
        Failing { code, detail, is_fatal: false }
    })
}

fn of_keyspace(engine: &Engine, readiness: &Readiness, name: &str) -> Option<Failing> {
    let keyspace = engine.keyspace(name).ok()?;
    let warming = keyspace.warming();
    if readiness.waits_for_warm_keys() && !warming.is_done() {
        let (left, keys) = (warming.keys - warming.loaded - warming.failed, warming.keys);
        let detail = format!("{left} of {keys} warm keys of keyspace {name:?} are to be loaded");
        return Some(Failing { code: codes::WARMING_UP, detail, is_fatal: true });
    }
    (keyspace.breaker() == Some(BreakerState::Open)).then(|| {
        let detail = format!("the source of keyspace {name:?} is left alone for a while");
        Failing { code: codes::CIRCUIT_OPEN, detail, is_fatal: false }
    })
}
