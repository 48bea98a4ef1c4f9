//! `/v1/keyspaces/{ks}/keys/{key}`: one value, as bytes.

use std::borrow::Cow;

use bytes::Bytes;
use distcache::{Error, Found, Item, Keyspace, Version, codes};

use super::super::failure;
use super::super::place::OfKey;
use super::cache_status::{self, CacheStatus};
use crate::etag::{Tagger, Tags};
use crate::pairs::Pairs;
use crate::{HeaderName, Method, Problem, Request, Response};

/// A request about one key.
pub(in crate::routes) struct Call<'a> {
    pub(in crate::routes) keyspace: &'a Keyspace,
    pub(in crate::routes) key: &'a [u8],
    pub(in crate::routes) tagger: Tagger,
    pub(in crate::routes) request: &'a Request<'a>,
}

impl Call<'_> {
    pub(in crate::routes) async fn answer(&self, of_key: OfKey) -> Result<Response, Problem> {
        if self.key.is_empty() {
            let detail = "the key is empty: nothing follows `/keys/`";
            return Err(Problem::new(400, codes::KEY_MISSING).detail(detail));
        }
        match (of_key, self.request.method) {
            (OfKey::Value, Method::Put) => self.put().await,
            (OfKey::Value, Method::Delete) => self.delete().await,
            (OfKey::Value, _) => self.get().await,
            (OfKey::Ttl, _) => self.ttl().await,
            (OfKey::Touch, _) => self.touch().await,
            (OfKey::Increment, _) => Box::pin(self.increment()).await,
            (OfKey::Invalidate, _) => self.invalidate().await,
        }
    }

    /// The value, loaded if it is missing, unless the client wants only what is
    /// cached.
    async fn get(&self) -> Result<Response, Problem> {
        Pairs::of(self.request.query)?.finish("a GET takes no parameters")?;
        let wanted = Tags::if_match(self.request, self.tagger)?;
        let known = Tags::if_none_match(self.request, self.tagger)?;
        let found = self.find().await?.ok_or_else(not_found)?;
        if wanted.is_some_and(|wanted| !wanted.has(found.version())) {
            return Err(self.unmet(Some(&found)));
        }
        if known.is_some_and(|known| known.has(found.version())) {
            return Ok(self.described(Response::empty(304), &found));
        }
        let described = self.described(of_its_type(&found), &found);
        Ok(described.with_body(Bytes::from_owner(found.into_value())))
    }

    async fn find(&self) -> Result<Option<Found>, Problem> {
        if !only_if_cached(self.request) {
            return self.keyspace.get_async(self.key).await.map_err(|error| load_failed(&error));
        }
        let peeked = self.keyspace.peek_async(self.key).await;
        let peeked = peeked.map_err(|error| failure::problem(&error))?;
        match peeked.filter(|found| !found.is_stale()) {
            None => Err(Problem::new(504, codes::NOT_CACHED)),
            found => Ok(found),
        }
    }

    /// Adds what tells of the value: which one it is, how old, how it was come by.
    ///
    /// A cache between us and the client must ask again each time: what it kept
    /// would be older than what others have put since. The answer is then 304.
    fn described(&self, response: Response, found: &Found) -> Response {
        let status =
            CacheStatus { found, ttl: self.keyspace.ttl_of(found), now: self.keyspace.now() };
        let response = response
            .with_header("cache-control", "no-cache")
            .with_header("cache-status", status.text())
            .with_header("x-content-type-options", "nosniff");
        let response = match status.age() {
            Some(age) => response.with_header("age", age.as_secs().to_string()),
            None => response,
        };
        if cache_status::is_kept(found) {
            response.with_header("etag", self.tagger.tag(found.version()))
        } else {
            response
        }
    }

    /// `PUT ...[?ttl=S|none][&tag=T]...`, with the value as the body.
    async fn put(&self) -> Result<Response, Problem> {
        let mut pairs = Pairs::of(self.request.query)?;
        let (until, tags) = (pairs.take_ttl()?, pairs.take_all("tag"));
        pairs.finish("a PUT takes `ttl` and `tag`")?;
        let item = Item::new(self.key, &self.request.body).until(until);
        let content_type = self.content_type()?;
        let item = content_type.into_iter().fold(item, Item::content_type);
        let item = tags.iter().fold(item, |item, tag| item.tag(tag));
        let item = self.under_condition(item).await?;
        let version = match self.keyspace.put_item_async(&item).await {
            Ok(version) => version,
            Err(error) => return Err(self.write_failed(&error)),
        };
        Ok(Response::empty(204).with_header("etag", self.tagger.tag(version)))
    }

    /// What the client says that its bytes are.
    fn content_type(&self) -> Result<Option<&str>, Problem> {
        let Some(value) = self.request.headers.value_of(HeaderName::ContentType) else {
            return Ok(None);
        };
        str::from_utf8(value).map(Some).map_err(|error| {
            let detail = format!("`Content-Type` is not ASCII: {error}");
            Problem::new(400, codes::CONTENT_TYPE_INVALID).detail(detail)
        })
    }

    /// Puts `If-Match` and `If-None-Match` into the item's own words.
    async fn under_condition<'a>(&self, item: Item<'a>) -> Result<Item<'a>, Problem> {
        let wanted = Tags::if_match(self.request, self.tagger)?;
        let known = Tags::if_none_match(self.request, self.tagger)?;
        match (wanted, known) {
            (None, None) => Ok(item),
            (None, Some(Tags::Any)) => Ok(item.if_absent()),
            (Some(Tags::Any), None) => Ok(item.if_present()),
            (Some(wanted @ Tags::Of(_)), None) => Ok(item.if_version(self.held_of(&wanted).await?)),
            _ => {
                let detail = "a PUT takes `If-Match`, or `If-None-Match: *`";
                Err(Problem::new(400, codes::CONDITION_INVALID).detail(detail))
            }
        }
    }

    /// Which of these the key has. Whoever puts another value behind it is noticed
    /// by the write that asks for this one.
    async fn held_of(&self, wanted: &Tags) -> Result<Version, Problem> {
        let peeked = self.keyspace.peek_async(self.key).await;
        let held = peeked.map_err(|error| failure::problem(&error))?;
        match held {
            Some(found) if wanted.has(found.version()) => Ok(found.version()),
            held => Err(self.unmet(held.as_ref())),
        }
    }

    async fn delete(&self) -> Result<Response, Problem> {
        Pairs::of(self.request.query)?.finish("a DELETE takes no parameters")?;
        if self.request.headers.value_of(HeaderName::IfNoneMatch).is_some() {
            let detail = "a DELETE takes `If-Match` alone";
            return Err(Problem::new(400, codes::CONDITION_INVALID).detail(detail));
        }
        let wanted = Tags::if_match(self.request, self.tagger)?;
        if let Some(wanted @ Tags::Of(_)) = &wanted {
            let version = self.held_of(wanted).await?;
            let deleted = self.keyspace.delete_if_version_async(self.key, version).await;
            deleted.map_err(|error| self.write_failed(&error))?;
            return Ok(Response::empty(204));
        }
        let deleted = self.keyspace.delete_async(self.key).await;
        match deleted.map_err(|error| failure::problem(&error))? {
            true => Ok(Response::empty(204)),
            false if wanted.is_some() => Err(self.unmet(None)),
            false => Err(not_found()),
        }
    }

    fn write_failed(&self, error: &Error) -> Problem {
        let problem = failure::problem(error);
        match error.unmet() {
            Some(Some(version)) => problem.header("etag", self.tagger.tag(version)),
            _ => problem,
        }
    }

    /// 412, with the tag of the value that stands against it.
    fn unmet(&self, held: Option<&Found>) -> Problem {
        let problem = Problem::new(412, codes::UNMET);
        match held.filter(|found| cache_status::is_kept(found)) {
            Some(found) => problem.header("etag", self.tagger.tag(found.version())),
            None => problem,
        }
    }
}

