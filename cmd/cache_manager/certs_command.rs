//! `cache_manager certs`: certificates to try TLS with.

use std::fmt::Write;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use distcache::codes;
use distcache_certs::{AuthorityFiles, DAYS, DAYS_MAX, Member, Order};

use crate::failure::Failure;

const AFTER: &str = "\
For tests and small installations. Whoever has ca-key.pem can make a certificate for any
name: keep it, and give each server its own two files and ca.pem.

Try it:
  cache_manager certs --dir certs --member localhost,127.0.0.1
  cache_manager --tls-cert certs/localhost.pem --tls-key certs/localhost-key.pem &
  curl --cacert certs/ca.pem https://localhost:8080/readyz";

pub(crate) fn command() -> Command {
    let path = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(value_parser!(PathBuf)).help(help)
    };
    let directory = path("dir", "The directory to write to; made if it is not there")
        .value_name("DIRECTORY")
        .required(true);
    let member = Arg::new("member")
        .long("member")
        .value_name("NAME[,NAME]")
        .value_parser(|text: &str| text.parse::<Member>())
        .action(ArgAction::Append)
        .required(true)
        .help("A host name or IP address, and others of the same machine; repeatable");
    let days = Arg::new("days")
        .long("days")
        .value_name("NUMBER")
        .value_parser(value_parser!(u32))
        .help(format!("How long the certificates last, 1 to {DAYS_MAX} [default: {DAYS}]"));
    let force = Arg::new("force")
        .long("force")
        .action(ArgAction::SetTrue)
        .help("Replace files that are there");
    Command::new("certs")
        .about("Make an authority and certificates of members, for tests and small installations")
        .after_help(AFTER)
        .args([directory, member, days, force])
        .args([
            path("ca-cert", "The certificate of an authority that there is").requires("ca-key"),
            path("ca-key", "Its private key").requires("ca-cert"),
        ])
}

/// What is asked for.
pub(crate) fn order(matches: &ArgMatches) -> Order {
    let path = |name| matches.get_one::<PathBuf>(name).cloned();
    let authority = path("ca-cert").zip(path("ca-key"));
    Order {
        directory: path("dir").unwrap_or_default(),
        members: matches.get_many("member").into_iter().flatten().cloned().collect(),
        days: matches.get_one("days").copied().unwrap_or(DAYS),
        authority: authority.map(|(certificate, key)| AuthorityFiles { certificate, key }),
        replaces: matches.get_flag("force"),
    }
}

/// Makes them, and says which files there are now.
pub(crate) fn run(order: &Order) -> Result<String, Failure> {
    let made = order.fill(SystemTime::now());
    let made = made.map_err(|error| Failure::to_start(codes::CERTIFICATES_NOT_MADE, error))?;
    let mut text = String::new();
    for path in made {
        writeln!(text, "made {}", path.display()).expect("a String takes all text");
    }
    text += "for tests and small installations: who has the authority's key can be anybody\n";
    Ok(text)
}
