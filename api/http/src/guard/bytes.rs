//! The classes of bytes of RFC 9110 and RFC 9112, no wider than hyper's parser.

/// Whether `byte` may stand in a method or a header name: a `tchar`.
#[inline]
pub(super) fn is_token_byte(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

/// Whether `bytes` is a method or a header name.
#[inline]
pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Whether `bytes` may be a header's value: no control bytes but the tab.
#[inline]
pub(super) fn is_field_value(bytes: &[u8]) -> bool {
    let control = |byte: &u8| u8::from(*byte < b' ' && *byte != b'\t') | u8::from(*byte == 0x7f);
    // Without an early exit, and in bytes, it becomes one vector loop.
    bytes.iter().map(control).fold(0, |seen, one| seen | one) == 0
}

/// Whether `bytes` may be the path and query of a request.
///
/// Wider than RFC 3986, as everybody's servers are: `{`, `}`, `|`, `\`, `^`, `[`,
/// `]` and unescaped UTF-8 pass, because people type them. `"` does not: hyper
/// takes it in a path, but not in a query.
pub(super) fn is_path_and_query(bytes: &[u8]) -> bool {
    let mut ascii = true;
    for &byte in bytes {
        if !TARGET[usize::from(byte)] {
            return false;
        }
        ascii &= byte.is_ascii();
    }
    ascii || str::from_utf8(bytes).is_ok()
}

/// Whether `bytes` is a host name, an IPv4 address or a bracketed IPv6 address,
/// with an optional port.
pub(super) fn is_authority(bytes: &[u8]) -> bool {
    let after_host = if let [b'[', inner @ ..] = bytes {
        let Some(close) = memchr::memchr(b']', inner) else { return false };
        let address = str::from_utf8(&inner[..close]).unwrap_or_default();
        if address.parse::<std::net::Ipv6Addr>().is_err() {
            return false;
        }
        &inner[close + 1..]
    } else {
        let end = memchr::memchr(b':', bytes).unwrap_or(bytes.len());
        let name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if end == 0 || !bytes[..end].iter().all(name) {
            return false;
        }
        &bytes[end..]
    };
    match after_host {
        [] => true,
        [b':', port @ ..] => port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// `bytes` without the spaces and tabs around them.
#[inline]
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = matches!(byte,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\''
            | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
        byte += 1;
    }
    table
};

const TARGET: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = at > 0x20 && at != 0x7f && !matches!(at, 0x22 | 0x23 | 0x3c | 0x3e | 0x60);
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_the_tchars_of_rfc_9110() {
        assert!(is_token(b"X-Request_Id~1"));
        for bad in ["", "a b", "a:b", "a/b", "h\u{f6}st", "a\0"] {
            assert!(!is_token(bad.as_bytes()), "{bad:?}");
        }
    }

    #[test]
    fn values_have_no_control_bytes_but_the_tab() {
        assert!(is_field_value(b"a\tb \xff"));
        for bad in 0..=255_u8 {
            let control = bad < 0x20 && bad != b'\t' || bad == 0x7f;
            assert_eq!(is_field_value(&[b'a', bad, b'b']), !control, "{bad:#x}");
        }
    }

    #[test]
    fn targets_take_what_people_type_but_no_fragment_and_no_broken_utf_8() {
        assert!(is_path_and_query("/?key={k\u{f6}ln}|[^]".as_bytes()));
        for bad in [&b"/#a"[..], b"/?\"", b"/<a>", b"/ a", b"/\x7f", b"/?key=\xff"] {
            assert!(!is_path_and_query(bad), "{bad:?}");
        }
    }

    #[test]
    fn authorities_are_hosts_with_ports() {
        for good in ["a", "a_b.c-d:80", "127.0.0.1:8080", "[::1]", "[::1]:8080", "a:"] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in ["", ":80", "a b", "a/b", "a@b", "[::1", "[x]", "[::1]x", "a:b", "a:1:2"] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }
}
