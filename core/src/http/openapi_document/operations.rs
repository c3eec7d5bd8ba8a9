//! What holds for all calls of a kind: the refusals and the headers of answers that follow from a call's parameters,
//! its body and its credentials. What a call describes itself stays.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    nodes::{Object, operations},
    parameters, schemas,
};

/// Ids of the operations that answer without the database.
const NEED_NO_DATABASE: [&str; 16] = [
    "favicon",
    "card",
    "robots",
    "jwks",
    "logKeys",
    "docs",
    "docsOfResource",
    "docsGuide",
    "problemsPage",
    "problemPage",
    "openapi",
    "health",
    "confirmEmailPage",
    "undoEmailChangePage",
    "resetPasswordPage",
    "verifyEmailPage",
];

/// Completes every call. Calls of the paths in `last_answers` repeat their last answer while the database gives none.
pub fn complete(document: &mut Value, last_answers: &BTreeSet<String>) {
    for (path, operation) in operations(document) {
        if let Some(Value::Array(all)) = operation.get_mut("parameters") {
            all.push(parameters::reference("RequestId"));
        }
        let has_json = operation.get_mut("requestBody").is_some_and(complete_body);
        operation.entry("security").or_insert_with(|| json!([]));
        let call = Call::of(operation, has_json, last_answers.contains(path));
        if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
            call.add_refusals(responses);
            call.add_headers(responses);
            responses.sort_keys();
        }
    }
}

/// Marks a body that may be absent as never null. Returns whether the body is JSON: only that is checked member by
/// member.
fn complete_body(body: &mut Value) -> bool {
    let schema = body.pointer_mut("/content/application~1json/schema").and_then(Value::as_object_mut);
    schema.map(schemas::not_null).is_some()
}

/// Properties of a call, from which its refusals and headers follow.
#[expect(clippy::struct_excessive_bools, reason = "each is a property of its own")]
struct Call {
    credentials: Credentials,
    needs_database: bool,
    is_for_administrators: bool,
    has_body: bool,
    has_json: bool,
    /// Whether the call takes an `Idempotency-Key`.
    is_made_once: bool,
    /// Whether caches may keep what is read.
    is_kept: bool,
    is_list: bool,
    has_last_answer: bool,
}

/// Kind of caller who may make a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Credentials {
    /// Anybody, or whoever has something that only this call takes.
    None,
    /// A person with an access token.
    Person,
    /// A program with an API key.
    Key,
    /// Anybody; a program's key is counted.
    OptionalKey,
}

impl Credentials {
    fn of(operation: &Object) -> Self {
        let schemes = operation.get("security").and_then(Value::as_array).into_iter().flatten();
        let schemes =
            schemes.filter_map(Value::as_object).map(|scheme| scheme.keys().next().map_or("", String::as_str));
        match schemes.collect::<Vec<_>>().as_slice() {
            ["accessToken"] => Self::Person,
            ["", "apiKeyHeader", ..] => Self::OptionalKey,
            ["apiKeyHeader", ..] => Self::Key,
            _ => Self::None,
        }
    }
}

impl Call {
    fn of(operation: &Object, has_json: bool, has_last_answer: bool) -> Self {
        let has = |list: &str, value: &Value| {
            operation.get(list).and_then(Value::as_array).is_some_and(|values| values.contains(value))
        };
        let takes = |name| has("parameters", &parameters::reference(name));
        let credentials = Credentials::of(operation);
        let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
        let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let names = parameters.filter_map(|one| one.get("name")).filter_map(Value::as_str).collect::<Vec<_>>();
        Self {
            credentials,
            needs_database: !NEED_NO_DATABASE.contains(&id),
            is_for_administrators: has("tags", &json!("Administration")),
            has_body: operation.contains_key("requestBody"),
            has_json,
            is_made_once: takes("IdempotencyKey"),
            is_kept: credentials == Credentials::OptionalKey || takes("IfNoneMatch"),
            is_list: (takes("Limit") || names.contains(&"limit")) && (takes("PageCursor") || names.contains(&"cursor")),
            has_last_answer,
        }
    }

