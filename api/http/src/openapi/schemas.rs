//! The shapes of the bodies, each with a name.

use distcache::{
    Ack, EvictionPolicy, FLIGHTS_MAX, HOT_KEYS_MAX, KeyspaceStats, REPLICAS_MAX, ReadFrom,
};
use serde_json::{Map, Value, json};

use super::parameters::{CURSOR, TAGS_MAX};
use crate::pairs::{TTL_SECONDS_MAX, TTL_SECONDS_MIN};
use crate::routes::v1::batch::{KEYS_MAX, ask};
use crate::routes::v1::keyspaces::settings::{LOADS_MAX, TIME_MS_MAX, WAITING_MAX};

/// A reference to one of [`all`].
pub(super) fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Every shape, by its name.
pub(super) fn all() -> Value {
    let mut all = Map::new();
    for part in [entries(), batches(), keyspaces(), reports(), peers()] {
        let Value::Object(part) = part else { unreachable!("each is an object") };
        all.extend(part);
    }
    all.into()
}

/// An object that has all of these members, and no other.
fn closed(members: Value) -> Value {
    let names: Vec<_> = members.as_object().expect("members").keys().cloned().collect();
    json!({"type": "object", "properties": members, "required": names, "additionalProperties": false})
}

/// An object that has some of these members, and no other.
fn some_of(members: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": members, "required": required, "additionalProperties": false})
}

fn with_example(mut schema: Value, example: Value) -> Value {
    schema["examples"] = json!([example]);
    schema
}

fn text() -> Value {
    json!({"type": "string"})
}

fn flag() -> Value {
    json!({"type": "boolean"})
}

/// Beyond 2^53 readers that hold numbers as fractions round it.
fn count() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": u64::MAX})
}

fn between(low: impl Into<Value>, high: impl Into<Value>) -> Value {
    let (low, high): (Value, Value) = (low.into(), high.into());
    let kind = if low.is_u64() { "integer" } else { "number" };
    json!({"type": kind, "minimum": low, "maximum": high})
}

fn or_null(mut schema: Value) -> Value {
    let kind = schema["type"].take();
    schema["type"] = json!([kind, "null"]);
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
    schema
}

fn one_of_words(words: &[&str]) -> Value {
    json!({"type": "string", "enum": words})
}

fn list(items: Value, most: usize) -> Value {
    json!({"type": "array", "items": items, "maxItems": most})
}

