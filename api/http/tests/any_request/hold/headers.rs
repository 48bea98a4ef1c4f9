//! Any bytes as the headers that the routes read.

use std::net::IpAddr;

use distcache::codes;
use distcache_http::{HeaderName, Method};

use super::server::{Answer, Ask, KEY, READ_TOKEN, Server, VALUE};

/// What the headers are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asked {
    /// `If-Match` of a GET.
    Same,
    /// `If-None-Match` of a GET.
    Other,
    /// `If-Match` of a PUT.
    Swap,
    /// `If-None-Match` of a PUT.
    Add,
    Accept,
    CacheControl,
    ContentType,
    Authorization,
    /// `Host` and then `Origin`.
    Origin,
}

impl Asked {
    pub(crate) const ALL: [Self; 9] = [
        Self::Same,
        Self::Other,
        Self::Swap,
        Self::Add,
        Self::Accept,
        Self::CacheControl,
        Self::ContentType,
        Self::Authorization,
        Self::Origin,
    ];
}

/// Stands in a header for the version's tag, without its quotes.
pub(crate) const TAG_HERE: u8 = 1;
/// Stands in a header for the token of those who may read.
pub(crate) const TOKEN_HERE: u8 = 2;

const ENTRY: &str = "/v1/keyspaces/default/keys/kept";

/// Each header says what RFC 9110 and its like say that it says, or is refused.
/// There may be several of one name, one in each of `values`.
pub(crate) fn holds(server: &Server, asked: Asked, values: &[&[u8]]) {
    server.begin();
    match asked {
        Asked::Same => condition(server, Method::Get, HeaderName::IfMatch, values),
        Asked::Other => condition(server, Method::Get, HeaderName::IfNoneMatch, values),
        Asked::Swap => condition(server, Method::Put, HeaderName::IfMatch, values),
        Asked::Add => condition(server, Method::Put, HeaderName::IfNoneMatch, values),
        Asked::Accept => accept(server, &values.join(&b","[..])),
        Asked::CacheControl => cache_control(server, values),
        Asked::ContentType => content_type(server, &values.concat()),
        Asked::Authorization => authorization(server, &values.concat()),
        Asked::Origin => origin(server, values),
    }
}

fn each(name: HeaderName, values: &[impl AsRef<[u8]>]) -> Vec<(HeaderName, Vec<u8>)> {
    values.iter().map(|value| (name, value.as_ref().to_vec())).collect()
}

/// Puts a text wherever a byte stands for it.
fn filled(bytes: &[u8], here: u8, text: &str) -> Vec<u8> {
    let pieces: Vec<_> = bytes.split(|&byte| byte == here).collect();
    pieces.join(text.as_bytes())
}

/// A request on condition is answered as the list of tags says.
fn condition(server: &Server, method: Method, name: HeaderName, values: &[&[u8]]) {
    let tag = server.ask(Ask::new(Method::Get, ENTRY)).header("etag").expect("a tag").to_owned();
    let ours = tag.trim_matches('"');
    let values: Vec<_> = values.iter().map(|value| filled(value, TAG_HERE, ours)).collect();
    let headers = each(name, &values);
    let ask = Ask::new(method, ENTRY).headers(&headers).body(b"new");
    let answer = server.ask_first(ask);
    let list = values.join(&b","[..]);
    let verdict = |answer: &Answer| match answer.status {
        200 | 204 => Some(name == HeaderName::IfMatch),
        304 => Some(true),
        412 => Some(name == HeaderName::IfNoneMatch),
        400 if answer.is(400, codes::CONDITION_INVALID) => None,
        _ => panic!("{ask:?}: {answer:?}"),
    };
    let is_met = verdict(&answer);
    if values.is_empty() {
        return assert!(matches!(answer.status, 200 | 204), "without a condition: {answer:?}");
    }
    if list == b"*" {
        return assert_eq!(is_met, Some(true), "{ask:?}: {answer:?}");
    }
    if method == Method::Put && name == HeaderName::IfNoneMatch {
        return assert_eq!(is_met, None, "{ask:?}: {answer:?}");
    }
    let takes_weak = name == HeaderName::IfNoneMatch;
    match tags(&list) {
        Some(tags) if (1..=TAGS_MAX).contains(&tags.len()) => {
            let is_ours = |tag: &Tag<'_>| tag.opaque == ours && (takes_weak || !tag.is_weak);
            assert_eq!(is_met, Some(tags.iter().any(is_ours)), "{ask:?}: {answer:?}");
        }
        // It may be taken all the same, but nothing is found in it that is not there.
        _ => assert!(is_met != Some(true) || contains(&list, &tag), "{ask:?}: {answer:?}"),
    }
}

