//! A service with replicas, each of which has the cache within it. They share one
//! database, and whatever one of them has loaded, the others need not load again. Who is
//! no replica reads and writes over HTTP, at any of them.
//!
//! Three terminals, each with the addresses of all, its own first:
//!
//! ```text
//! cargo run -p distcache-http --features cluster --example embedded_cluster -- \
//!     127.0.0.1:7001 127.0.0.1:7002 127.0.0.1:7003
//! ```
//!
//! It says where it is asked over HTTP, for `curl $ADDRESS/v1/keyspaces/users/keys/user:7`.
//! And it takes lines: `get KEY`, `put KEY VALUE`, `delete KEY`, `members`, `quit`.
#![expect(clippy::print_stdout, reason = "it tells its story to whoever runs it")]

use std::error::Error;
use std::io::{BufRead, stdin};
use std::time::Duration;

use distcache::{ClusterConfig, Engine, How, Keyspace, KeyspaceConfig};
use distcache_http::Serve;

/// Here a service asks its database.
#[expect(clippy::unnecessary_wraps, reason = "a real one may fail")]
fn from_database(key: &[u8]) -> Result<Option<Vec<u8>>, std::io::Error> {
    let is_user = key.starts_with(b"user:");
    Ok(is_user.then(|| [b"the row of ", key].concat()))
}

fn main() -> Result<(), Box<dyn Error>> {
    let addresses: Vec<String> = std::env::args().skip(1).collect();
    let own = addresses.first().ok_or("give the addresses of all replicas, the own one first")?;
    let cluster = ClusterConfig::new(own).members(addresses.clone());
    let users = KeyspaceConfig::new("users").ttl(Duration::from_mins(5)).source_fn(from_database);
    let served = Engine::builder().cluster(cluster).keyspace(users).serve("127.0.0.1:0")?;
    let users = served.keyspace("users")?;
    println!("{own} looks for the others");
    println!("http://{}", served.local_addr());
    for line in stdin().lock().lines() {
        let line = line?;
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["quit"] => break,
            ["members"] => tell_members(served.engine()),
            ["get", key] => tell(get(&users, key)),
            ["put", key, value] => {
                tell(users.put(key.as_bytes(), value.as_bytes()).map(|_| "stored".to_owned()));
            }
            ["delete", key] => {
                tell(users.delete(key.as_bytes()).map(|_| "deleted".to_owned()));
            }
            _ => println!("get KEY, put KEY VALUE, delete KEY, members, or quit"),
        }
    }
    // Answers what was asked, hands on what it has, and leaves.
    served.shutdown(Duration::from_secs(10))?;
    println!("left");
    Ok(())
}

fn get(users: &Keyspace, key: &str) -> Result<String, distcache::Error> {
    let Some(found) = users.get(key.as_bytes())? else { return Ok("nothing".to_owned()) };
    let how = match found.how() {
        How::Hit => "cached",
        How::Stale { .. } => "stale",
        How::Loaded => "loaded",
        How::Collapsed => "loaded for another",
    };
    Ok(format!("{} ({how})", String::from_utf8_lossy(&found)))
}

fn tell(outcome: Result<String, distcache::Error>) {
    match outcome {
        Ok(text) => println!("{text}"),
        Err(error) => println!("{}: {error}", error.code()),
    }
}

fn tell_members(engine: &Engine) {
    let members = engine.members().expect("it is one of a cluster");
    let lease = if members.has_lease { "with a lease" } else { "without a lease" };
    println!("{} members, {lease}", members.members.len());
}
