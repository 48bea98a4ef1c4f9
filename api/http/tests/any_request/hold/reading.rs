//! What a request says, read a second time: plainly, and by other code than the
//! server's, so that the two can be compared.

use std::fmt::Write;

/// The bytes that a text with escapes stands for; none where a `%` has no two hex
/// digits behind it.
pub(crate) fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, behind) = piece.split_at_checked(2)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        bytes.push(u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?);
        bytes.extend_from_slice(behind.as_bytes());
    }
    Some(bytes)
}

/// The names and texts of a query or a form; none where one of them is not UTF-8.
pub(crate) fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    let text = |part: &str| String::from_utf8(unescaped(&part.replace('+', " "))?).ok();
    let given = query.split('&').filter(|pair| !pair.is_empty());
    given
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((text(name)?, text(value)?))
        })
        .collect()
}

/// Every byte as an escape.
pub(crate) fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(3 * bytes.len()), |mut text, byte| {
        write!(text, "%{byte:02X}").expect("a String takes all text");
        text
    })
}
