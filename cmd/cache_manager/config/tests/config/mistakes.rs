//! What is wrong is told with its place, and with what would be right.

use crate::support::{mistakes, read};

#[test]
fn a_name_that_is_no_setting_is_told_with_the_nearest() {
    let told = mistakes("[keyspaces.users]\nttl = '5s'\n  raed_timeout = 5\n");
    let what = "users.toml:3:3: DC-322 there is no \"raed_timeout\" in [keyspaces.NAME]";
    assert_eq!(told, [format!("{what}; the nearest is \"read_timeout\"")]);
    let table = mistakes("[sever]\nport = 1\n");
    let what = "users.toml:1:2: DC-322 there is no table \"sever\"";
    assert_eq!(table, [format!("{what}; the nearest is \"server\"")]);
    let source = mistakes("keyspaces.users.sorce.kind = 'file'");
    assert!(source[0].ends_with("the nearest is \"source\""), "{source:?}");
}

#[test]
fn a_setting_in_the_wrong_table_is_told_where_it_belongs() {
    let told = mistakes("[server]\ncapacity = '1GiB'\n");
    assert_eq!(
        told,
        ["users.toml:2:1: DC-322 there is no \"capacity\" in [server]; it belongs in [engine]"]
    );
    assert!(mistakes("ttl = '5s'")[0].ends_with("it belongs in [keyspaces.NAME]"));
}

#[test]
fn a_value_that_is_none_is_told_what_would_be_one() {
    let cases = [
        ("keyspaces.a.ttl = 'soon'", 19, "ttl: \"soon\" a time is a number of seconds"),
        ("keyspaces.a.ttl = 0", 19, "give a time greater than 0"),
        ("keyspaces.a.ttl_jitter = 1.5", 26, "give a number from 0 to 1"),
        ("engine.data_nodes = 'many'", 21, "give a whole number from 1 to 1024"),
        ("engine.capacity = '1TB'", 19, "KiB, MiB and GiB"),
        ("engine.capacity = -1", 19, "a size is a whole number"),
        ("engine.eviction = 'random'", 19, "give one of lru, s3-fifo"),
        ("engine.eviction = 3", 19, "eviction: a number is given; give one of lru"),
        ("server.listen = 'localhost'", 17, "such as 127.0.0.1:8080"),
        ("server.listen = 1979-05-27", 17, "a date is given"),
        ("server.allow_host = 'a'", 21, "a text is given; give a list of texts"),
        ("keyspaces.a.loads_on_caller = 'yes'", 31, "give true or false"),
        ("log.filter = 'loud'", 14, "names no level"),
    ];
    for (text, column, part) in cases {
        let told = mistakes(text);
        let start = format!("users.toml:1:{column}: DC-323 ");
        assert!(told[0].starts_with(&start) && told[0].contains(part), "{text}: {told:?}");
        assert_eq!(told.len(), 1, "{told:?}");
    }
}

#[test]
fn all_mistakes_are_told_and_not_only_the_first() {
    let text =
        "[server]\nport = 70000\n[engine]\ncapacity = 'big'\n[engin]\n[keyspaces.a]\nttl = true\n";
    let places: Vec<_> = mistakes(text).iter().map(|told| told[..14].to_owned()).collect();
    assert_eq!(places, ["users.toml:2:8", "users.toml:4:1", "users.toml:5:2", "users.toml:7:7"]);
}

#[test]
fn what_is_no_toml_is_told_where_it_is_not() {
    let told = mistakes("[server]\nport = 8080\nport = 8081\n[engine\n");
    assert!(told[0].starts_with("users.toml:3:1: DC-321 duplicate key"), "{told:?}");
    assert!(told[1].starts_with("users.toml:4:8: DC-321 "), "{told:?}");
}

#[test]
fn a_place_is_counted_in_characters_whatever_ends_the_lines() {
    let windows = "\u{FEFF}# Gr\u{FC}\u{DF}e\r\n[server]\r\nlisten = '\u{FC}'\r\n";
    assert!(mistakes(windows)[0].starts_with("users.toml:3:10: DC-323 "));
    let behind = "server = { allow_host = ['\u{FC}\u{FC}'], prot = 1 }";
    assert!(mistakes(behind)[0].starts_with("users.toml:1:33: DC-322 "));
    assert!(read("\u{FEFF}[server]\r\nport = 1\r\n").is_ok());
}

#[test]
fn bytes_that_are_no_text_are_told_where_they_begin() {
    let faults = distcache_config::Config::of(
        Some(("users.toml", b"[server]\nport\xFF = 1")),
        &[],
        &distcache_config::Given::new(),
    );
    let told = faults.unwrap_err().to_string();
    assert!(told.starts_with("users.toml:2:5: DC-320 it is not UTF-8"), "{told}");
}

#[test]
fn a_keyspace_is_called_as_the_engine_allows() {
    for good in ["a", "'with space'", "\"\u{1F980}\"", "'a.b'"] {
        assert!(read(&format!("[keyspaces.{good}]")).is_ok(), "{good}");
    }
    let long = "k".repeat(256);
    for wrong in ["''", "'a/b'", "\"a\\nb\"", &long] {
        let told = mistakes(&format!("[keyspaces.{wrong}]"));
        assert!(told[0].starts_with("users.toml:1:12: DC-122 "), "{wrong}: {told:?}");
    }
}

