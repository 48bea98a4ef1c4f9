//! `/openapi.json` as a judge: whether an answer is one of those that it tells of.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use distcache_http::OPENAPI;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::Reply;

/// The document, read once.
pub(crate) static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

/// Every path of the document, ready to be compared with.
pub(crate) struct Contract {
    document: Value,
    /// By operation, status and media type.
    shapes: BTreeMap<(String, String, String), Validator>,
}

/// One operation of the document.
#[derive(Clone, Copy)]
pub(crate) struct Operation<'a> {
    pub(crate) path: &'a str,
    /// In lower case, as it stands there.
    pub(crate) method: &'a str,
    pub(crate) says: &'a Value,
}

/// What any answer may have beside what is said of it.
const OF_EVERY_ANSWER: [&str; 6] =
    ["connection", "content-length", "content-type", "date", "server", "transfer-encoding"];

impl Contract {
    fn read() -> Self {
        let document = serde_json::from_str(OPENAPI).expect("JSON");
        let mut contract = Self { document, shapes: BTreeMap::new() };
        let mut shapes = BTreeMap::new();
        for operation in contract.operations() {
            for (status, answer) in members(&operation.says["responses"]) {
                for (kind, content) in members(&contract.resolved(answer)["content"]) {
                    let shape = contract.validator(content.get("schema").unwrap_or(&json!({})));
                    shapes.insert((operation.id(), status.clone(), kind.clone()), shape);
                }
            }
        }
        contract.shapes = shapes;
        contract
    }

    /// Every operation.
    pub(crate) fn operations(&self) -> impl Iterator<Item = Operation<'_>> {
        members(&self.document["paths"]).flat_map(|(path, methods)| {
            members(methods).map(|(method, says)| Operation { path, method, says })
        })
    }

    /// A shape of its own, with the names of the document.
    pub(crate) fn validator(&self, shape: &Value) -> Validator {
        let mut root = json!({"components": self.document["components"]});
        root["allOf"] = json!([shape]);
        jsonschema::draft202012::new(&root).expect("a schema")
    }

    /// The named shapes.
    pub(crate) fn schemas(&self) -> &Map<String, Value> {
        self.document["components"]["schemas"].as_object().expect("an object")
    }

    /// What a reference stands for.
    pub(crate) fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => {
                let pointer = reference.strip_prefix('#').expect("a reference within");
                self.document.pointer(pointer).unwrap_or_else(|| panic!("there is no {reference}"))
            }
            None => value,
        }
    }

    /// The operation of a path and a method; a HEAD is a GET.
    fn operation(&self, path: &str, method: &str) -> Option<Operation<'_>> {
        let method = if method == "HEAD" { "GET" } else { method };
        let of_path = |operation: &Operation<'_>| is_of(operation.path, path);
        // Words go before names: `/_distcache/admin/peers` is no key `peers`.
        let mut found: Vec<_> = self.operations().filter(of_path).collect();
        found.sort_by_key(|operation| operation.path.matches('{').count());
        let words = found.first()?.path;
        found.into_iter().find(|one| one.path == words && one.verb() == method)
    }

    /// Asserts that an answer is as the document says.
    pub(crate) fn hold(&self, method: &str, target: &str, reply: &Reply) {
        let behind =
            target.strip_prefix("http://").and_then(|url| url.find('/').map(|at| &url[at..]));
        let target = behind.unwrap_or(target);
        let path = target.split('?').next().expect("a path");
        let Some(operation) = self.operation(path, method) else {
            // OPTIONS, or a refusal of what there is not.
            let is_told = [204, 400, 401, 403, 404, 405].contains(&reply.status);
            return assert!(is_told, "{method} {target} is not in the document: {reply:?}");
        };
        let responses = &operation.says["responses"];
        let status = reply.status.to_string();
        let status = if responses[&status].is_object() { &status } else { "default" };
        let answer = self.resolved(&responses[status]);
        let context = || format!("{method} {target}, {status}: {reply:?}");
        hold_headers(answer, reply, &context);
        let Some(kind) = reply.header("content-type") else {
            return assert!(answer["content"].is_null(), "no content: {}", context());
        };
        let content = &answer["content"];
        let kind = if content[kind].is_object() { kind } else { "*/*" };
        assert!(content[kind].is_object(), "another type: {}", context());
        if method == "HEAD" || !kind.ends_with("json") || reply.body.is_empty() {
            return;
        }
        let shape = &self.shapes[&(operation.id(), status.to_owned(), kind.to_owned())];
        if content[kind]["schema"]["type"] != "string" {
            let body = reply.json();
            let errors: Vec<_> = shape.iter_errors(&body).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{errors:?}: {}", context());
        }
    }
}

impl Operation<'_> {
    pub(crate) fn id(&self) -> String {
        self.says["operationId"].as_str().expect("an id").to_owned()
    }

    /// The method as it is sent.
    pub(crate) fn verb(&self) -> String {
        self.method.to_ascii_uppercase()
    }

    /// Its parameters.
    pub(crate) fn parameters(&self) -> &[Value] {
        self.says["parameters"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// The members of an object; none of what is not there.
pub(crate) fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Whether a path is one of those that a template stands for.
fn is_of(template: &str, path: &str) -> bool {
    let (mut names, mut segments) = (template.split('/'), path.split('/'));
    loop {
        match (names.next(), segments.next()) {
            (None, None) => return true,
            (Some(name), Some(segment)) if name.starts_with('{') || name == segment => {}
            // The key of the peer route takes all that is left.
            (None, Some(_)) => return template.starts_with("/_distcache/{"),
            _ => return false,
        }
    }
}

/// Every header is told, and every one that is told to be there is.
fn hold_headers(answer: &Value, reply: &Reply, context: &dyn Fn() -> String) {
    let headers = &answer["headers"];
    let told: Vec<_> = members(headers).map(|(name, _)| name.to_ascii_lowercase()).collect();
    for (name, _) in &reply.headers {
        let is_told = told.contains(name) || OF_EVERY_ANSWER.contains(&name.as_str());
        assert!(is_told, "the header {name} is not told: {}", context());
    }
    for (name, header) in members(headers) {
        let is_there = reply.header(&name.to_ascii_lowercase()).is_some();
        assert!(is_there || header["required"] == false, "no {name}: {}", context());
    }
}
