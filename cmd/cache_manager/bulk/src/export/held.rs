//! What the answer to a GET tells of a key.

use distcache::Code;

use crate::Life;
use crate::door::Answer;

/// What is held.
pub(super) enum Held {
    Value {
        value: Vec<u8>,
        content_type: Option<String>,
        life: Life,
    },
    /// It has gone, or is about to.
    Nothing,
    /// The server does not take so long a key in a path.
    Refused(Code),
    /// An answer of no such server.
    Strange(Answer),
}

/// What the door says of a value of which nobody has told the type.
const UNTOLD: &str = "application/octet-stream";

pub(super) fn held(answer: Answer) -> Held {
    match (answer.status, answer.code) {
        (200, _) => {
            let life = answer.cache_status.as_deref().and_then(life);
            match life {
                None => Held::Strange(answer),
                Some(Life::Millis(0)) => Held::Nothing,
                Some(life) => {
                    let content_type = answer.content_type.filter(|told| told != UNTOLD);
                    Held::Value { value: answer.body, content_type, life }
                }
            }
        }
        (404 | 504, Some(_)) => Held::Nothing,
        (414 | 431, Some(code)) => Held::Refused(code),
        _ => Held::Strange(answer),
    }
}

/// How long a value is still kept, by a header such as `distcache; hit; ttl=42`
/// (RFC 9211; a proxy adds its own member to the list). What has less than a second
/// has none; what is only kept until it is evicted has no `ttl`.
fn life(cache_status: &str) -> Option<Life> {
    let members = cache_status.split(',').map(|member| member.split(';').map(str::trim));
    let mut ours = members.into_iter().find(|member| member.clone().next() == Some("distcache"))?;
    let Some(ttl) = ours.find_map(|parameter| parameter.strip_prefix("ttl=")) else {
        return Some(Life::UntilEvicted);
    };
    let seconds: i64 = ttl.parse().ok()?;
    let ms = u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000);
    Some(Life::Millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_is_left_stands_in_the_status_of_the_cache() {
        assert_eq!(life("distcache; hit; ttl=42"), Some(Life::Millis(42_000)));
        assert_eq!(life("distcache; hit"), Some(Life::UntilEvicted));
        assert_eq!(life("other; fwd=miss, distcache; hit; ttl=1"), Some(Life::Millis(1_000)));
        assert_eq!(life("distcache; hit; ttl=-3"), Some(Life::Millis(0)));
        assert_eq!(life("other; hit; ttl=9"), None);
        assert_eq!(life("distcache; hit; ttl=soon"), None);
    }
}