#[test]
fn there_are_no_more_keyspaces_than_the_engine_has_places_for() {
    let many = |count: usize| {
        (0..count).fold(String::new(), |text, n| text + &format!("[keyspaces.k{n}]\n"))
    };
    assert!(read(&many(1_023)).is_ok(), "and the default one");
    let told = mistakes(&many(1_024));
    assert_eq!(told, ["DC-124 there are 1025 keyspaces; Remove one first: there can be 1,024."]);
    assert!(mistakes(&many(5_000))[0].starts_with("users.toml:1:2: DC-124 "));
}

#[test]
fn a_table_where_a_value_should_be_and_the_other_way_round_are_told() {
    assert!(mistakes("engine.capacity = { a = 1 }")[0].contains("a table is given"));
    assert!(mistakes("engine = 7")[0].contains("begin it with [engine]"));
    assert!(mistakes("keyspaces = 7")[0].contains("begin it with [keyspaces.NAME]"));
    assert!(mistakes("keyspaces.a = 7")[0].contains("begin it with [keyspaces.a]"));
}

#[test]
fn settings_that_do_not_go_together_are_told() {
    let cases = [
        ("server.port = 1\nserver.listen = '[::]:1'", "listen and port both say where to listen"),
        ("engine.silence_max = '2s'", "three times status_every"),
        ("engine.max_value = '2MiB'\nlimits.max_buffered = '1MiB'", "hold one value"),
        ("keyspaces.a.bytes_max = '1GiB'", "the whole capacity is 256MiB"),
        ("keyspaces.a.warm_keys = ['1']\nkeyspaces.a.warm_keys_file = 'f'", "the warm keys"),
    ];
    for (text, part) in cases {
        let told = mistakes(text);
        assert!(told[0].contains(" DC-324 ") && told[0].contains(part), "{text}: {told:?}");
    }
}

/// The settings of a source, in one line each.
fn source(settings: &str) -> String {
    format!("[keyspaces.a.source]\n{settings}")
}

#[test]
fn a_source_has_what_its_kind_needs_and_nothing_else() {
    let cases = [
        ("file = 'a.db'", "the source has no kind; give kind, one of sqlite, postgres, http, file"),
        ("kind = 'mysql'", "\"mysql\" is none of them; give one of sqlite, postgres, http, file"),
        ("kind = 'sqlite'\ntable = 't'", "needs file"),
        ("kind = 'sqlite'\nfile = 'a.db'", "needs table or query"),
        ("kind = 'postgres'\ntable = 't'", "needs url_file, url_env or url"),
        ("kind = 'http'", "needs url_file, url_env or url"),
        ("kind = 'file'", "needs directory"),
        ("kind = 'file'\ndirectory = '.'\ntable = 't'", "has no \"table\"; it has kind, directory"),
        ("kind = 'sqlite'\nfile = 'a'\ntable = 't'\nquery = '?1'", "query and table both say"),
        ("kind = 'sqlite'\nfile = 'a'\nquery = 'SELECT ?1'", "of which type its keys are"),
        ("kind = 'sqlite'\nfile = 'a'\nkeys = 'text'\nquery = 'SELECT 1'", "query has no ?1"),
        ("kind = 'postgres'\nurl = 'host=a'\nquery = 'SELECT ?1'", "query has no $1"),
        ("kind = 'postgres'\nurl = 'host=a'\nurl_env = 'A'\ntable = 't'", "url and url_env both"),
        (
            "kind = 'postgres'\nurl = 'host=a'\ntable = 't'\nquery_many = '$1'",
            "says nothing of a table",
        ),
        (
            "kind = 'postgres'\nurl = 'host=a'\nquery = '$1'\nschema = 's'",
            "says nothing of a query",
        ),
        ("kind = 'postgres'\nurl = 'host=a'\nquery = '$1'\nwrites = 'through'", "give query_store"),
    ];
    for (settings, part) in cases {
        let told = mistakes(&source(settings));
        assert!(told[0].contains(part), "{settings}: {told:?}");
        assert_eq!(told.len(), 1, "{told:?}");
    }
}

#[test]
fn what_has_no_effect_is_warned_of() {
    let file = "[keyspaces.a.source]\nkind = 'file'\ndirectory = '.'\n";
    let cases = [
        ("[keyspaces.a]\nnegative_ttl = 5".to_owned(), "2:16", "has no source"),
        (format!("[keyspaces.a]\nstale_if_error = 5\n{file}"), "2:18", "without a ttl"),
        (format!("[keyspaces.a]\nttl = 5\nrefresh_ahead = 4\n{file}"), "3:17", "half of the ttl"),
        (format!("[keyspaces.a]\nrate_limit_burst = 4\n{file}"), "2:20", "rate_limit_per_second"),
        (
            "[keyspaces.a]\nbytes_max = '200MiB'\n[keyspaces.b]\nbytes_max = '100MiB'".to_owned(),
            "",
            "300MiB together",
        ),
    ];
    for (text, place, part) in cases {
        let warnings = read(&text).unwrap().warnings();
        let told: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{text}: {told:?}");
        assert!(told[0].contains("DC-326") && told[0].contains(part), "{told:?}");
        assert!(told[0].contains(place), "{told:?}");
    }
    let quiet = format!("[keyspaces.a]\nttl = 60\nstale_if_error = 600\n{file}");
    assert!(read(&quiet).unwrap().warnings().is_empty());
}
