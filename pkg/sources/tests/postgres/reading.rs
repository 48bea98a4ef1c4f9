//! What a source finds.

use std::time::Duration;

use distcache::{Answer, Loaded};
use distcache_sources::{Error, Query};

use crate::db::{Db, kv};
use crate::support::suite::Bed;
use crate::support::{failure, fetch, fetch_many, found, patient};

/// The value that a query without a table gives.
fn value(db: &Db, expression: &str) -> Answer {
    let query = Query::new(format!("SELECT {expression} WHERE $1::int = 0"));
    fetch(&db.source(query), "0")
}

#[test]
fn every_type_is_rendered_as_documented() {
    let Some(db) = Db::with("CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN age AS int")
    else {
        return;
    };
    let text = "a \"b\" 'c' ü";
    for (expression, rendered) in [
        ("'a \"b\" ''c'' ü'::text", text),
        ("'a \"b\" ''c'' ü'::varchar(20)", text),
        ("'ab'::char(4)", "ab  "),
        ("'glad'::mood", "glad"),
        ("7::age", "7"),
        ("-42::smallint", "-42"),
        ("2147483647", "2147483647"),
        ("(-9223372036854775808)::bigint", "-9223372036854775808"),
        ("4294967295::oid", "4294967295"),
        ("0.1::real", "0.1"),
        ("1::double precision", "1.0"),
        ("1e21::double precision", "1e21"),
        ("true", "true"),
        ("'{\"a\" : 1}'::json", "{\"a\" : 1}"),
        ("'{\"a\" : 1}'::jsonb", "{\"a\": 1}"),
        ("'67E55044-10B1-426F-9247-BB680E5FE0C8'::uuid", "67e55044-10b1-426f-9247-bb680e5fe0c8"),
        ("'2026-01-02 03:04:05.678+01'::timestamptz", "2026-01-02T02:04:05.678Z"),
        (
            "'1969-12-31 23:59:59.999999'::timestamptz AT TIME ZONE 'UTC'",
            "1969-12-31T23:59:59.999999",
        ),
        ("'2024-02-29'::date", "2024-02-29"),
        ("12.50::numeric::text", "12.50"),
    ] {
        assert_eq!(value(&db, expression), found(rendered), "{expression}");
    }
    assert_eq!(value(&db, "'\\x00ff'::bytea"), found([0, 255]));
    assert_eq!(value(&db, "NULL::int"), Answer::NotFound);
}

#[test]
fn a_type_that_is_not_supported_is_named() {
    let Some(db) = Db::with("CREATE TABLE kv (k NUMERIC PRIMARY KEY, v TEXT)") else { return };
    for (expression, name) in [("1.5::numeric", "numeric"), ("ARRAY[1]", "_int4")] {
        let query = Query::new(format!("SELECT {expression} WHERE $1::int = 0"));
        let failed = failure(&db.source(query), "0", &patient());
        assert_eq!(failed, Error::Type { of: name.into() });
    }
    assert_eq!(failure(&db.kv(), "7", &patient()), Error::Type { of: "numeric".into() });
    let query = Query::new("SELECT 'infinity'::timestamptz WHERE $1::int = 0");
    assert!(matches!(failure(&db.source(query), "0", &patient()), Error::Row { .. }));
}

#[test]
fn keys_of_every_type_are_found() {
    let Some(db) = Db::with("CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN age AS int")
    else {
        return;
    };
    let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    for (of, key, other) in [
        ("varchar(9)", "a", "b"),
        ("name", "a", "b"),
        ("smallint", "-7", "32768"),
        ("bigint", "7", "07"),
        ("oid", "7", "-7"),
        ("uuid", uuid, "67E55044-10B1-426F-9247-BB680E5FE0C8"),
        ("age", "7", "x"),
    ] {
        db.sql(&format!(
            "DROP TABLE IF EXISTS kv; CREATE TABLE kv (k {of} PRIMARY KEY, v TEXT);
             INSERT INTO kv VALUES ('{key}', 'x')"
        ));
        let source = db.kv();
        assert_eq!(fetch(&source, key), found("x"), "{of}");
        assert_eq!(fetch(&source, other), Answer::NotFound, "{of}");
        let many = fetch_many(&source, &[other.as_bytes(), key.as_bytes()]);
        assert_eq!(many, [Answer::NotFound, found("x")], "{of}");
    }
}

/// PostgreSQL takes them for equal; a cache that held the row under both would
/// miss a write to one of them.
#[test]
fn a_row_answers_only_for_the_key_that_it_bears() {
    let Some(db) = Db::with(
        "CREATE EXTENSION citext;
         CREATE TABLE kv (k citext PRIMARY KEY, v TEXT); INSERT INTO kv VALUES ('Ab', 'x');
         CREATE TABLE padded (k char(3) PRIMARY KEY, v TEXT); INSERT INTO padded VALUES ('ab', 'x')",
    ) else {
        return;
    };
    let source = db.kv();
    assert_eq!((fetch(&source, "Ab"), fetch(&source, "ab")), (found("x"), Answer::NotFound));
    assert_eq!(fetch_many(&source, &[b"AB", b"Ab"]), [Answer::NotFound, found("x")]);
    let source = db.source(distcache_sources::Table::new("padded", "k", "v"));
    assert_eq!(fetch_many(&source, &[b"ab", b"ab "]), [Answer::NotFound, found("x")]);
}

