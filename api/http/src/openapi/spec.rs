//! What the table of paths does not say of an operation.

use std::collections::BTreeMap;

use distcache::codes::{self, Code};
use serde_json::{Map, Value, json};

use super::answers::{either, with_headers};
use super::schemas::schema;
use crate::{Method, Operation, Right};

/// What one operation takes and answers.
pub(super) struct Spec {
    id: &'static str,
    tag: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: BTreeMap<u16, Value>,
    problems: Problems,
}

/// The codes that come with each status.
type Problems = BTreeMap<u16, Vec<Code>>;

/// What a door refuses, whatever is asked of it; and what may be said to any GET that asks
/// for its answer at once.
pub(super) const OF_DOORS: &[(u16, Code)] = &[
    (400, codes::FRAMING_INVALID),
    (403, codes::HOST_REFUSED),
    (408, codes::REQUEST_TIMED_OUT),
    (413, codes::BODY_TOO_LARGE),
    (414, codes::REQUEST_LINE_TOO_LONG),
    (417, codes::EXPECTATION_FAILED),
    (431, codes::HEADERS_TOO_LARGE),
    (500, codes::HANDLER_PANICKED),
    (501, codes::TRANSFER_CODING_UNKNOWN),
    (503, codes::OVERLOADED),
    (503, codes::BUFFERS_FULL),
    (503, codes::NOT_AT_ONCE),
    (505, codes::HTTP_VERSION_UNSUPPORTED),
];

impl Spec {
    pub(super) fn new(tag: &'static str, id: &'static str) -> Self {
        let (parameters, body) = (Vec::new(), None);
        let (answers, problems) = (BTreeMap::new(), Problems::new());
        Self { id, tag, parameters, body, answers, problems }
    }

    pub(super) fn takes(mut self, parameters: impl IntoIterator<Item = Value>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// A body of JSON.
    pub(super) fn body(mut self, name: &str, is_required: bool) -> Self {
        let content = json!({"application/json": {"schema": schema(name)}});
        self.body = Some(json!({"required": is_required, "content": content}));
        self
    }

    /// A body of any bytes.
    pub(super) fn bytes(mut self, content: Value) -> Self {
        self.body = Some(json!({"required": false, "content": content}));
        self
    }

    pub(super) fn answers(mut self, status: u16, answer: Value) -> Self {
        self.answers.insert(status, answer);
        self
    }

    pub(super) fn refuses(mut self, status: u16, codes: &[Code]) -> Self {
        self.problems.entry(status).or_default().extend(codes);
        self
    }

    /// As `OpenAPI` says it. Refusals that others have too are told once, in `shared`.
    pub(super) fn document(self, operation: &Operation, shared: &mut Map<String, Value>) -> Value {
        let security = match operation.right {
            None => json!([]),
            Some(Right::Read) => json!([{"read": []}, {"write": []}]),
            Some(Right::Write) => json!([{"write": []}]),
        };
        let mut document = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": operation.summary,
            "security": security,
        });
        if !self.parameters.is_empty() {
            document["parameters"] = self.parameters.clone().into();
        }
        if let Some(body) = self.body.clone() {
            document["requestBody"] = body;
        }
        document["responses"] = self.responses(operation, shared);
        document
    }

    fn responses(self, operation: &Operation, shared: &mut Map<String, Value>) -> Value {
        let mut problems = self.problems;
        let mut refuse = |status, code| problems.entry(status).or_default().push(code);
        if let Some(right) = operation.right {
            refuse(401, codes::TOKEN_UNKNOWN);
            if right == Right::Write {
                refuse(403, codes::READ_ONLY_TOKEN);
            }
        }
        if operation.method != Method::Get {
            refuse(403, codes::CROSS_SITE);
        }
        // What is not told of this operation in particular is told by `default`.
        for (status, code) in OF_DOORS {
            problems.entry(*status).and_modify(|codes| codes.push(*code));
        }
        let mut answers = self.answers;
        let problems = problems.into_iter().map(|(status, codes)| {
            let told = if let Some(answer) = answers.remove(&status) {
                // It may be told in other words.
                either(answer, problem(&codes))
            } else {
                let (name, problem) = named_problem(status, codes);
                shared.insert(name.clone(), problem);
                json!({"$ref": format!("#/components/responses/{name}")})
            };
            (status.to_string(), told)
        });
        let mut responses: Map<String, Value> = problems.collect();
        let answers = answers.into_iter().map(|(status, answer)| (status.to_string(), answer));
        responses.extend(answers);
        responses.insert("default".to_owned(), json!({"$ref": "#/components/responses/Refused"}));
        responses.into()
    }
}

/// A problem of a status that has one of these codes, and a name for it.
fn named_problem(status: u16, mut codes: Vec<Code>) -> (String, Value) {
    codes.sort_by_key(ToString::to_string);
    codes.dedup();
    let numbers = codes.iter().map(|code| code.to_string().replace("DC-", "-"));
    (numbers.fold(status.to_string(), |name, number| name + &number), problem(&codes))
}

/// A problem that has one of these codes.
pub(super) fn problem(codes: &[Code]) -> Value {
    let names: Vec<_> = codes.iter().map(ToString::to_string).collect();
    let told: Vec<_> = codes.iter().map(|code| format!("{code}: {}", code.meaning())).collect();
    let shape =
        json!({"$ref": "#/components/schemas/Problem", "properties": {"code": {"enum": names}}});
    let answer = json!({
        "description": told.join(" "),
        "content": {"application/problem+json": {"schema": shape}},
    });
    let headers = codes.iter().flat_map(|code| headers_of(*code));
    let mut headers: Vec<_> = headers.copied().collect();
    headers.sort_unstable();
    headers.dedup();
    if headers.is_empty() { answer } else { with_headers(answer, &headers) }
}

/// The headers that a problem may have.
fn headers_of(code: Code) -> &'static [&'static str] {
    match code {
        codes::NOT_FOUND
        | codes::SOURCE_FAILED
        | codes::SOURCE_PANICKED
        | codes::SOURCE_TIMED_OUT
        | codes::WAITED_TOO_LONG => &["Cache-Status?"],
        codes::SOURCE_BUSY | codes::RATE_LIMITED | codes::CIRCUIT_OPEN | codes::LOAD_CANCELLED => {
            &["Cache-Status?", "Retry-After?"]
        }
        codes::CLOSED
        | codes::NODE_FAILED
        | codes::BUSY
        | codes::STORE_BUSY
        | codes::CHANGES_BUSY
        | codes::OVERLOADED
        | codes::BUFFERS_FULL
        | codes::STREAMS_FULL
        | codes::SPAWN_FAILED => &["Retry-After?"],
        codes::TOKEN_UNKNOWN => &["WWW-Authenticate"],
        codes::UNMET => &["ETag?"],
        _ => &[],
    }
}
