//! The right name that somebody probably meant.

use strsim::osa_distance;

/// No name is longer; what is was no typing error.
const NAME_MAX: usize = 64;

/// The name that is nearest, if one is near: a third of it may be wrong.
pub(crate) fn nearest<'a>(
    given: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if NAME_MAX < given.len() {
        return None;
    }
    let given = given.to_lowercase().replace('-', "_");
    let distances = names.into_iter().map(|name| (osa_distance(&given, name), name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= name.len().div_ceil(3)).then_some(name)
}

/// Whether one is a typing error of the other: two letters at most.
pub(crate) fn is_a_slip_of(given: &str, name: &str) -> bool {
    given.len() <= NAME_MAX && osa_distance(given, name) <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_with_the_fewest_letters_wrong() {
        let names = ["ttl", "ttl_jitter", "read_timeout", "load_timeout"];
        assert_eq!(nearest("tll", names), Some("ttl"));
        assert_eq!(nearest("raed_timeout", names), Some("read_timeout"));
        assert_eq!(nearest("ttl-jitter", names), Some("ttl_jitter"));
        assert_eq!(nearest("frobnicate", names), None);
        assert_eq!(nearest(&"t".repeat(1_000), names), None);
    }
}