#[test]
fn a_text_key_cannot_have_a_nul() {
    let Some(db) = Db::with("CREATE TABLE kv (k TEXT PRIMARY KEY, v TEXT)") else { return };
    assert_eq!(fetch_many(&db.kv(), &[b"a\0b", b"\0"]), [Answer::NotFound, Answer::NotFound]);
}

#[test]
fn a_row_says_its_ttl_and_tags() {
    let Some(db) = Db::with(
        "CREATE SCHEMA s; CREATE TABLE s.kv (k TEXT PRIMARY KEY, v TEXT, seconds real, tags text[], list text);
         INSERT INTO s.kv VALUES ('a', 'x', 1.5, '{red,\"dark, green\"}', 'red, blue'),
                                 ('b', 'y', NULL, NULL, NULL), ('c', 'z', 0, '{}', '')",
    ) else {
        return;
    };
    let tables =
        ["tags", "list"].map(|tags| kv().schema("s").ttl_column("seconds").tags_column(tags));
    let expected = |other: &str| {
        let ttl = Duration::from_millis(1500);
        let first = Loaded::new("x").ttl(ttl).tag("red").tag(other);
        [first.into(), found("y"), Answer::Found(Loaded::new("z").ttl(Duration::ZERO))]
    };
    for (table, other) in tables.into_iter().zip(["dark, green", "blue"]) {
        let source = db.source(table);
        assert_eq!(fetch_many(&source, &[b"a", b"b", b"c"]), expected(other));
        assert_eq!(fetch(&source, "a"), expected(other)[0]);
    }
    let query = Query::new("SELECT v, tags, seconds::int8 AS s FROM s.kv WHERE k = $1");
    let source = db.source(query.ttl_column("s").tags_column("tags"));
    let first = Loaded::new("x").ttl(Duration::from_secs(2)).tag("red").tag("dark, green");
    assert_eq!(fetch(&source, "a"), Answer::Found(first));
}

#[test]
fn a_query_gives_what_it_likes() {
    let Some(db) = Db::with(
        "CREATE TABLE todos (id bigint PRIMARY KEY, title text, done boolean);
         INSERT INTO todos VALUES (1, 'write', true), (2, 'rest', false)",
    ) else {
        return;
    };
    let json = "json_build_object('title', title, 'done', done) FROM todos WHERE id";
    let query =
        Query::new(format!("SELECT {json} = $1")).many(format!("SELECT id, {json} = ANY ($1)"));
    let source = db.source(query);
    source.check(&patient()).expect("valid queries");
    let expected = [
        found(r#"{"title" : "rest", "done" : false}"#),
        Answer::NotFound,
        found(r#"{"title" : "write", "done" : true}"#),
    ];
    assert_eq!(fetch_many(&source, &[b"2", b"3", b"1"]), expected);
    assert_eq!(fetch(&source, "2"), expected[0]);
}

#[test]
fn many_keys_are_one_query() {
    let Some(db) = Db::with(
        "CREATE EXTENSION pg_stat_statements;
         CREATE TABLE kv (k int PRIMARY KEY, v int);
         INSERT INTO kv SELECT i, i * i FROM generate_series(0, 998, 2) AS i",
    ) else {
        return;
    };
    let source = db.kv();
    let keys: Vec<String> = (0..1000).map(|key: u32| key.to_string()).collect();
    let keys: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
    for (key, answer) in (0..1000_u32).zip(fetch_many(&source, &keys)) {
        let expected = if key % 2 == 0 { found((key * key).to_string()) } else { Answer::NotFound };
        assert_eq!(answer, expected);
    }
    let counted = db.sql(
        "SELECT calls, rows FROM pg_stat_statements JOIN pg_database d ON d.oid = dbid
         WHERE datname = current_database() AND query LIKE 'SELECT t.\"k\"%'",
    );
    assert_eq!(counted, "1|500");
}

/// Of its own transactions, a source leaves no trace on a connection, which may
/// be a pooler's.
#[test]
fn a_load_leaves_no_setting_behind() {
    let Some(db) = Db::with("") else { return };
    let query = "SELECT current_setting('statement_timeout') || $1::text";
    let source = db.builder(Query::new(query)).connections(1).build().expect("valid settings");
    let Answer::Found(within) = fetch(&source, "") else { panic!("a setting") };
    assert_ne!(within.value(), b"0");
    let unbounded = distcache::Context::unbounded();
    let answer = distcache::DataSource::fetch(&source, b"", &unbounded).expect("an answer");
    assert_eq!(answer, found("0"));
}
