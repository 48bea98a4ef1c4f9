//! An answer as a handler gives it, whichever server writes it.

use std::borrow::Cow;

use bytes::Bytes;

/// One answer. The door adds the length, the date and what the connection needs,
/// and leaves the body out where the request was a HEAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    status: u16,
    content_type: Option<Cow<'static, str>>,
    headers: Vec<(&'static str, Cow<'static, str>)>,
    body: Bytes,
}

impl Response {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, content_type: None, headers: Vec::new(), body: Bytes::new() }
    }

    /// 200 with a JSON document.
    pub fn json(document: Vec<u8>) -> Self {
        Self::of_type(200, "application/json", document.into())
    }

    /// 200 with bytes of no particular kind.
    pub fn octets(body: Bytes) -> Self {
        Self::of_type(200, "application/octet-stream", body)
    }

    /// 200 with a line of text.
    pub fn text(body: &'static str) -> Self {
        Self::of_type(200, "text/plain; charset=utf-8", Bytes::from_static(body.as_bytes()))
    }

    /// An answer of any status and type.
    pub fn of_type(status: u16, content_type: impl Into<Cow<'static, str>>, body: Bytes) -> Self {
        Self { status, content_type: Some(content_type.into()), headers: Vec::new(), body }
    }

    /// The same with one more header. The name is in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with another body.
    #[must_use]
    pub fn with_body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    /// The status, from 200 to 599.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The type of the body, where there is one.
    pub fn content_type(&self) -> Option<&Cow<'static, str>> {
        self.content_type.as_ref()
    }

    /// The headers beside type and length; names in lower case.
    pub fn headers(&self) -> &[(&'static str, Cow<'static, str>)] {
        &self.headers
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The body, kept.
    pub fn into_body(self) -> Bytes {
        self.body
    }
}
