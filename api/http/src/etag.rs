//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110, 8.8.3 and 13.1).

use std::fmt::{self, Display, Write};

use distcache::{Version, codes};

use crate::{HeaderName, Problem, Request};

/// Tags that one condition may list: clients send those of what they have kept.
const TAGS_MAX: usize = 32;

/// Makes tags of versions. They bear a mark of who counts the versions: another
/// process, or another cluster, that counts them anew never gives out a tag that
/// somebody keeps from this. All members of a cluster have one mark, so that a tag of
/// one is a tag of all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tagger {
    mark: u64,
}

impl Tagger {
    /// With a mark of its own.
    pub(crate) fn random() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self { mark: RandomState::new().hash_one(()) }
    }

    /// The same with another mark.
    #[cfg(feature = "cluster")]
    pub(crate) fn of(mark: u64) -> Self {
        Self { mark }
    }

    /// The mark: who has another one has begun with an empty cache.
    pub(crate) fn instance(self) -> String {
        format!("{:x}", self.mark)
    }

    /// The tag of a version: in quotes, in hexadecimal.
    pub(crate) fn tag(self, version: Version) -> String {
        let mut tag = String::with_capacity(40);
        write!(tag, "\"{}\"", self.bare(version)).expect("a String takes all text");
        tag
    }

    /// The same without the quotes.
    pub(crate) fn bare(self, version: Version) -> impl Display {
        fmt::from_fn(move |f| write!(f, "{:x}-{:x}", version.get(), self.mark))
    }

    /// The version of a tag without its quotes that was made here.
    pub(crate) fn version(self, tag: &str) -> Option<Version> {
        let (version, mark) = tag.split_once('-')?;
        (hex(mark)? == self.mark).then_some(())?;
        hex(version).map(Version::from)
    }
}

/// A number as [`Tagger`] writes it: tags are compared byte by byte (RFC 9110,
/// 8.8.3.2), so `01` and `+1` are not what `1` is.
fn hex(text: &str) -> Option<u64> {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_plain = text == "0" || !text.starts_with('0') && text.bytes().all(is_digit);
    u64::from_str_radix(text, 16).ok().filter(|_| is_plain)
}

/// What a condition asks of the value that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tags {
    /// `*`: any value.
    Any,
    /// One of these versions. A tag that was not made here is none.
    Of(Vec<Version>),
}

impl Tags {
    /// Reads `If-Match`, which compares strongly: a weak tag is none of those.
    ///
    /// # Errors
    /// 400, when it is no list of tags.
    pub(crate) fn if_match(request: &Request<'_>, tagger: Tagger) -> Result<Option<Self>, Problem> {
        Self::read(request, HeaderName::IfMatch, tagger, false)
    }

    /// Reads `If-None-Match`, which takes a weak tag like a strong one.
    ///
    /// # Errors
    /// 400, when it is no list of tags.
    pub(crate) fn if_none_match(
        request: &Request<'_>,
        tagger: Tagger,
    ) -> Result<Option<Self>, Problem> {
        Self::read(request, HeaderName::IfNoneMatch, tagger, true)
    }

    /// Whether a version is among them.
    pub(crate) fn has(&self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::Of(versions) => versions.contains(&version),
        }
    }

    fn read(
        request: &Request<'_>,
        name: HeaderName,
        tagger: Tagger,
        takes_weak: bool,
    ) -> Result<Option<Self>, Problem> {
        if request.headers.value_of(name).is_none() {
            return Ok(None);
        }
        let mut text = Vec::new();
        request.headers.each_value_of(name, &mut |value| {
            text.extend_from_slice(value);
            text.push(b',');
        });
        if text == b"*," {
            return Ok(Some(Self::Any));
        }
        let text = str::from_utf8(&text).ok().ok_or_else(|| no_tags(name))?;
        let (mut rest, mut listed, mut versions) = (text, 0, Vec::new());
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let (tag, is_weak, behind) = first_tag(rest).ok_or_else(|| no_tags(name))?;
            listed += 1;
            if listed > TAGS_MAX {
                return Err(too_many(name));
            }
            if takes_weak || !is_weak {
                versions.extend(tagger.version(tag));
            }
            rest = behind;
        }
        if listed == 0 { Err(no_tags(name)) } else { Ok(Some(Self::Of(versions))) }
    }
}

