//! What is printed is a configuration file again.

use distcache_config::table;

use crate::support::{printed, read};

#[test]
fn every_setting_is_printed_with_its_value_and_where_it_comes_from() {
    let config = read("[keyspaces.users]\n\nttl = 300\n").unwrap();
    assert_eq!(printed(&config, "[keyspaces.users]", "ttl"), "ttl = \"5m\" # users.toml:3");
    assert_eq!(
        printed(&config, "[keyspaces.users]", "bytes_max"),
        "# bytes_max: all of the capacity # default"
    );
    let text = config.print();
    for setting in table::common() {
        assert!(text.contains(setting.name), "{} in {text}", setting.name);
    }
}

#[test]
fn what_is_printed_is_read_as_the_same_settings() {
    let text = "[server]\nallow_host = ['a\"b', 'c\\d']\n[keyspaces.'a.b \"']\nttl = '1500us'\n\
                warm_keys = [1, 'zwei']\nrate_limit_per_second = 0.1\n\
                [keyspaces.'x y'.source]\nkind = 'sqlite'\nfile = 'a.db'\ntable = \"t\\n\\u0001\"";
    let config = read(text).unwrap();
    let again = read(&config.print()).unwrap_or_else(|faults| panic!("{faults}"));
    let without_origins = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split("  # ").next().unwrap().trim_end().to_owned()).collect()
    };
    assert_eq!(without_origins(&config.print()), without_origins(&again.print()));
}

#[test]
fn a_secret_is_not_printed() {
    let text = "[keyspaces.a.source]\nkind = 'postgres'\ntable = 't'\npassword = 'open-sesame'\n\
                url = 'host=a user=b password=open-sesame'";
    let config = read(text).unwrap();
    assert!(!config.print().contains("sesame"));
    assert!(!format!("{config:?}").contains("sesame"));
    assert_eq!(
        printed(&config, "[keyspaces.a.source]", "password"),
        "password = \"<hidden>\" # users.toml:4"
    );
    let warnings: Vec<_> = config.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for warning in warnings {
        assert!(warning.contains(" DC-327 ") && !warning.contains("sesame"), "{warning}");
    }
}

#[test]
fn a_secret_that_is_wrong_is_not_repeated() {
    let told = crate::support::mistakes(
        "[keyspaces.a.source]\nkind = 'postgres'\nurl = \"sesame\\u0000\"\npassword = ['sesame']\ntable = 't'",
    );
    assert!(told.iter().all(|told| !told.contains("sesame")), "{told:?}");
    let broken = crate::support::mistakes("[keyspaces.a.source]\npassword = 'sesame\nurl = sesame");
    assert!(broken.iter().all(|told| !told.contains("sesame")), "{broken:?}");
}

#[test]
fn headers_are_printed_by_their_names() {
    let text = "[keyspaces.a.source]\nkind = 'http'\nurl = 'http://a/{key}'\n\
                headers = ['Accept: text/plain', 'X-Key: open-sesame']";
    let config = read(text).unwrap();
    assert_eq!(
        printed(&config, "[keyspaces.a.source]", "headers"),
        "headers = [\"Accept: <hidden>\", \"X-Key: <hidden>\"] # users.toml:4"
    );
    assert!(config.warnings().is_empty(), "an address without a password is no secret");
    let told = crate::support::mistakes("keyspaces.a.source.headers = ['open-sesame']");
    assert!(told[0].contains("has no colon") && !told[0].contains("sesame"), "{told:?}");
}