fn any_number_of(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// The entries of `/`, and what is told of one value.
fn entries() -> Value {
    let problem = some_of(
        json!({
            "type": {"type": "string", "format": "uri-reference"},
            "title": text(),
            "status": between(400, 599),
            "detail": text(),
            "code": {"type": "string", "pattern": "^DC-[0-9]{3}$"},
            "remedy": text(),
        }),
        &["type", "title", "status", "code", "remedy"],
    );
    let problem = with_example(
        problem,
        json!({
            "type": "/errors#DC-201", "title": "The cache does not hold this key.",
            "status": 404, "code": "DC-201",
            "remedy": "Store it first: POST /?key=K&value=V, or PUT under /v1.",
        }),
    );
    let key = json!({"type": "string", "minLength": 1});
    json!({
        "Problem": problem,
        "Hit": with_example(
            closed(json!({"key": key, "node": text(), "value": text()})),
            json!({"key": "user:42", "node": "node-0", "value": "Ada"}),
        ),
        "Stored": with_example(
            closed(json!({"key": key, "value": or_null(text())})),
            json!({"key": "user:42", "value": "Ada"}),
        ),
        "Deleted": with_example(closed(json!({"key": key})), json!({"key": "user:42"})),
        "Ttl": with_example(
            closed(json!({"ttl": or_null(json!({"type": "number", "minimum": 0}))})),
            json!({"ttl": 59.75}),
        ),
        "Sum": with_example(
            closed(json!({"value": {"type": "integer", "format": "int64"}})),
            json!({"value": 42}),
        ),
    })
}

/// Bytes in JSON, at least so many.
fn octets(least: usize) -> Value {
    let group = "[A-Za-z0-9+/]";
    // The bits that padding leaves over are zero.
    let last = format!("{group}[AQgw]==|{group}{{2}}[AEIMQUYcgkosw048]=|{group}{{4}}");
    let whole = format!("({group}{{4}})*({last})");
    let pattern = if least == 0 { format!("^({whole})?$") } else { format!("^{whole}$") };
    let base64 = json!({"type": "string", "contentEncoding": "base64", "pattern": pattern});
    json!({
        "description": "Bytes: a text where they are UTF-8, else in base64 (RFC 4648, 4).",
        "oneOf": [{"type": "string", "minLength": least}, closed(json!({"base64": base64}))],
    })
}

/// What batches are made of.
fn batches() -> Value {
    let key = schema("Key");
    let version = json!({"type": "string", "pattern": "^[0-9a-f]+-[0-9a-f]+$"});
    let item = some_of(
        json!({
            "key": key,
            "value": schema("Octets"),
            "ttl": {"oneOf": [between(TTL_SECONDS_MIN, TTL_SECONDS_MAX), {"const": "none"}]},
            "tags": list(text(), ask::TAGS_MAX),
            "content_type": {"type": ["string", "null"]},
            "if_match": {"type": ["string", "null"]},
            "if_none_match": {"enum": ["*", null]},
        }),
        &["key", "value"],
    );
    let error = closed(json!({"status": {"const": "error"}, "code": text(), "detail": text()}));
    let status = |word: &str| json!({"const": word});
    let plain = |word: &str| closed(json!({"status": status(word)}));
    let found = some_of(
        json!({
            "status": status("found"),
            "how": one_of_words(&["hit", "stale", "loaded", "collapsed"]),
            "version": version,
            "content_type": text(),
            "value": schema("Octets"),
        }),
        &["status", "how", "value"],
    );
    let stored = some_of(json!({"status": status("stored"), "version": version}), &["status"]);
    let unmet = some_of(
        json!({"status": status("unmet"), "version": version, "code": {"const": "DC-117"}}),
        &["status", "code"],
    );
    let results =
        |kinds: Value| closed(json!({"results": list(json!({"oneOf": kinds}), KEYS_MAX)}));
    json!({
        "Octets": with_example(octets(0), json!({"base64": "/wA="})),
        "Key": with_example(octets(1), json!("user:42")),
        "Keys": with_example(
            closed(json!({"keys": list(key.clone(), KEYS_MAX)})),
            json!({"keys": ["user:42", {"base64": "/wA="}]}),
        ),
        "Items": with_example(
            closed(json!({"items": list(item, KEYS_MAX)})),
            json!({"items": [
                {"key": "user:42", "value": "Ada", "ttl": 60, "tags": ["people"]},
                {"key": {"base64": "/wA="}, "value": {"base64": "AAE="}, "if_none_match": "*"},
            ]}),
        ),
        "Found": with_example(
            results(json!([found, plain("absent"), error])),
            json!({"results": [
                {"status": "found", "how": "hit", "version": "10000000007-ab", "value": "Ada"},
                {"status": "absent"},
            ]}),
        ),
        "Puts": with_example(
            results(json!([stored, unmet, error])),
            json!({"results": [
                {"status": "stored", "version": "10000000007-ab"},
                {"status": "unmet", "version": "10000000005-ab", "code": "DC-117"},
            ]}),
        ),
        "Deletes": with_example(
            results(json!([plain("deleted"), plain("absent"), error])),
            json!({"results": [{"status": "deleted"}, {"status": "absent"}]}),
        ),
    })
}

/// A keyspace, its settings, its numbers.
fn keyspaces() -> Value {
    let breaker = or_null(one_of_words(&["closed", "open", "half_open"]));
    let mut stats: Map<String, Value> =
        KeyspaceStats::default().members().map(|(name, _)| (name.to_owned(), count())).collect();
    stats.insert("breaker".to_owned(), breaker.clone());
    for name in ["warm_keys", "warm_keys_loaded", "warm_keys_failed"] {
        stats.insert(name.to_owned(), count());
    }
    let listed = closed(json!({"name": text(), "entries": count(), "bytes": count()}));
    let key = schema("Octets");
    let hot = closed(json!({"key": key, "reads": count(), "reads_of_others_max": count()}));
    json!({
        "Keyspaces": with_example(
            closed(json!({"keyspaces": any_number_of(listed)})),
            json!({"keyspaces": [{"name": "users", "entries": 2, "bytes": 4096}]}),
        ),
        "Keyspace": closed(json!({
            "name": text(),
            "source": flag(),
            "store": flag(),
            "breaker": breaker,
            "settings": schema("Settings"),
        })),
        "Settings": closed(settings()),
        "SettingsChange": with_example(
            some_of(changes(), &[]),
            json!({"ttl_ms": 60_000, "eviction": "sieve"}),
        ),
        "Stats": closed(stats.into()),
        "Page": with_example(
            closed(json!({"keys": any_number_of(key), "cursor": or_null(json!({"type": "string", "pattern": CURSOR}))})),
            json!({"keys": ["user:42", {"base64": "/wA="}], "cursor": "1-0-8"}),
        ),
        "Hot": with_example(
            closed(json!({"keys": list(hot, HOT_KEYS_MAX)})),
            json!({"keys": [
                {"key": "user:42", "reads": 12_800, "reads_of_others_max": 0},
                {"key": {"base64": "/wA="}, "reads": 640, "reads_of_others_max": 320},
            ]}),
        ),
        "Removed": with_example(closed(json!({"removed": count()})), json!({"removed": 7})),
    })
}

/// Every setting. A test of the doors sees that there are no others.
fn settings() -> Value {
    let (some_time, any_time) = (between(1, TIME_MS_MAX), between(0, TIME_MS_MAX));
    let rate = some_of(
        json!({
            "per_second": between(1e-6, 1e9),
            "burst": or_null(between(1, u32::MAX)),
            "wait_max_ms": any_time,
        }),
        &["per_second"],
    );
    let circuit = closed(json!({"failures": between(1, u32::MAX), "reset_after_ms": some_time}));
    let policies: Vec<_> = EvictionPolicy::ALL.iter().map(ToString::to_string).collect();
    json!({
        "bytes_max": or_null(count()),
        "entries_max": or_null(count()),
        "value_bytes_max": or_null(count()),
        "eviction": {"type": "string", "examples": policies},
        "ttl_ms": or_null(some_time.clone()),
        "ttl_jitter": between(0.0, 1.0),
        "dated": flag(),
        "negative_ttl_ms": any_time,
        "idle_expiry_ms": or_null(some_time.clone()),
        "stale_while_revalidate_ms": any_time,
        "stale_if_error_ms": any_time,
        "refresh_ahead_ms": any_time,
        "read_timeout_ms": some_time,
        "write_timeout_ms": some_time,
        "load_timeout_ms": some_time,
        "loads_max": between(1, LOADS_MAX),
        "loads_waiting_max": between(0, WAITING_MAX),
        "loads_on_caller": flag(),
        "batch_max": between(1, WAITING_MAX),
        "flights_max": between(1, FLIGHTS_MAX),
        "replicas": between(1, REPLICAS_MAX),
        "read": {"type": "string", "examples": ReadFrom::ALL.map(ReadFrom::name)},
        "ack": {"type": "string", "examples": Ack::ALL.map(Ack::name)},
        "rate_limit": or_null(rate),
        "circuit_breaker": or_null(circuit),
    })
}

/// The same as a change: `null` is the default of each.
fn changes() -> Value {
    let mut changes = settings();
    for schema in changes.as_object_mut().expect("settings").values_mut() {
        if schema["type"].is_string() {
            *schema = or_null(schema.take());
        }
    }
    let policies = EvictionPolicy::ALL.iter().map(|policy| policy.to_string().into());
    let policies: Vec<Value> = policies.chain([Value::Null]).collect();
    changes["eviction"] = json!({"enum": policies});
    let [owner, any] = ReadFrom::ALL.map(ReadFrom::name);
    changes["read"] = json!({"enum": [owner, any, null]});
    let [one, quorum, all] = Ack::ALL.map(Ack::name);
    changes["ack"] = json!({"enum": [one, quorum, all, null]});
    changes
}

/// What the server tells of itself.
fn reports() -> Value {
    let status = [
        "entries",
        "bytes",
        "capacity_bytes",
        "hits",
        "misses",
        "inserts",
        "updates",
        "deletes",
        "evictions",
        "expirations",
        "invalidations",
        "flights",
        "refusals",
        "moved_in",
        "moved_out",
        "inbox_depth",
        "uptime_ms",
        "sequence",
    ];
    let mut status: Map<String, Value> =
        status.iter().map(|name| ((*name).to_owned(), count())).collect();
    status.insert("entries_max".to_owned(), or_null(count()));
    let failing = closed(json!({"code": text(), "detail": text()}));
    let limit = closed(json!({
        "name": text(),
        "unit": text(),
        "keyspace": or_null(text()),
        "max": count(),
        "used": or_null(count()),
        "peak": or_null(count()),
        "reached": count(),
    }));
    let ratio = or_null(between(0.0, 1.0));
    let lately = closed(json!({
        "over_s": count(), "gets": count(), "hit_ratio": ratio,
        "evicted_age_s": or_null(json!({"type": "number", "minimum": 0})),
    }));
    let keyspace = closed(json!({
        "name": text(), "entries": count(), "bytes": count(), "bytes_max": count(),
        "gets": count(), "hits": count(), "loads": count(), "evictions": count(),
        "breaker": or_null(one_of_words(&["closed", "open", "half_open"])),
        "lately": some_of(json!({"1m": lately, "10m": lately, "60m": lately}), &[]),
    }));
    let causes = ["evicted", "expired", "idle", "deleted", "invalidated", "replaced"];
    let removed = closed(json!({
        "cause": one_of_words(&causes), "ago_ms": count(), "age_ms": or_null(count()),
    }));
    let cluster = closed(json!({
        "id": or_null(text()), "epoch": count(), "has_lease": flag(), "members": count(),
    }));
    let held = closed(json!({
        "version": text(), "state": one_of_words(&["fresh", "early", "no-cache", "stale"]),
        "is_absent": flag(), "age_ms": or_null(count()), "ttl_ms": or_null(count()),
        "stale_ms": or_null(count()), "content_type": or_null(text()), "value_bytes": count(),
        "memory_bytes": count(), "tags": between(0, TAGS_MAX),
    }));
    json!({
        "Ready": with_example(
            closed(json!({"ready": flag(), "failing": any_number_of(failing)})),
            json!({"ready": true, "failing": [{
                "code": "DC-136",
                "detail": "the source of keyspace \"users\" is left alone for a while",
            }]}),
        ),
        "Node": closed(json!({
            "id": text(), "incarnation": count(),
            "state": one_of_words(&["serving", "joining", "stopped"]),
            "ring_share": between(0.0, 1.0),
            "status": or_null(closed(status.into())),
        })),
        "Members": members(),
        "Nodes": closed(json!({"nodes": any_number_of(schema("Node"))})),
        "Limits": with_example(
            closed(json!({"limits": any_number_of(limit)})),
            json!({"limits": [{
                "name": "connections", "unit": "connections", "keyspace": null,
                "max": 10_000, "used": 3, "peak": 250, "reached": 0,
            }]}),
        ),
        "Status": closed(json!({
            "version": text(), "instance": text(), "uptime_s": count(), "features": any_number_of(text()),
            "cluster": or_null(cluster),
            "keyspaces": any_number_of(keyspace), "nodes": any_number_of(schema("Node")),
        })),
        "Trace": with_example(
            closed(json!({
                "node": text(), "node_age_ms": count(), "held": or_null(held),
                "load": or_null(closed(json!({"waiters": count()}))),
                "write_waits": flag(), "removed": or_null(removed),
            })),
            json!({
                "node": "node-1", "node_age_ms": 86_400_000, "held": null, "load": null,
                "write_waits": false,
                "removed": {"cause": "evicted", "ago_ms": 1500, "age_ms": 60_000},
            }),
        ),
    })
}

/// The cluster, as one of its members sees it.
fn members() -> Value {
    let member = closed(json!({
        "id": text(), "address": text(),
        "state": one_of_words(&["joining", "active", "draining"]),
        "weight": between(1, 16), "zone": or_null(text()),
    }));
    with_example(
        closed(json!({
            "mode": one_of_words(&["alone", "node"]), "cluster": or_null(text()),
            "me": or_null(text()), "address": or_null(text()), "epoch": count(),
            "leader": or_null(text()), "has_lease": flag(), "weighs": flag(),
            "members": any_number_of(member),
        })),
        json!({
            "mode": "alone", "cluster": null, "me": null, "address": null, "epoch": 0,
            "leader": null, "has_lease": true, "weighs": false, "members": [],
        }),
    )
}

/// What the older systems tell of themselves.
fn peers() -> Value {
    let peer = closed(json!({
        "bind_addr": text(), "bind_port": between(0, u16::MAX),
        "discovery_port": between(0, u16::MAX), "is_self": flag(),
    }));
    let stats = [
        "gets",
        "cache_hits",
        "get_from_peers_latency_lower",
        "peer_loads",
        "peer_errors",
        "loads",
        "loads_deduped",
        "local_loads",
        "local_load_errs",
        "remove_keys_requests",
        "removed_keys",
    ];
    let stats: Map<String, Value> =
        stats.iter().map(|name| ((*name).to_owned(), count())).collect();
    let snapshot = closed(json!({
        "name": text(), "max_bytes": count(), "default_ttl": count(), "read_timeout": count(),
        "write_timeout": count(), "main_cache_bytes": count(), "hot_cache_bytes": count(),
        "stats": closed(stats.into()),
    }));
    json!({"Peers": any_number_of(peer), "Snapshots": any_number_of(snapshot)})
}
