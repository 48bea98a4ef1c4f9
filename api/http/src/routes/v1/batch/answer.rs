//! What becomes of each key, written straight into the buffer that is sent.

use std::io::Write;

use distcache::{Code, Error, Found, How, Version, codes};

use crate::etag::Tagger;
use crate::{Response, octets};

/// Bytes of one answer. A small batch can name a large value again and again:
/// those that do not fit are to be asked for alone.
pub(super) const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Room for the members of one result beside its value.
const FRAME_BYTES: usize = 96;

/// What is told of one error: that of a source may be a page.
const DETAIL_CHARS_MAX: usize = 200;

/// `{"results":[...]}`, as far as it is written.
pub(super) struct Results {
    out: Vec<u8>,
    /// Bytes of values that were looked at and did not fit, for their escapes.
    in_vain: usize,
    tagger: Tagger,
}

impl Results {
    pub(super) fn with_room_for(results: usize, value_bytes: usize, tagger: Tagger) -> Self {
        let bytes = (value_bytes + results * FRAME_BYTES).min(ANSWER_BYTES_MAX);
        let mut out = Vec::with_capacity(bytes);
        out.extend_from_slice(b"{\"results\":[");
        Self { out, in_vain: 0, tagger }
    }

    /// A result of which nothing more is to be said.
    pub(super) fn plain(&mut self, status: &'static str) {
        self.begin(status);
        self.end();
    }

    pub(super) fn found(&mut self, found: &Found) {
        let start = self.out.len();
        self.begin("found");
        let how = match found.how() {
            How::Hit => "hit",
            How::Stale { .. } => "stale",
            How::Loaded => "loaded",
            How::Collapsed => "collapsed",
        };
        self.member("how", how);
        self.version(found.version());
        if let Some(content_type) = found.content_type() {
            self.text("content_type", content_type);
        }
        self.out.extend_from_slice(b",\"value\":");
        if self.takes(found) {
            self.end();
        } else {
            self.out.truncate(start);
            let bytes = found.len();
            self.error(codes::ANSWER_FULL, &format!("the value has {bytes} bytes"));
        }
    }

    pub(super) fn stored(&mut self, version: Version) {
        self.begin("stored");
        self.version(version);
        self.end();
    }

    pub(super) fn failed(&mut self, error: &Error) {
        let Some(held) = error.unmet() else {
            return self.error(error.code(), &error.to_string());
        };
        self.begin("unmet");
        if let Some(version) = held {
            self.version(version);
        }
        self.member("code", error.code());
        self.end();
    }

    pub(super) fn response(mut self) -> Response {
        self.out.extend_from_slice(b"]}\n");
        Response::json(self.out)
    }

    /// Writes a value, if it fits. Looks at no more bytes in vain than the answer
    /// has: a thousand names of one value that nearly fits cost no thousand looks.
    fn takes(&mut self, value: &[u8]) -> bool {
        let room = ANSWER_BYTES_MAX.saturating_sub(self.out.len());
        if room < value.len() || ANSWER_BYTES_MAX < self.in_vain + value.len() {
            return false;
        }
        let fits = octets::write(&mut self.out, value, ANSWER_BYTES_MAX);
        self.in_vain += if fits { 0 } else { value.len() };
        fits
    }

    fn error(&mut self, code: Code, detail: &str) {
        self.begin("error");
        self.member("code", code);
        let end = detail.char_indices().nth(DETAIL_CHARS_MAX).map_or(detail.len(), |(at, _)| at);
        self.text("detail", &detail[..end]);
        self.end();
    }

    fn begin(&mut self, status: &'static str) {
        if self.out.last() == Some(&b'}') {
            self.out.push(b',');
        }
        write!(self.out, "{{\"status\":\"{status}\"").expect("a Vec takes all bytes");
    }

    fn end(&mut self) {
        self.out.push(b'}');
    }

    /// A member of any text.
    fn text(&mut self, name: &str, text: &str) {
        write!(self.out, ",\"{name}\":").expect("a Vec takes all bytes");
        serde_json::to_writer(&mut self.out, text).expect("a Vec takes all bytes");
    }

    /// A member whose text needs no escape.
    fn member(&mut self, name: &str, text: impl std::fmt::Display) {
        write!(self.out, ",\"{name}\":\"{text}\"").expect("a Vec takes all bytes");
    }

    /// The version's tag, unless the value is not kept.
    fn version(&mut self, version: Version) {
        if version != Version::ZERO {
            self.member("version", self.tagger.bare(version));
        }
    }
}
