//! Whether a value is wanted as JSON or as bytes.

/// What an `Accept` header prefers of the two kinds there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preference {
    /// JSON; bytes were not named.
    Json,
    /// JSON where the value can be shown in it, else bytes.
    JsonThenOctets,
    /// Bytes.
    Octets,
}

impl Preference {
    /// Reads an `Accept` header (RFC 9110, 12.5.1).
    ///
    /// Only a range that names `application/octet-stream` asks for bytes: `*/*`
    /// is what every client sends that has not thought about it.
    pub(crate) fn of(accept: Option<&[u8]>) -> Self {
        let Some(accept) = accept.filter(|value| *value != b"*/*") else { return Self::Json };
        let (mut json, mut octets) = (0, 0);
        let mut json_is_first = false;
        for range in accept.split(|&byte| byte == b',') {
            let (media_type, quality) = media_range(range);
            if media_type.eq_ignore_ascii_case(b"application/octet-stream") {
                octets = quality;
            } else if media_type.eq_ignore_ascii_case(b"application/json") {
                json = quality;
                json_is_first = octets == 0;
            }
        }
        if octets == 0 {
            Self::Json
        } else if octets < json || octets == json && json_is_first {
            Self::JsonThenOctets
        } else {
            Self::Octets
        }
    }
}

/// One media type and its weight in thousandths.
fn media_range(range: &[u8]) -> (&[u8], u16) {
    let mut parts = range.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
    let media_type = parts.next().unwrap_or_default();
    let weight =
        parts.find_map(|part| part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q=")));
    (media_type, weight.map_or(1_000, thousandths))
}

/// Reads `0.25` as 250. What is no weight counts as the default, 1.
fn thousandths(weight: &[u8]) -> u16 {
    let text = str::from_utf8(weight).unwrap_or_default();
    match text.split_once('.').unwrap_or((text, "")) {
        ("0", fraction) if fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{fraction:0<3}").parse().unwrap_or(1_000)
        }
        _ => 1_000,
    }
}

#[cfg(test)]
mod tests {
    use super::Preference::{Json, JsonThenOctets, Octets};
    use super::*;

    #[test]
    fn bytes_are_for_those_who_name_them() {
        let cases = [
            (None, Json),
            (Some("*/*"), Json),
            (Some("text/html, */*;q=0.8"), Json),
            (Some("application/*"), Json),
            (Some("application/octet-stream"), Octets),
            (Some("Application/Octet-Stream ; q=0.5 , */*;q=0.1"), Octets),
            (Some("application/octet-stream;q=0"), Json),
            (Some("application/octet-stream;q=0.000"), Json),
            (Some("application/json, application/octet-stream"), JsonThenOctets),
            (Some("application/octet-stream, application/json"), Octets),
            (Some("application/octet-stream;q=0.5, application/json;q=0.25"), Octets),
            (Some("application/octet-stream;q=0.5, application/json;q=0.75"), JsonThenOctets),
            (Some("application/octet-stream;q=nonsense"), Octets),
            (Some(",,;"), Json),
        ];
        for (accept, preference) in cases {
            assert_eq!(Preference::of(accept.map(str::as_bytes)), preference, "{accept:?}");
        }
    }
}
