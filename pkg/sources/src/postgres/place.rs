//! Where a database is, and who asks it.

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::ConfigError;

/// What may be said of a connection; its password may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Host and port; several, if there are several to try.
    pub(crate) address: String,
    pub(crate) user: String,
}

/// Reads a connection string. What is wrong with one is not passed on: a
/// password with a space or an `@` in it may be taken for something else, and
/// shown as that.
pub(super) fn read(connection: &str) -> Result<(Config, Place), ConfigError> {
    let verifies = connection.contains("sslmode=verify");
    let config: Config = match connection.parse() {
        Ok(config) => config,
        Err(_) if verifies => return Err(ConfigError::TlsVerify),
        Err(_) => return Err(ConfigError::ConnectionString),
    };
    check(&config)?;
    let place = Place {
        address: addresses(&config).join(", "),
        user: config.get_user().unwrap_or("(the system's)").to_owned(),
    };
    Ok((config, place))
}

fn check(config: &Config) -> Result<(), ConfigError> {
    let (hosts, addresses) = (config.get_hosts().len(), config.get_hostaddrs().len());
    let (places, ports) = (hosts.max(addresses), config.get_ports().len());
    let matches = hosts == 0 || addresses == 0 || hosts == addresses;
    if places == 0 || !matches || (1 < ports && ports != places) {
        return Err(ConfigError::Host);
    }
    let has_at = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
    if config.get_hosts().iter().any(has_at) {
        return Err(ConfigError::ConnectionString);
    }
    Ok(())
}

fn addresses(config: &Config) -> Vec<String> {
    let (hosts, ports) = (config.get_hosts(), config.get_ports());
    let of_host = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    };
    let names: Vec<_> = match config.get_hostaddrs() {
        [] => hosts.iter().map(of_host).collect(),
        addresses => addresses.iter().map(ToString::to_string).collect(),
    };
    let port = |place: usize| ports.get(place).or(ports.first()).copied().unwrap_or(5432);
    names.iter().enumerate().map(|(place, name)| format!("{name}:{}", port(place))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_names_addresses_and_user() {
        for (connection, address) in [
            ("host=db.local user=app password=secret", "db.local:5432"),
            ("host=a,b port=1,2 user=app", "a:1, b:2"),
            ("host=a hostaddr=10.0.0.1 port=7 user=app", "10.0.0.1:7"),
            ("postgres://app:secret@db.local:99/x", "db.local:99"),
            ("host=/var/run/postgresql user=app sslmode=disable", "/var/run/postgresql:5432"),
        ] {
            let (_, place) = read(connection).expect("a connection string");
            let expected = Place { address: address.into(), user: "app".into() };
            assert_eq!(place, expected, "{connection}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_connection_string_shows_no_password() {
        for connection in [
            "host=a user=app password=my secret",
            "host=a user=app password=my secret=word",
            "postgres://app:se@cret@db.local/x",
            "secret",
        ] {
            let error = read(connection).expect_err("no connection string");
            assert_eq!(error, ConfigError::ConnectionString, "{connection}");
        }
    }

    #[test]
    fn there_is_a_host_and_a_port_for_each() {
        for connection in ["user=app", "host=a port=1,2", "host=a,b hostaddr=10.0.0.1"] {
            assert_eq!(read(connection).expect_err(connection), ConfigError::Host);
        }
    }
}