fn contains(list: &[u8], tag: &str) -> bool {
    list.windows(tag.len()).any(|some| some == tag.as_bytes())
}

/// Tags that one list may have.
const TAGS_MAX: usize = 32;

struct Tag<'a> {
    is_weak: bool,
    opaque: &'a str,
}

/// The tags of a list, read a second time (RFC 9110, 5.6.1 and 8.8.3); none if it
/// is no list of ASCII.
fn tags(list: &[u8]) -> Option<Vec<Tag<'_>>> {
    let mut rest = str::from_utf8(list).ok().filter(|text| text.is_ascii())?;
    let mut tags = Vec::new();
    let blanks = [' ', '\t'];
    loop {
        rest = rest.trim_start_matches(blanks);
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind,
            None if rest.is_empty() => return Some(tags),
            None => {
                let strong = rest.strip_prefix("W/");
                let (opaque, behind) = strong.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
                let is_opaque = opaque.bytes().all(|byte| byte.is_ascii_graphic());
                let behind = behind.trim_start_matches(blanks);
                let is_end = behind.is_empty() || behind.starts_with(',');
                tags.push(Tag { is_weak: strong.is_some(), opaque });
                rest = (is_opaque && is_end).then_some(behind)?;
            }
        }
    }
}

/// Bytes are for those who name them; case, blanks and what is liked less are no
/// matter.
fn accept(server: &Server, value: &[u8]) {
    let got = |value: &[u8]| {
        let headers = each(HeaderName::Accept, &[value]);
        let query = format!("key={KEY}");
        let got = server.ask(Ask::new(Method::Get, "/").query(&query).headers(&headers));
        assert_eq!(got.status, 200, "{value:?}: {got:?}");
        match got.kind.as_deref() {
            Some("application/json") => assert_eq!(got.json()["value"], VALUE),
            Some("application/octet-stream") => assert_eq!(&*got.body, VALUE.as_bytes()),
            _ => panic!("{value:?}: {got:?}"),
        }
        got.kind
    };
    let kind = got(value);
    let lower = value.to_ascii_lowercase();
    let is_named = contains(&lower, "application/octet-stream");
    assert!(is_named || kind.as_deref() == Some("application/json"), "{value:?}");
    let ranges: Vec<_> = value.split(|&byte| byte == b',').collect();
    let spaced = ranges.join(&b" ,\t"[..]);
    for alike in [lower, spaced.to_ascii_uppercase()] {
        assert_eq!(got(&alike), kind, "{value:?} and {alike:?}");
    }
    assert_eq!(got(&[value, b", text/html;q=0.1, */*;q=0.1"].concat()), kind, "{value:?}");
}

/// Who wants what is cached only is told so; no other directive is heard.
fn cache_control(server: &Server, values: &[&[u8]]) {
    let headers = each(HeaderName::CacheControl, values);
    assert_eq!(server.ask(Ask::new(Method::Get, ENTRY).headers(&headers)).status, 200);
    let path = "/v1/keyspaces/default/keys/nothing";
    let answer = server.ask_first(Ask::new(Method::Get, path).headers(&headers));
    let text = String::from_utf8_lossy(&values.join(&b","[..])).to_ascii_lowercase();
    let is_wanted = text
        .split(',')
        .any(|one| one.trim_matches(|blank: char| blank.is_ascii_whitespace()) == "only-if-cached");
    let status = if is_wanted { 504 } else { 404 };
    assert_eq!(answer.status, status, "{values:?}: {answer:?}");
}

