//! What others said, short enough to be shown.

/// The longest text of others that stands in an error of ours, in characters.
pub const EXCERPT_CHARS_MAX: usize = 200;

/// Its beginning, on one line.
pub fn excerpt(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut rest = text.trim().chars();
    let mut told: String = rest.by_ref().take(EXCERPT_CHARS_MAX).map(plain).collect();
    if rest.next().is_some() {
        told.push('…');
    }
    told
}

/// An error with its causes, as far as they say more than it does itself.
pub fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let why = error.to_string();
        if !told.contains(&why) {
            told.push_str(": ");
            told.push_str(&why);
        }
        cause = error.source();
    }
    excerpt(&told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_is_shown_as_one_short_line() {
        assert_eq!(excerpt(" no\nsuch\u{1b}thing "), "no such thing");
        let long = excerpt(&"ä".repeat(1_000_000));
        assert_eq!(long.chars().count(), EXCERPT_CHARS_MAX + 1);
    }

    #[test]
    fn an_error_is_told_with_its_causes_once_each() {
        let cause = std::io::Error::other("the cable is cut");
        let error = std::io::Error::other(std::io::Error::other(cause));
        assert_eq!(told(&error), "the cable is cut");
    }
}