/// How a value was come by, as `Cache-Status` says it.
pub(in crate::routes) fn cache_status(keyspace: &Keyspace, found: &Found) -> Cow<'static, str> {
    CacheStatus { found, ttl: keyspace.ttl_of(found), now: keyspace.now() }.text()
}

/// Whether `Cache-Control: only-if-cached` is asked for (RFC 9111, 5.2.1.7). The
/// other directives of a request could make every client a load of the source:
/// they are left unheard.
fn only_if_cached(request: &Request<'_>) -> bool {
    let mut is_wanted = false;
    request.headers.each_value_of(HeaderName::CacheControl, &mut |value| {
        let mut directives = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
        is_wanted |= directives.any(|one| one.eq_ignore_ascii_case(b"only-if-cached"));
    });
    is_wanted
}

pub(in crate::routes) fn not_found() -> Problem {
    Problem::new(404, codes::NOT_FOUND).header("cache-status", cache_status::ABSENT)
}

/// 200, of the type that was put or loaded with the value.
///
/// A value that is a page must not act as one of ours: a script in it could write
/// whatever the reader's browser may. So it is kept apart.
fn of_its_type(found: &Found) -> Response {
    match found.content_type() {
        Some(kind) => Response::of_type(200, kind.to_owned(), Bytes::new())
            .with_header("content-security-policy", "sandbox"),
        None => Response::octets(Bytes::new()),
    }
}

fn load_failed(error: &Error) -> Problem {
    let problem = failure::problem(error);
    if matches!(error, Error::Cache(_)) {
        return problem;
    }
    let status = cache_status::failed(problem.code());
    problem.header("cache-status", status)
}
