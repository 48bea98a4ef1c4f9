//! Requests between members: one trace on both sides of a link.

use distcache_cluster::proto::Reply;
use distcache_cluster::proto::reply::Outcome as Answered;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};

use super::Here;
use super::outcome::OUTCOME;

/// The length of a `traceparent`: version, trace, span and flags, in hexadecimal digits
/// (<https://www.w3.org/TR/trace-context-1/#traceparent-header>).
const TRACEPARENT_BYTES: usize = 55;

/// A request to another member, or one of another member, and its span.
pub(crate) struct LinkWatch {
    here: Here,
    /// Whether the span is its own, and still to be ended.
    has_span: bool,
}

impl LinkWatch {
    /// The other side goes on with the trace all the same.
    pub(super) fn of_nobody(here: Context) -> Self {
        Self { here: Here(here), has_span: false }
    }

    pub(super) fn within(here: Here) -> Self {
        Self { here, has_span: true }
    }

    /// Where it stands, for who answers it here.
    pub(crate) fn here(&self) -> &Here {
        &self.here
    }

    /// Where it stands, for who answers it elsewhere; nothing outside of any trace.
    pub(crate) fn traceparent(&self) -> Vec<u8> {
        traceparent(self.here.0.span().span_context())
    }

    /// Ends by what the other side has said, or without a word of it.
    pub(crate) fn heard<E>(self, reply: &Result<Reply, E>) {
        match reply {
            Ok(reply) => self.answered(reply.outcome.as_ref()),
            Err(_) => self.end("unreachable", true),
        }
    }

    /// Ends by what is answered.
    pub(crate) fn answered(self, outcome: Option<&Answered>) {
        match outcome {
            Some(Answered::Failure(_)) => self.end("error", true),
            Some(Answered::Moved(_)) => self.end("moved", false),
            Some(Answered::Busy(_)) => self.end("busy", true),
            Some(Answered::UnknownOutcome(_)) | None => self.end("unknown", true),
            Some(_) => self.end("ok", false),
        }
    }

    fn end(mut self, name: &'static str, is_error: bool) {
        self.tell(name, is_error);
    }

    fn tell(&mut self, name: &'static str, is_error: bool) {
        if !std::mem::take(&mut self.has_span) {
            return;
        }
        let span = self.here.0.span();
        span.set_attribute(KeyValue::new(OUTCOME, name));
        if is_error {
            // What has failed is said by the spans within, or by the call.
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

impl Drop for LinkWatch {
    /// Nobody waited for the end.
    fn drop(&mut self) {
        self.tell("dropped", false);
    }
}

/// How the spans of the two sides are called, and what they are.
pub(super) const ASKS: (&str, SpanKind) = ("distcache.ask", SpanKind::Client);
pub(super) const ANSWERS: (&str, SpanKind) = ("distcache.answer", SpanKind::Server);

fn traceparent(span: &SpanContext) -> Vec<u8> {
    if !span.is_valid() {
        return Vec::new();
    }
    let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags());
    format!("00-{trace}-{id}-{:02x}", flags & TraceFlags::SAMPLED).into_bytes()
}

/// Where another member stands. What is no `traceparent` of version 00 is none: a member
/// says what it likes.
pub(super) fn remote(traceparent: &[u8]) -> Option<SpanContext> {
    if traceparent.len() != TRACEPARENT_BYTES {
        return None;
    }
    let text = str::from_utf8(traceparent).ok()?;
    let is_lower = |part: &&str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = text.split('-').filter(is_lower);
    let (version, trace, id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if (version, trace.len(), id.len(), flags.len()) != ("00", 32, 16, 2) {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace, id) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(id).ok()?);
    let span = SpanContext::new(trace, id, flags, true, TraceState::NONE);
    span.is_valid().then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_said_of_a_trace_is_read_as_it_was_said() {
        let span = remote(SAID.as_bytes()).unwrap();
        assert!(span.is_remote() && span.is_sampled());
        assert_eq!(String::from_utf8(traceparent(&span)).unwrap(), SAID);
        assert_eq!(traceparent(&span).len(), TRACEPARENT_BYTES);
        let unsampled = SAID.replace("-01", "-00");
        let span = remote(unsampled.as_bytes()).unwrap();
        assert!(!span.is_sampled());
        assert_eq!(String::from_utf8(traceparent(&span)).unwrap(), unsampled);
        assert_eq!(traceparent(&SpanContext::NONE), b"");
    }

    #[test]
    fn what_is_no_traceparent_is_taken_for_none() {
        let zero = |part: &str| SAID.replace(part, &"0".repeat(part.len()));
        let bad = [
            String::new(),
            SAID[1..].to_owned(),
            format!("{SAID}0"),
            SAID.repeat(1_000),
            SAID.to_uppercase(),
            SAID.replace('-', "_"),
            SAID.replacen("00-", "ff-", 1),
            SAID.replacen("00-", "01-", 1),
            SAID.replace("-01", "-0+"),
            SAID.replace("4bf9", "4b-9"),
            zero("4bf92f3577b34da6a3ce929d0e0e4736"),
            zero("00f067aa0ba902b7"),
        ];
        for text in bad {
            assert_eq!(remote(text.as_bytes()), None, "{text}");
        }
        assert_eq!(remote(&[0xFF; TRACEPARENT_BYTES]), None);
    }
}
