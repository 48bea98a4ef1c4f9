//! The address that an interface of this machine has.

use std::borrow::Cow;
use std::io;
use std::net::IpAddr;

/// An interface has no one address at which others could reach it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoAddress {
    /// The system does not say what interfaces there are.
    #[error("the system does not tell its interfaces: {0}")]
    Unknown(#[from] io::Error),
    /// There is none of this name, or it has only addresses of its link.
    #[error("this machine has no interface {interface:?} with an address for others")]
    None {
        /// As it was named.
        interface: String,
    },
    /// Which of several is meant is not to be seen from here.
    #[error("the interface {interface:?} has the addresses {all}: say which of them")]
    Several {
        /// As it was named.
        interface: String,
        /// With commas between.
        all: String,
    },
}

/// `%INTERFACE:PORT` with the address of that interface: that of IPv4, or if it has none,
/// that of IPv6. Every other text is as it was.
///
/// # Errors
/// When there is no such address, or more than one: none of them is guessed.
pub fn resolve(text: &str) -> Result<Cow<'_, str>, NoAddress> {
    let Some((interface, port)) = text.strip_prefix('%').and_then(|rest| rest.rsplit_once(':'))
    else {
        return Ok(text.into());
    };
    let all = if_addrs::get_if_addrs()?;
    let of_it = all.into_iter().filter(|one| one.name == interface);
    let ip = only(interface, of_it.map(|one| one.ip()).collect())?;
    Ok(match ip {
        IpAddr::V4(ip) => format!("{ip}:{port}"),
        IpAddr::V6(ip) => format!("[{ip}]:{port}"),
    }
    .into())
}

fn only(interface: &str, mut all: Vec<IpAddr>) -> Result<IpAddr, NoAddress> {
    all.retain(|ip| !is_of_link(ip));
    if all.iter().any(IpAddr::is_ipv4) {
        all.retain(IpAddr::is_ipv4);
    }
    let interface = interface.to_owned();
    match all[..] {
        [] => Err(NoAddress::None { interface }),
        [ip] => Ok(ip),
        _ => {
            let all: Vec<_> = all.iter().map(IpAddr::to_string).collect();
            Err(NoAddress::Several { interface, all: all.join(", ") })
        }
    }
}

/// Others would have to say over which of their own interfaces.
fn is_of_link(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(all: &[&str]) -> Result<String, String> {
        let all = all.iter().map(|ip| ip.parse().unwrap()).collect();
        only("eth0", all).map(|ip| ip.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_names_no_interface_is_as_it_was() {
        for text in ["10.0.0.7:1", "a.example:1", "[fd::1]:1", ""] {
            assert_eq!(resolve(text).unwrap(), text);
        }
    }

    #[test]
    fn the_one_address_is_taken_and_of_several_none() {
        assert_eq!(of(&["fe80::1", "10.0.0.7", "fd::7"]), Ok("10.0.0.7".to_owned()));
        assert_eq!(of(&["169.254.1.1", "fe80::1", "fd::7"]), Ok("fd::7".to_owned()));
        let told = of(&["10.0.0.7", "10.0.0.8", "fd::7"]).unwrap_err();
        assert_eq!(
            told,
            "the interface \"eth0\" has the addresses 10.0.0.7, 10.0.0.8: say which of them"
        );
    }

    #[test]
    fn one_that_is_not_there_is_told_by_name() {
        let told = resolve("%nowhere0:1").unwrap_err().to_string();
        assert_eq!(told, "this machine has no interface \"nowhere0\" with an address for others");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_loopback_interface_has_its_address() {
        assert_eq!(resolve("%lo:18081").unwrap(), "127.0.0.1:18081");
    }
}
