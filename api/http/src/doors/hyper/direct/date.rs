//! The time of day, as `Date` tells it.

use std::cell::RefCell;
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use httpdate::HttpDate;

/// Appends the present second as an IMF-fixdate (RFC 9110, 5.6.7). It is written once a
/// second on each thread.
pub(super) fn append_to(bytes: &mut Vec<u8>) {
    thread_local! {
        static LAST: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    LAST.with_borrow_mut(|(second, text)| {
        if *second != now || text.is_empty() {
            *second = now;
            text.clear();
            let date = HttpDate::from(UNIX_EPOCH + Duration::from_secs(now));
            write!(text, "{date}").expect("a String takes all text");
        }
        bytes.extend_from_slice(text.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_present_second() {
        let mut bytes = Vec::new();
        let earliest = SystemTime::now() - Duration::from_secs(1);
        append_to(&mut bytes);
        let told = httpdate::parse_http_date(str::from_utf8(&bytes).unwrap()).unwrap();
        assert!((earliest..=SystemTime::now()).contains(&told), "{told:?}");
    }
}
