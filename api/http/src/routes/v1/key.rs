//! `/v1/keyspaces/{ks}/keys/{key}`: one value, as bytes.

use bytes::Bytes;
use distcache::{Error, Found, Item, Keyspace, codes};

use super::super::failure;
use super::cache_status::{self, CacheStatus};
use crate::etag::{Tagger, Tags};
use crate::pairs::Pairs;
use crate::{HeaderName, Method, Problem, Request, Response};

/// What may be asked of a key.
pub(super) const METHODS: &str = "GET, HEAD, PUT, DELETE, OPTIONS";

/// A request about one key.
pub(super) struct Call<'a> {
    pub(super) keyspace: &'a Keyspace,
    pub(super) key: &'a [u8],
    pub(super) tagger: Tagger,
    pub(super) request: &'a Request<'a>,
}

impl Call<'_> {
    pub(super) async fn answer(&self) -> Result<Response, Problem> {
        if self.key.is_empty() {
            let detail = "the key is empty: nothing follows `/keys/`";
            return Err(Problem::new(400, codes::KEY_MISSING).detail(detail));
        }
        match self.request.method {
            Method::Get | Method::Head => self.get().await,
            Method::Put => self.put().await,
            Method::Delete => self.delete().await,
            Method::Post | Method::Patch | Method::Options | Method::Other => {
                Err(super::super::not_allowed(METHODS))
            }
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
        let response = Response::octets(Bytes::new());
        let described = self.described(response, &found);
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
            .with_header("cache-status", status.to_string())
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
        let item = tags.iter().fold(item, |item, tag| item.tag(tag));
        let item = self.under_condition(item).await?;
        let version = match self.keyspace.put_item_async(&item).await {
            Ok(version) => version,
            Err(error) => return Err(self.put_failed(&error)),
        };
        Ok(Response::empty(204).with_header("etag", self.tagger.tag(version)))
    }

    /// Puts `If-Match` and `If-None-Match` into the item's own words.
    async fn under_condition<'a>(&self, item: Item<'a>) -> Result<Item<'a>, Problem> {
        let wanted = Tags::if_match(self.request, self.tagger)?;
        let known = Tags::if_none_match(self.request, self.tagger)?;
        match (wanted, known) {
            (None, None) => Ok(item),
            (None, Some(Tags::Any)) => Ok(item.if_absent()),
            (Some(Tags::Any), None) => Ok(item.if_present()),
            (Some(wanted @ Tags::Of(_)), None) => {
                let peeked = self.keyspace.peek_async(self.key).await;
                let held = peeked.map_err(|error| failure::problem(&error))?;
                match held {
                    // Whoever puts another value until then is noticed.
                    Some(found) if wanted.has(found.version()) => {
                        Ok(item.if_version(found.version()))
                    }
                    held => Err(self.unmet(held.as_ref())),
                }
            }
            _ => {
                let detail = "a PUT takes `If-Match`, or `If-None-Match: *`";
                Err(Problem::new(400, codes::CONDITION_INVALID).detail(detail))
            }
        }
    }

    async fn delete(&self) -> Result<Response, Problem> {
        Pairs::of(self.request.query)?.finish("a DELETE takes no parameters")?;
        let headers = self.request.headers;
        let is_conditional = |name| headers.value_of(name).is_some();
        if is_conditional(HeaderName::IfMatch) || is_conditional(HeaderName::IfNoneMatch) {
            let detail = "a DELETE takes neither `If-Match` nor `If-None-Match`";
            return Err(Problem::new(400, codes::CONDITION_INVALID).detail(detail));
        }
        let deleted = self.keyspace.delete_async(self.key).await;
        let was_there = deleted.map_err(|error| failure::problem(&error))?;
        if was_there { Ok(Response::empty(204)) } else { Err(not_found()) }
    }

    fn put_failed(&self, error: &Error) -> Problem {
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

fn not_found() -> Problem {
    Problem::new(404, codes::NOT_FOUND).header("cache-status", cache_status::ABSENT)
}

fn load_failed(error: &Error) -> Problem {
    let problem = failure::problem(error);
    if matches!(error, Error::Cache(_)) {
        return problem;
    }
    let status = cache_status::failed(problem.code());
    problem.header("cache-status", status)
}
