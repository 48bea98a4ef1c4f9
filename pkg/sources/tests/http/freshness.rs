//! How long what is found is kept, and by what it is known.

use std::time::Duration;

use distcache::{Answer, Loaded};

use crate::server::Reply;
use crate::{answered, found};

/// The TTL of a value that was found.
fn ttl(reply: Reply) -> Option<Duration> {
    let Ok(Answer::Found(loaded)) = answered(reply) else { panic!("a value") };
    // Its only public sign is what it equals.
    let is = |ttl: Duration| loaded == Loaded::new("1").ttl(ttl);
    let seconds = (0..=60).map(Duration::from_secs).find(|&ttl| is(ttl));
    assert!(seconds.is_some() || loaded == Loaded::new("1"), "{loaded:?}");
    seconds
}

#[test]
fn a_value_says_itself_how_long_it_is_fresh() {
    let control = |value: &str| ttl(Reply::ok("1").header("Cache-Control", value));
    for value in ["no-store", "private, max-age=60", "max-age=0"] {
        assert_eq!(control(value), Some(Duration::ZERO), "{value}");
    }
    let strict = Reply::ok("1").header("Cache-Control", "no-cache");
    assert_eq!(answered(strict), Ok(Loaded::new("1").no_cache().into()));
    assert_eq!(ttl(Reply::ok("1")), None);
    assert_eq!(answered(Reply::ok("1")), Ok(found("1")));
}

#[test]
fn an_age_is_shortened_by_what_is_over() {
    let aged = |age| {
        let reply = Reply::ok("1").header("Cache-Control", "max-age=3600").header("Age", age);
        let Ok(Answer::Found(loaded)) = answered(reply) else { panic!("a value") };
        format!("{loaded:?}")
    };
    // Less what the load took, which is no whole number of seconds.
    let full = aged("0");
    assert!(full.contains("ttl: Some(3599.") || full.contains("ttl: Some(3600s)"), "{full}");
    assert!(aged("3600").contains("ttl: Some(0ns)"));
}