    fn add_refusals(&self, responses: &mut Object) {
        let mut refuse = |status: u16, name: &str| {
            let reference = || json!({ "$ref": format!("#/components/responses/{name}") });
            responses.entry(status.to_string()).or_insert_with(reference);
        };
        refuse(400, "MalformedRequest");
        if self.has_body {
            refuse(408, "RequestTimeout");
            refuse(413, "PayloadTooLarge");
            refuse(415, "UnsupportedMediaType");
        }
        if self.is_made_once {
            refuse(422, "InvalidOrKeyReused");
            refuse(409, "ConflictInProgress");
        } else if self.has_json {
            refuse(422, "ValidationFailed");
        }
        match self.credentials {
            Credentials::None => {}
            Credentials::Person => {
                refuse(401, "Unauthorized");
                refuse(403, if self.is_for_administrators { "ForbiddenAdministrator" } else { "ForbiddenProgram" });
            }
            Credentials::Key => {
                refuse(401, "Unauthorized");
                refuse(429, "RateLimited");
            }
            Credentials::OptionalKey => {
                refuse(401, "Unauthorized");
                refuse(403, "ForbiddenReader");
                refuse(429, "RateLimited");
            }
        }
        refuse(500, "InternalError");
        if self.needs_database {
            refuse(503, "Unavailable");
        }
        if self.is_kept {
            responses.entry("304").or_insert_with(|| json!({ "description": "Still as the caller has it." }));
        }
    }

    fn add_headers(&self, responses: &mut Object) {
        let limited = Some(json!({ "$ref": "#/components/responses/RateLimited" }));
        let is_limited = responses.get("429") == limited.as_ref();
        for (status, response) in responses.iter_mut().filter_map(|(status, own)| Some((status, own.as_object_mut()?)))
        {
            if response.contains_key("$ref") {
                continue;
            }
            let mut added = vec!["Referrer-Policy", "X-Content-Type-Options", "X-Request-Id"];
            let is_page = response.get("content").is_some_and(|content| content.get("text/html").is_some());
            let succeeds = status.starts_with('2');
            let is_answer = succeeds || status == "304";
            if is_page {
                added.push("Content-Security-Policy");
            }
            if self.is_kept && is_answer {
                added.extend(["Cache-Control-Public", "ETag"]);
            } else if is_page || self.is_kept {
                added.push("Cache-Control-Page");
            } else {
                added.push("Cache-Control");
            }
            if status.starts_with('3') && !is_answer {
                added.push("Location");
            }
            if self.credentials == Credentials::Key {
                added.extend(["RateLimit", "RateLimit-Policy"]);
            }
            if self.credentials == Credentials::OptionalKey && is_answer {
                added.extend(["RateLimit-Counted", "RateLimit-Policy-Counted", "Vary"]);
            }
            if self.credentials == Credentials::Person && is_limited && succeeds {
                added.extend(["RateLimit-Counted", "RateLimit-Policy-Counted"]);
            }
            if self.has_last_answer && is_answer {
                added.extend(["Age", "Cache-Status"]);
            }
            if self.is_list && is_answer {
                added.push("Link");
            }
            if self.is_made_once && succeeds {
                added.push("Idempotent-Replayed");
            }
            refer_to_headers(response, &added);
        }
    }
}

/// Suffixes of components for headers that come in several kinds; the rest is the header's name.
const KINDS: [&str; 3] = ["-Counted", "-Page", "-Public"];

/// Adds headers by the names of their components, and refers to the component of its name where the call names a header
/// without a description.
fn refer_to_headers(response: &mut Object, added: &[&str]) {
    let reference = |component: &str| json!({ "$ref": format!("#/components/headers/{component}") });
    let headers = response.entry("headers").or_insert_with(|| json!({}));
    let Some(headers) = headers.as_object_mut() else { return };
    for (name, header) in headers.iter_mut().filter(|(_, header)| header.get("description").is_none()) {
        *header = reference(name);
    }
    for component in added {
        let name = KINDS.iter().find_map(|kind| component.strip_suffix(kind)).unwrap_or(component);
        headers.entry(name).or_insert_with(|| reference(component));
    }
}