/// A type that can be sent comes back as it was; another is refused.
fn content_type(server: &Server, value: &[u8]) {
    let headers = each(HeaderName::ContentType, &[value]);
    let answer = server.ask_first(Ask::new(Method::Put, ENTRY).headers(&headers).body(b"new"));
    let is_sent = |byte: &u8| *byte == b' ' || byte.is_ascii_graphic();
    let is_good = (1..=255).contains(&value.len()) && value.iter().all(is_sent);
    assert_eq!(answer.status, if is_good { 204 } else { 400 }, "{value:?}: {answer:?}");
    if is_good {
        let got = server.ask(Ask::new(Method::Get, ENTRY));
        assert_eq!((got.kind.unwrap_or_default().as_bytes(), &*got.body), (value, &b"new"[..]));
    }
}

/// The token and nothing else lets in, to read; nothing here lets write.
fn authorization(server: &Server, value: &[u8]) {
    let value = filled(value, TOKEN_HERE, READ_TOKEN);
    let headers = each(HeaderName::Authorization, &[&value]);
    let refused = |method| server.refusal(Ask::new(method, ENTRY).headers(&headers));
    let (scheme, token) = value.split_at_checked(7).unwrap_or_default();
    let is_known =
        scheme.eq_ignore_ascii_case(b"bearer ") && token.trim_ascii() == READ_TOKEN.as_bytes();
    let (read, write) = (refused(Method::Get), refused(Method::Put));
    if is_known {
        assert!(read.is_none(), "{value:?}: {read:?}");
        assert!(write.is_some_and(|answer| answer.is(403, codes::READ_ONLY_TOKEN)), "{value:?}");
    } else {
        for refused in [read, write].map(|answer| answer.expect("a stranger is refused")) {
            assert!(refused.is(401, codes::TOKEN_UNKNOWN), "{value:?}: {refused:?}");
            assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        }
    }
}

/// On a loopback address a Host is a loopback name, and who writes from a page is
/// of this very host.
fn origin(server: &Server, values: &[&[u8]]) {
    let names = [HeaderName::Host, HeaderName::Origin, HeaderName::SecFetchSite];
    let mut headers = each(HeaderName::Authorization, &[format!("Bearer {READ_TOKEN}")]);
    headers.extend(names.into_iter().zip(values).map(|(name, value)| (name, value.to_vec())));
    let refused = |method| {
        let refused = server.refusal(Ask::new(method, ENTRY).headers(&headers));
        let refused = refused.filter(|answer| !answer.is(403, codes::READ_ONLY_TOKEN));
        refused.inspect(|answer| assert_eq!(answer.status, 403, "{answer:?}"))
    };
    let (host, origin) = (values.first(), values.get(1));
    let (read, write) = (refused(Method::Get), refused(Method::Put));
    assert_eq!(read.is_some(), host.is_some_and(|host| !is_loopback(host)), "{values:?}");
    let own = host.map(|host| ["http://", "https://"].map(|s| [s.as_bytes(), host].concat()));
    let is_own = |origin: &[u8]| {
        own.as_ref().is_some_and(|own| own.iter().any(|own| own.eq_ignore_ascii_case(origin)))
    };
    let is_foreign = origin.is_some_and(|origin| !is_own(origin))
        || values.get(2).is_some_and(|site| !matches!(site, &(b"same-origin" | b"none")));
    assert_eq!(write.is_some(), read.is_some() || is_foreign, "{values:?}: {write:?}");
}

/// Whether a `Host` can only mean this machine (RFC 6761, 6.3).
fn is_loopback(host: &[u8]) -> bool {
    let host = str::from_utf8(host).unwrap_or_default().to_ascii_lowercase();
    let name = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_address = name.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback());
    let name = name.strip_suffix('.').unwrap_or(name);
    is_address || name == "localhost" || name.ends_with(".localhost")
}
