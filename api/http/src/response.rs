//! An answer as a handler gives it, whichever server writes it.

use std::borrow::Cow;

use bytes::Bytes;

use crate::{Body, Chunks};

/// As many as the answer to the most frequent question has, and one that says by whom it was
/// passed on: they are allocated once.
const HEADERS_OF_A_HIT: usize = 7;

/// One answer. The door adds the length, the date and what the connection needs,
/// and leaves the body out where the request was a HEAD.
#[derive(Debug)]
pub struct Response {
    status: u16,
    content_type: Option<Cow<'static, str>>,
    headers: Vec<(&'static str, Cow<'static, str>)>,
    body: Body,
    is_of_read: bool,
}

impl Response {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        let (content_type, headers) = (None, Vec::new());
        Self { status, content_type, headers, body: Body::Whole(Bytes::new()), is_of_read: false }
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
        Self { content_type: Some(content_type.into()), ..Self::empty(status) }.with_body(body)
    }

    /// The same with a body of this type.
    #[must_use]
    pub fn with_type(self, content_type: impl Into<Cow<'static, str>>) -> Self {
        Self { content_type: Some(content_type.into()), ..self }
    }

    /// The same with one more header. The name is in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        if self.headers.is_empty() {
            self.headers.reserve_exact(HEADERS_OF_A_HIT);
        }
        self.headers.push((name, value.into()));
        self
    }

    /// The same with another body.
    #[must_use]
    pub fn with_body(self, body: Bytes) -> Self {
        Self { body: Body::Whole(body), ..self }
    }

    /// The same with a body that is made while it is sent.
    #[must_use]
    pub fn with_chunks(self, chunks: impl Chunks) -> Self {
        Self { body: Body::Chunks(Box::new(chunks)), ..self }
    }

    /// Says that nothing was changed, whatever the method is: a door that has no
    /// room for the answer may refuse it.
    #[must_use]
    pub fn of_a_read(self) -> Self {
        Self { is_of_read: true, ..self }
    }

    /// Whether nothing was changed, whatever the method is.
    pub fn is_of_a_read(&self) -> bool {
        self.is_of_read
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
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The answer without its pieces, and the pieces if it comes in some.
    pub(crate) fn take_chunks(self) -> (Self, Option<Box<dyn Chunks>>) {
        match self.body {
            Body::Whole(_) => (self, None),
            Body::Chunks(chunks) => {
                (Self { body: Body::Whole(Bytes::new()), ..self }, Some(chunks))
            }
        }
    }

    /// The body, kept.
    pub fn into_body(self) -> Body {
        self.body
    }
}
