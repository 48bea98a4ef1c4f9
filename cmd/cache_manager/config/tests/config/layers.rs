//! A flag wins over a variable, that over the file, and that over the default.

use distcache_config::{Config, Given, Setting, table};

use crate::support::{NAME, printed, variables};

fn config(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Config {
    of(file, environment, flags).unwrap_or_else(|faults| panic!("{faults}"))
}

fn of(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Config, String> {
    let setting = |name: &str| {
        let is_it = |one: &&Setting| one.flag.is_some_and(|flag| flag.name == name);
        table::flags().find(is_it).expect("there is such a flag")
    };
    let flags: Given =
        flags.iter().map(|(name, value)| (setting(name), vec![(*value).to_owned()])).collect();
    Config::of(Some((NAME, file.as_bytes())), &variables(environment), &flags)
        .map_err(|faults| faults.to_string())
}

#[test]
fn of_four_layers_the_last_that_says_something_holds() {
    let file = "[engine]\ncapacity = '1GiB'\n";
    let environment = [("DISTCACHE_CAPACITY", "2GiB")];
    let flags = [("capacity", "3GiB")];
    let capacity = |config: &Config| printed(config, "[engine]", "capacity");
    assert_eq!(capacity(&config("", &[], &[])), "capacity = \"256MiB\" # default");
    assert_eq!(capacity(&config(file, &[], &[])), "capacity = \"1GiB\" # users.toml:2");
    assert_eq!(
        capacity(&config(file, &environment, &[])),
        "capacity = \"2GiB\" # DISTCACHE_CAPACITY"
    );
    assert_eq!(capacity(&config(file, &environment, &flags)), "capacity = \"3GiB\" # --capacity");
    assert_eq!(capacity(&config("", &[], &flags)), "capacity = \"3GiB\" # --capacity");
}

#[test]
fn of_two_ways_to_say_the_same_the_later_layer_holds() {
    let file = "server.listen = '192.0.2.1:1'";
    let port = config(file, &[("DISTCACHE_PORT", "81")], &[]);
    assert_eq!(port.address().to_string(), "127.0.0.1:81");
    let listen = config("server.port = 1", &[], &[("listen", "[::1]:82")]);
    assert_eq!(listen.address().to_string(), "[::1]:82");
    let both = of("", &[("DISTCACHE_PORT", "1"), ("DISTCACHE_LISTEN", "[::]:1")], &[]);
    let told = both.unwrap_err();
    assert!(told.contains("DISTCACHE_LISTEN and DISTCACHE_PORT both say"), "{told}");
    let both = of("", &[], &[("port", "1"), ("listen", "[::]:1")]).unwrap_err();
    assert!(both.starts_with("DC-301 ") && both.contains("--listen and --port both"), "{both}");
}

#[test]
fn a_variable_sets_what_a_keyspace_and_its_source_have() {
    let file = "[keyspaces.'My Users']\nttl = 1\n";
    let environment = [
        ("DISTCACHE_KEYSPACES__MY_USERS__TTL", "5s"),
        ("DISTCACHE_KEYSPACES__ORDERS__SOURCE__KIND", "file"),
        ("DISTCACHE_KEYSPACES__ORDERS__SOURCE__DIRECTORY", "/srv"),
    ];
    let config = config(file, &environment, &[]);
    assert_eq!(
        printed(&config, "[keyspaces.\"My Users\"]", "ttl"),
        "ttl = \"5s\" # DISTCACHE_KEYSPACES__MY_USERS__TTL"
    );
    assert_eq!(
        printed(&config, "[keyspaces.orders.source]", "directory"),
        "directory = \"/srv\" # DISTCACHE_KEYSPACES__ORDERS__SOURCE__DIRECTORY"
    );
}

#[test]
fn a_variable_that_is_nearly_one_of_ours_is_a_mistake() {
    let cases = [
        ("DISTCACHE_KEYSPACES__USERS__TLL", "the nearest is \"ttl\""),
        ("DISTCACHE_KEYSPACES__USERS__SOURCE__CONECTIONS", "the nearest is \"connections\""),
        ("DISTCACHE_KEYSPACES__USERS", "it names no setting"),
        ("DISTCACHE_KEYSPACES____TTL", "it names no keyspace"),
        ("DISTCACHE_CAPACTIY", "the nearest is DISTCACHE_CAPACITY"),
        ("DISTCACHE_CONFG", "the nearest is DISTCACHE_CONFIG"),
    ];
    for (name, part) in cases {
        let told = of("[keyspaces.users]", &[(name, "1")], &[]).unwrap_err();
        let start = format!("DC-301 {name}: ");
        assert!(told.starts_with(&start) && told.contains(part), "{told}");
    }
}

#[test]
fn a_variable_that_is_like_none_of_ours_is_left_alone() {
    let others = [
        ("DISTCACHE_REQUIRE_SERVICES", "1"),
        ("DISTCACHE_SERVICE_HOST", "10.0.0.1"),
        ("DISTCACHE_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("DISTCACHE_CONFIG", "users.toml"),
    ];
    assert!(of("", &others, &[]).is_ok());
}

#[test]
fn a_variable_that_could_mean_two_keyspaces_means_none() {
    let file = "[keyspaces.a-b]\n[keyspaces.a_b]\n";
    let told = of(file, &[("DISTCACHE_KEYSPACES__A_B__TTL", "1")], &[]).unwrap_err();
    assert!(told.contains("\"a-b\" or \"a_b\""), "{told}");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_a_mistake_only_if_it_is_ours() {
    use std::os::unix::ffi::OsStringExt;
    let odd = std::ffi::OsString::from_vec(vec![0xFF]);
    let with =
        |name: &str| Config::of(None, &[(name.into(), odd.clone())], &Given::new()).map(drop);
    assert!(with("DISTCACHE_CAPACITY").unwrap_err().to_string().contains("not UTF-8"));
    assert!(with("PATH").is_ok());
}

#[test]
fn what_the_engine_says_in_general_holds_where_a_keyspace_says_nothing() {
    let config = config("[engine]\neviction = 'sieve'\n[keyspaces.a]\neviction = 'fifo'", &[], &[]);
    assert_eq!(printed(&config, "[keyspaces.a]", "eviction"), "eviction = \"fifo\" # users.toml:4");
    let general = printed(&config, "[keyspaces.default]", "eviction");
    assert_eq!(general, "# eviction: as `[engine] eviction` says # default");
}