/// The opaque part of the first tag, whether it is weak, and what follows it.
fn first_tag(text: &str) -> Option<(&str, bool, &str)> {
    let (is_weak, quoted) = match text.strip_prefix("W/") {
        Some(strong) => (true, strong),
        None => (false, text),
    };
    let (tag, behind) = quoted.strip_prefix('"')?.split_once('"')?;
    let is_alone = behind.is_empty() || behind.starts_with([' ', '\t', ',']);
    is_alone.then_some((tag, is_weak, behind))
}

fn no_tags(name: HeaderName) -> Problem {
    let detail = format!("`{}` is neither `*` nor a list of tags in quotes", name.as_str());
    Problem::new(400, codes::CONDITION_INVALID).detail(detail)
}

fn too_many(name: HeaderName) -> Problem {
    let detail = format!("`{}` lists more than {TAGS_MAX} tags", name.as_str());
    Problem::new(400, codes::CONDITION_INVALID).detail(detail)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::Method;

    const HERE: Tagger = Tagger { mark: 0xAB };

    fn if_match(values: &[&str]) -> Result<Option<Tags>, u16> {
        read(HeaderName::IfMatch, values, false)
    }

    fn read(name: HeaderName, values: &[&str], takes_weak: bool) -> Result<Option<Tags>, u16> {
        let headers: Vec<_> = values.iter().map(|value| (name, *value)).collect();
        let request = Request {
            method: Method::Get,
            authority: None,
            path: "/",
            query: None,
            headers: &headers.as_slice(),
            body: Bytes::new(),
        };
        Tags::read(&request, name, HERE, takes_weak).map_err(|problem| problem.status())
    }

    fn versions(numbers: &[u64]) -> Tags {
        Tags::Of(numbers.iter().copied().map(Version::from).collect())
    }

    #[test]
    fn a_tag_is_read_as_the_version_it_was_made_of() {
        let tag = HERE.tag(Version::from(0x1_0000_0007));
        assert_eq!(tag, "\"100000007-ab\"");
        assert_eq!(if_match(&[&tag]), Ok(Some(versions(&[0x1_0000_0007]))));
    }

    #[test]
    fn a_list_may_come_as_several_headers() {
        let tags = if_match(&["\"1-ab\" , \"2-ab\"", "\"3-ab\",,"]);
        assert_eq!(tags, Ok(Some(versions(&[1, 2, 3]))));
        assert_eq!(if_match(&["*"]), Ok(Some(Tags::Any)));
        assert_eq!(if_match(&[]), Ok(None));
    }

    #[test]
    fn a_tag_of_another_process_matches_nothing() {
        for foreign in ["\"1-ac\"", "\"1\"", "\"-ab\"", "\"zz-ab\"", "\"\"", "\"a, b\""] {
            assert_eq!(if_match(&[foreign]), Ok(Some(versions(&[]))), "{foreign}");
        }
    }

    #[test]
    fn a_tag_that_is_written_otherwise_is_another_tag() {
        for other in ["\"01-ab\"", "\"+1-ab\"", "\"1-AB\"", "\"1-0ab\"", "\"1-+ab\"", "\" 1-ab\""] {
            assert_eq!(if_match(&[other]), Ok(Some(versions(&[]))), "{other}");
        }
    }

    #[test]
    fn a_weak_tag_counts_for_reading_only() {
        assert_eq!(if_match(&["W/\"1-ab\""]), Ok(Some(versions(&[]))));
        assert_eq!(read(HeaderName::IfNoneMatch, &["W/\"1-ab\""], true), Ok(Some(versions(&[1]))));
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for bad in ["", "1-ab", "\"1-ab", "*, \"1-ab\"", "\"1-ab\"x", "w/\"1-ab\"", "\"a\"\"b\""] {
            assert_eq!(if_match(&[bad]), Err(400), "{bad}");
        }
        let many = vec!["\"1-ab\""; TAGS_MAX + 1];
        assert_eq!(if_match(&many), Err(400));
    }
}
