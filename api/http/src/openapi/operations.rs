//! Every operation, in the order of the table of paths.

use distcache::codes::{self, Code};
use serde_json::json;

use super::answers::{bytes, either, json_of, nothing, text_of, with_headers};
use super::parameters as of;
use super::spec::Spec;
use crate::Method::{self, Delete, Get, Patch, Post, Put};

/// A path, a method, and what is to be said of them.
pub(super) type Described = (&'static str, Method, Spec);

/// Every operation there is.
pub(super) fn all() -> Vec<Described> {
    [root(), probes(), reports(), keyspaces(), walks(), batches(), keys(), verbs(), peers()]
        .into_iter()
        .flatten()
        .collect()
}

/// What any call of the engine may say.
trait OfTheEngine {
    fn of_the_engine(self) -> Self;
    fn of_a_load(self) -> Self;
    fn of_a_store(self) -> Self;
}

impl OfTheEngine for Spec {
    fn of_the_engine(self) -> Self {
        self.refuses(502, &[codes::NOT_UNDERSTOOD])
            .refuses(503, &[codes::CLOSED, codes::NODE_FAILED, codes::BUSY])
            .refuses(503, &[codes::OWNER_UNREACHABLE, codes::NO_LEASE, codes::ELSEWHERE])
            .refuses(
                504,
                &[
                    codes::TIMED_OUT,
                    codes::OUTCOME_UNKNOWN,
                    codes::CLAIM_ENDED,
                    codes::NOT_COMMITTED,
                ],
            )
    }

    fn of_a_load(self) -> Self {
        self.of_the_engine()
            .refuses(502, &[codes::SOURCE_FAILED, codes::SOURCE_PANICKED])
            .refuses(503, &[codes::SOURCE_BUSY, codes::RATE_LIMITED, codes::CIRCUIT_OPEN])
            .refuses(503, &[codes::LOAD_CANCELLED])
            .refuses(504, &[codes::SOURCE_TIMED_OUT, codes::WAITED_TOO_LONG])
    }

    fn of_a_store(self) -> Self {
        self.of_the_engine()
            .refuses(502, &[codes::STORE_FAILED])
            .refuses(503, &[codes::STORE_BUSY])
            .refuses(504, &[codes::STORE_TIMED_OUT])
    }
}

/// What `/` says of its query.
const OF_ROOT: &[Code] = &[
    codes::KEY_MISSING,
    codes::PARAMETER_REPEATED,
    codes::ENCODING_INVALID,
    codes::PARAMETER_UNKNOWN,
    codes::KEY_TOO_LONG,
];

fn root() -> Vec<Described> {
    let new = |id| Spec::new("root", id);
    let form = json!({
        "type": "object",
        "properties": {"value": {"type": "string"}},
        "additionalProperties": false,
    });
    let body = json!({
        "application/octet-stream": {},
        "application/x-www-form-urlencoded": {"schema": form, "example": {"value": "Ada"}},
    });
    let hit = either(
        json_of("The value. As bytes for who asks for them by `Accept`.", "Hit"),
        bytes("", "application/octet-stream"),
    );
    vec![
        (
            "/",
            Get,
            new("getRoot")
                .takes([of::key_in_query()])
                .answers(200, hit)
                .refuses(400, OF_ROOT)
                .refuses(404, &[codes::NOT_FOUND])
                .refuses(406, &[codes::NOT_ACCEPTABLE])
                .of_a_load(),
        ),
        (
            "/",
            Post,
            new("postRoot")
                .takes([of::key_in_query(), of::value_in_query(), of::whole_ttl()])
                .bytes(body)
                .answers(200, json_of("The value is stored; null if it is not UTF-8.", "Stored"))
                .refuses(400, OF_ROOT)
                .refuses(400, &[codes::TTL_INVALID, codes::VALUE_TWICE, codes::FORM_WITHOUT_VALUE])
                .refuses(413, &[codes::VALUE_TOO_LARGE])
                .of_a_store(),
        ),
        (
            "/",
            Delete,
            new("deleteRoot")
                .takes([of::key_in_query()])
                .answers(200, json_of("The value is forgotten.", "Deleted"))
                .refuses(400, OF_ROOT)
                .refuses(404, &[codes::NOT_FOUND])
                .of_a_store(),
        ),
    ]
}

const PLAIN: &str = "text/plain; charset=utf-8";

fn probes() -> Vec<Described> {
    let new = |id| Spec::new("server", id);
    vec![
        (
            "/openapi.json",
            Get,
            new("getOpenapi").answers(200, bytes("This document.", "application/json")),
        ),
        ("/livez", Get, new("getLivez").answers(200, text_of("It lives.", PLAIN))),
        (
            "/readyz",
            Get,
            new("getReadyz")
                .answers(
                    200,
                    either(
                        json_of(
                            "It takes requests; what is wrong nevertheless, if anything is.",
                            "Ready",
                        ),
                        text_of("", PLAIN),
                    ),
                )
                .refuses(503, &[codes::DRAINING, codes::NODE_FAILED, codes::WARMING_UP])
                .refuses(503, &[codes::NO_LEASE]),
        ),
    ]
}

fn reports() -> Vec<Described> {
    let new = |id| Spec::new("server", id);
    let events = with_headers(
        bytes("Events until the client leaves; `open` is the first.", "text/event-stream"),
        &["Cache-Control", "X-Accel-Buffering"],
    );
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    vec![
        (
            "/metrics",
            Get,
            new("getMetrics")
                .answers(200, text_of("OpenMetrics 1.0.", open_metrics))
                .of_the_engine(),
        ),
        (
            "/v1/status",
            Get,
            new("getStatus").answers(200, json_of("What runs.", "Status")).of_the_engine(),
        ),
        (
            "/v1/limits",
            Get,
            new("getLimits").answers(200, json_of("Every bound.", "Limits")).of_the_engine(),
        ),
        (
            "/v1/trace/{keyspace}/{key}",
            Get,
            new("getTrace")
                .takes([of::keyspace("users"), of::key()])
                .answers(200, json_of("Where the key is, or why it is not.", "Trace"))
                .refuses(400, &[codes::ENCODING_INVALID, codes::KEY_TOO_LONG])
                .refuses(404, &[codes::KEYSPACE_UNKNOWN])
                .of_the_engine(),
        ),
        (
            "/v1/members",
            Get,
            new("getMembers").answers(200, json_of("Every member of the cluster.", "Members")),
        ),
        ("/v1/nodes", Get, new("getNodes").answers(200, json_of("Every data node.", "Nodes"))),
        (
            "/v1/events",
            Get,
            new("getEvents")
                .takes([of::invalidations()])
                .answers(200, events)
                .refuses(400, OF_QUERY)
                .refuses(400, &[codes::PARAMETER_REPEATED, codes::PARAMETER_INVALID])
                .refuses(503, &[codes::DRAINING, codes::STREAMS_FULL, codes::SPAWN_FAILED]),
        ),
    ]
}

/// What is said of a query under `/v1`, also where it ought to be empty.
const OF_QUERY: &[Code] =
    &[codes::ENCODING_INVALID, codes::PARAMETER_UNKNOWN, codes::PARAMETER_INVALID];

/// What is said of a body of settings.
const OF_SETTINGS: &[Code] =
    &[codes::BODY_INVALID, codes::SETTING_UNKNOWN, codes::SETTING_INVALID, codes::KEYSPACE_REFUSED];

fn keyspaces() -> Vec<Described> {
    const KEYSPACE: &str = "/v1/keyspaces/{keyspace}";
    let new = |id| Spec::new("keyspaces", id).refuses(400, OF_QUERY).of_the_engine();
    let described = || json_of("The keyspace and its settings.", "Keyspace");
    vec![
        (
            "/v1/keyspaces",
            Get,
            new("listKeyspaces").answers(200, json_of("In alphabetical order.", "Keyspaces")),
        ),
        (
            KEYSPACE,
            Get,
            new("getKeyspace")
                .takes([of::keyspace("users")])
                .answers(200, described())
                .refuses(404, &[codes::KEYSPACE_UNKNOWN]),
        ),
        (
            KEYSPACE,
            Put,
            new("putKeyspace")
                .refuses(503, &[codes::CHANGES_BUSY, codes::NOT_AGREED])
                .takes([of::keyspace("sessions")])
                .body("SettingsChange", false)
                .answers(200, json_of("There is one with these settings already.", "Keyspace"))
                .answers(201, described())
                .refuses(400, OF_SETTINGS)
                .refuses(400, &[codes::KEYSPACE_NAME_INVALID])
                .refuses(409, &[codes::KEYSPACE_EXISTS])
                .refuses(507, &[codes::KEYSPACES_FULL]),
        ),
        (
            KEYSPACE,
            Patch,
            new("patchKeyspace")
                .refuses(503, &[codes::CHANGES_BUSY, codes::NOT_AGREED])
                .takes([of::keyspace("users")])
                .body("SettingsChange", false)
                .answers(200, described())
                .refuses(400, OF_SETTINGS)
                .refuses(404, &[codes::KEYSPACE_UNKNOWN]),
        ),
        (
            KEYSPACE,
            Delete,
            new("deleteKeyspace")
                .refuses(503, &[codes::CHANGES_BUSY, codes::NOT_AGREED])
                .takes([of::keyspace("users")])
                .answers(204, nothing("It is gone, with all that it held."))
                .refuses(404, &[codes::KEYSPACE_UNKNOWN])
                .refuses(409, &[codes::KEYSPACE_OF_ROOT]),
        ),
    ]
}

fn walks() -> Vec<Described> {
    let new = |id| {
        let spec = Spec::new("keyspaces", id).takes([of::keyspace("users")]);
        spec.refuses(400, OF_QUERY).refuses(404, &[codes::KEYSPACE_UNKNOWN]).of_the_engine()
    };
    vec![
        (
            "/v1/keyspaces/{keyspace}/clear",
            Post,
            new("clearKeyspace")
                .answers(200, json_of("How many values were forgotten.", "Removed")),
        ),
        (
            "/v1/keyspaces/{keyspace}/scan",
            Get,
            new("scanKeyspace")
                .takes([of::pattern(), of::cursor(), of::limit()])
                .answers(200, json_of("Some keys; the cursor is null at the end.", "Page"))
                .refuses(400, &[codes::PARAMETER_REPEATED]),
        ),
        (
            "/v1/keyspaces/{keyspace}/invalidate",
            Post,
            new("invalidateKeyspace")
                .takes([of::tags(), of::prefix()])
                .answers(200, json_of("By prefix: how many values were forgotten.", "Removed"))
                .answers(204, nothing("By tag: the values that bear one are forgotten."))
                .refuses(400, &[codes::PARAMETER_REPEATED]),
        ),
        (
            "/v1/keyspaces/{keyspace}/stats",
            Get,
            new("getStats").answers(200, json_of("Counts since the keyspace was made.", "Stats")),
        ),
        (
            "/v1/keyspaces/{keyspace}/hot",
            Get,
            new("getHotKeys")
                .takes([of::hot_limit()])
                .answers(200, json_of("The keys that are read most, the most read first.", "Hot"))
                .refuses(400, &[codes::PARAMETER_REPEATED]),
        ),
    ]
}

fn batches() -> Vec<Described> {
    let new = |id| {
        let spec = Spec::new("batches", id).takes([of::keyspace("users")]);
        let codes = [codes::BODY_INVALID, codes::KEY_MISSING];
        spec.refuses(400, OF_QUERY)
            .refuses(400, &codes)
            .refuses(404, &[codes::KEYSPACE_UNKNOWN])
            .refuses(413, &[codes::BATCH_TOO_LARGE])
    };
    vec![
        (
            "/v1/keyspaces/{keyspace}/batch/get",
            Post,
            new("batchGet")
                .body("Keys", true)
                .answers(200, json_of("A result for each key, in their order.", "Found")),
        ),
        (
            "/v1/keyspaces/{keyspace}/batch/put",
            Post,
            new("batchPut")
                .body("Items", true)
                .answers(200, json_of("A result for each item, in their order.", "Puts"))
                .refuses(400, &[codes::CONDITION_INVALID]),
        ),
        (
            "/v1/keyspaces/{keyspace}/batch/delete",
            Post,
            new("batchDelete")
                .body("Keys", true)
                .answers(200, json_of("A result for each key, in their order.", "Deletes")),
        ),
    ]
}

fn of_key(id: &'static str) -> Spec {
    let codes = [codes::ENCODING_INVALID, codes::KEY_MISSING, codes::KEY_TOO_LONG];
    Spec::new("keys", id)
        .takes([of::keyspace("users"), of::key()])
        .refuses(400, OF_QUERY)
        .refuses(400, &codes)
        .refuses(404, &[codes::KEYSPACE_UNKNOWN])
}

fn keys() -> Vec<Described> {
    const KEY: &str = "/v1/keyspaces/{keyspace}/keys/{key}";
    let told = ["Cache-Control", "Cache-Status", "X-Content-Type-Options", "Age?", "ETag?"];
    let found = [&told[..], &["Content-Security-Policy?"]].concat();
    vec![
        (
            KEY,
            Get,
            of_key("getValue")
                .takes([of::if_match(), of::if_none_match(), of::cache_control()])
                .answers(200, with_headers(bytes("The value, of its own type.", "*/*"), &found))
                .answers(304, with_headers(nothing("It is the value that you know."), &told))
                .refuses(400, &[codes::CONDITION_INVALID])
                .refuses(404, &[codes::NOT_FOUND])
                .refuses(412, &[codes::UNMET])
                .refuses(504, &[codes::NOT_CACHED])
                .of_a_load(),
        ),
        (
            KEY,
            Put,
            of_key("putValue")
                .takes([of::ttl(), of::tags(), of::if_match(), of::if_absent()])
                .bytes(json!({"*/*": {}}))
                .answers(204, with_headers(nothing("The value is stored."), &["ETag"]))
                .refuses(
                    400,
                    &[codes::PARAMETER_REPEATED, codes::TTL_INVALID, codes::TOO_MANY_TAGS],
                )
                .refuses(400, &[codes::CONTENT_TYPE_INVALID, codes::CONDITION_INVALID])
                .refuses(412, &[codes::UNMET])
                .refuses(413, &[codes::VALUE_TOO_LARGE])
                .of_a_store(),
        ),
        (
            KEY,
            Delete,
            of_key("deleteValue")
                .takes([of::if_match()])
                .answers(204, nothing("The value is forgotten, in the store too."))
                .refuses(400, &[codes::CONDITION_INVALID])
                .refuses(404, &[codes::NOT_FOUND])
                .refuses(412, &[codes::UNMET])
                .of_a_store(),
        ),
    ]
}

fn verbs() -> Vec<Described> {
    vec![
        (
            "/v1/keyspaces/{keyspace}/keys/{key}/ttl",
            Get,
            of_key("getTtl")
                .answers(200, json_of("Seconds; null until it is evicted.", "Ttl"))
                .refuses(404, &[codes::NOT_FOUND])
                .of_the_engine(),
        ),
        (
            "/v1/keyspaces/{keyspace}/keys/{key}/touch",
            Post,
            of_key("touchValue")
                .takes([of::ttl()])
                .answers(204, nothing("The value has another TTL."))
                .refuses(400, &[codes::PARAMETER_REPEATED, codes::TTL_INVALID])
                .refuses(404, &[codes::NOT_FOUND])
                .of_the_engine(),
        ),
        (
            "/v1/keyspaces/{keyspace}/keys/{key}/increment",
            Post,
            of_key("incrementValue")
                .takes([of::by()])
                .answers(200, json_of("The sum.", "Sum"))
                .refuses(400, &[codes::PARAMETER_REPEATED])
                .refuses(409, &[codes::NO_NUMBER, codes::OVERFLOW])
                .of_a_load()
                .of_a_store(),
        ),
        (
            "/v1/keyspaces/{keyspace}/keys/{key}/invalidate",
            Post,
            of_key("invalidateValue")
                .answers(204, nothing("The value is forgotten here; the store is not told."))
                .refuses(404, &[codes::NOT_FOUND])
                .of_the_engine(),
        ),
    ]
}

/// The routes of the older systems.
fn peers() -> Vec<Described> {
    let new = |id| Spec::new("peers", id);
    let message = either(
        bytes("`message Response { bytes value = 1; }`", "application/x-protobuf"),
        bytes("", "application/octet-stream"),
    );
    let told = ["Cache-Control", "Cache-Status", "X-Content-Type-Options"];
    let of_query = [codes::ENCODING_INVALID, codes::KEY_MISSING, codes::KEY_TOO_LONG];
    let json_string = json!({
        "description": "The value.", "content": {"application/json": {"schema": {"type": "string"}}},
    });
    let plain = |text| with_headers(text_of(text, PLAIN), &["X-Content-Type-Options?"]);
    vec![
        (
            "/_distcache/{keyspace}/{key}",
            Get,
            new("getOfPeer")
                .takes([of::keyspace("users"), of::key_with_slashes()])
                .answers(200, with_headers(message, &told))
                .refuses(400, OF_QUERY)
                .refuses(400, &of_query)
                .refuses(404, &[codes::KEYSPACE_UNKNOWN, codes::NOT_FOUND])
                .of_a_load(),
        ),
        (
            "/cache/get",
            Get,
            new("getOfCachely")
                .takes([of::key_in_query()])
                .answers(200, with_headers(json_string, &["Cache-Control", "Cache-Status"]))
                .answers(400, plain("`Missing key parameter`."))
                .answers(404, plain("`Key not found or expired`."))
                .refuses(400, OF_QUERY)
                .refuses(400, &[codes::PARAMETER_REPEATED, codes::KEY_TOO_LONG])
                .refuses(406, &[codes::NOT_ACCEPTABLE])
                .of_a_load(),
        ),
        (
            "/cache/set",
            Post,
            new("setOfCachely")
                .takes([of::key_in_query(), of::a_value_in_query(), of::a_whole_ttl()])
                .answers(200, plain("`Cache entry set for key: K`."))
                .answers(400, plain("`Missing parameters`, or `Invalid TTL`."))
                .refuses(400, OF_QUERY)
                .refuses(400, &[codes::PARAMETER_REPEATED, codes::KEY_TOO_LONG])
                .refuses(413, &[codes::VALUE_TOO_LARGE])
                .of_a_store(),
        ),
        (
            "/_distcache/admin/peers",
            Get,
            new("listPeers").answers(
                200,
                json_of("The members of the cluster; a process that is alone, itself.", "Peers"),
            ),
        ),
        (
            "/_distcache/admin/keyspaces",
            Get,
            new("listKeyspacesOfPeer")
                .answers(200, json_of("The keyspaces and their counts.", "Snapshots"))
                .of_the_engine(),
        ),
        (
            "/_distcache/admin/healthz",
            Get,
            new("getHealthzOfPeer").answers(200, text_of("It lives.", PLAIN)),
        ),
        (
            "/_distcache/admin/readyz",
            Get,
            new("getReadyzOfPeer")
                .answers(200, text_of("It takes requests.", PLAIN))
                .answers(503, text_of("It does not.", PLAIN)),
        ),
    ]
}
