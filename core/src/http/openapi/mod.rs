//! The OpenAPI document of the API: what each call says of itself, beside its handler, and here what holds for all calls
//! of a kind.
//!
//! The servers serve its text, `core/openapi.json`. After a change write that anew:
//! `cargo run -p aibaas-core --example openapi`.

mod refusals;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use utoipa::{IntoParams, OpenApi};

pub use refusals::*;

use super::{admin, api_keys, auth, export, leaderboard, publishing, secret_scanning, site, users};

type Object = Map<String, Value>;

/// Makes the document.
#[must_use]
pub fn document() -> Value {
    let mut described = serde_json::to_value(described()).unwrap_or_default();
    name_lists(&mut described);
    let mut document = parse(include_str!("handwritten.json"));
    let mut generated = Value::Object(Object::new());
    merge(&mut generated, parse(include_str!("shared.json")));
    merge(&mut generated, described);
    merge(
        &mut generated,
        json!({
            "info": {
                "summary": "Accounts, API keys and a leaderboard of AI models with honest statistics.",
                "description": include_str!("introduction.md").split_whitespace().collect::<Vec<_>>().join(" ") },
            "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
            "components": { "responses": refusals::components() },
        }),
    );
    complete_schemas(&mut generated);
    complete_operations(&mut generated);
    merge(&mut document, generated);
    leave_out_parts(&mut document);
    document
}

/// What stands beside the handlers.
fn described() -> utoipa::openapi::OpenApi {
    let mut described = Base::openapi();
    for part in [
        auth::Described::openapi(),
        users::Described::openapi(),
        admin::Described::openapi(),
        api_keys::Described::openapi(),
        publishing::Described::openapi(),
        leaderboard::Described::openapi(),
        export::Described::openapi(),
        secret_scanning::Described::openapi(),
        site::Described::openapi(),
    ] {
        described.merge(part);
    }
    described
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "AIBaaS API",
        version = "1.0.0",
        license(name = "Apache License 2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/")),
    tags(
        (name = "Accounts", description = "Registration, sessions, tokens."),
        (name = "User", description = "The person behind the token."),
        (name = "Administration", description = "For administrators."),
        (name = "API keys", description = "Credentials for programs: `aib_live_` or `aib_test_` and 38 letters and digits, sent as `X-API-Key` or as a bearer token. A person's access token manages them, never a key; with a key of scope `keys:verify` a service asks about the keys that it is shown."),
        (name = "Publishing", description = "For programs: models, benchmarks, runs."),
        (name = "Leaderboard", description = "Public reads; with a key of scope `leaderboard:read` they count against its limit."),
        (name = "Service", description = "Around it."),
    ),
)]
struct Base;

/// Makes the text of the document, as it is kept.
#[must_use]
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap_or_default();
    text.push('\n');
    text
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// Takes over what another document has; where both have a path or a component, the other's.
fn merge(document: &mut Value, other: Value) {
    const MERGED: [&str; 8] =
        ["components", "paths", "headers", "parameters", "responses", "schemas", "securitySchemes", "info"];
    let (Value::Object(document), Value::Object(other)) = (document, other) else { return };
    for (name, value) in other {
        match document.get_mut(&name) {
            Some(own) if MERGED.contains(&name.as_str()) => merge(own, value),
            _ => {
                document.insert(name, value);
            }
        }
    }
}

/// What may be asked of calls that make something: to make it once.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document alone reads it; the header is taken by `idempotency`")]
pub struct IdempotencyKey {
    /// Makes it safe to send the request again: what it makes is made once, and for 24 hours the same key with the same
    /// body gets the first answer, byte for byte, with `Idempotent-Replayed: true`. With another body, or on another
    /// path, it is 422 `idempotency_key_reused`; while the first request still runs, 409 `idempotency_in_progress`. A
    /// request that was refused changed nothing and is not remembered: its key may come again, with another body too. A
    /// key counts for its caller alone: the person, the owner of the API key, or without a credential the client's
    /// network. Authentication comes first.
    #[param(
        rename = "Idempotency-Key",
        nullable = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[ -~]+$",
        example = "01939f40-02b7-7a11-9c55-6d7e8f901234"
    )]
    idempotency_key: Option<String>,
}

/// What reads that may be kept are asked with.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document alone reads it; the header is taken by `caching`")]
pub struct IfNoneMatch {
    /// An `ETag` of an earlier answer.
    #[param(rename = "If-None-Match", nullable = false)]
    if_none_match: Option<String>,
}

fn request_id() -> Value {
    json!({
        "name": "X-Request-Id",
        "in": "header",
        "description": "Names the request in the answer and the logs, where it is 1 to 64 letters, digits, `.`, `_` or \
                        `-`; anything else is replaced by a new UUID.",
        "schema": { "type": "string" },
    })
}

/// Calls that answer without the database.
const NEED_NO_DATABASE: [&str; 11] = [
    "index",
    "jwks",
    "docs",
    "problems",
    "problem",
    "openapi",
    "health",
    "confirmEmailPage",
    "undoEmailChangePage",
    "resetPasswordPage",
    "verifyEmailPage",
];

/// Says of each call what holds for all of its kind: the refusals and the headers that follow from its parameters, its
/// body and its credentials.
fn complete_operations(document: &mut Value) {
    let Some(Value::Object(paths)) = document.get_mut("paths") else { return };
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        if let Some(operation) = operation.as_object_mut() {
            complete_operation(operation);
        }
    }
}

fn complete_operation(operation: &mut Object) {
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    let parameters = parameters.as_array_mut().map(|all| {
        all.iter_mut().filter_map(|one| one.get_mut("schema")).for_each(without_null);
        let names = all.iter().filter_map(|one| one.get("name").and_then(Value::as_str)).map(str::to_owned);
        let names = names.collect::<BTreeSet<_>>();
        let is_asked = all.iter().any(|one| one.get("in").and_then(Value::as_str) != Some("header"));
        all.push(request_id());
        (names, is_asked)
    });
    let (names, is_asked) = parameters.unwrap_or_default();
    let has = |name: &str| names.contains(name);
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let body = operation.get_mut("requestBody");
    let has_body = body.is_some();
    let has_json = body.is_some_and(complete_body);
    let is_for_administrators =
        operation.get("tags").and_then(Value::as_array).is_some_and(|tags| tags.contains(&json!("Administration")));
    let credentials = Credentials::of(operation);
    operation.entry("security").or_insert_with(|| json!([]));
    let is_public = credentials == Credentials::OptionalKey;
    let is_kept = is_public || has("If-None-Match");
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };

    let mut refuse = |status: u16, name: &str| {
        let reference = || json!({ "$ref": format!("#/components/responses/{name}") });
        responses.entry(status.to_string()).or_insert_with(reference);
    };
    if has_body || is_asked {
        refuse(400, "MalformedRequest");
    }
    if has_body {
        refuse(408, "RequestTimeout");
        refuse(413, "PayloadTooLarge");
        refuse(415, "UnsupportedMediaType");
    }
    if has("Idempotency-Key") {
        refuse(422, "InvalidOrKeyReused");
        refuse(409, "ConflictInProgress");
    } else if has_json || has("limit") {
        refuse(422, "ValidationFailed");
    }
    match credentials {
        Credentials::None => {}
        Credentials::Person => {
            refuse(401, "Unauthorized");
            refuse(403, if is_for_administrators { "ForbiddenAdministrator" } else { "ForbiddenProgram" });
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
    if !NEED_NO_DATABASE.contains(&id.as_str()) {
        refuse(503, "Unavailable");
    }
    if is_kept {
        responses.entry("304").or_insert_with(|| json!({ "description": "Still as the caller has it." }));
    }
    for (status, response) in responses.iter_mut().filter_map(|(status, own)| Some((status, own.as_object_mut()?))) {
        if response.contains_key("$ref") {
            continue;
        }
        refer_to_headers(response);
        let content = response.get("content").and_then(Value::as_object);
        let is_page = content.is_some_and(|content| content.len() == 1 && content.contains_key("text/html"));
        let succeeds = status.starts_with('2');
        let is_redirect = status.starts_with('3') && status != "304";
        let is_answer = succeeds || status == "304";
        let mut add = |name: &str, component: &str| {
            let headers = response.entry("headers").or_insert_with(|| json!({}));
            if let Some(headers) = headers.as_object_mut() {
                let reference = || json!({ "$ref": format!("#/components/headers/{component}") });
                headers.entry(name).or_insert_with(reference);
            }
        };
        for name in ["Referrer-Policy", "X-Content-Type-Options", "X-Request-Id"] {
            add(name, name);
        }
        if is_kept && is_answer {
            add("Cache-Control", "Cache-Control-Public");
            add("ETag", "ETag");
        } else {
            add("Cache-Control", if is_page { "Cache-Control-Page" } else { "Cache-Control" });
        }
        if is_public && is_answer {
            add("RateLimit", "RateLimit-Read");
            add("RateLimit-Policy", "RateLimit-Policy-Read");
            add("Vary", "Vary");
        }
        if is_redirect {
            add("Location", "Location");
        }
        if is_page {
            add("Content-Security-Policy", "Content-Security-Policy");
        }
        if credentials == Credentials::Key {
            add("RateLimit", "RateLimit");
            add("RateLimit-Policy", "RateLimit-Policy");
        }
        if succeeds && has("limit") && has("cursor") {
            add("Link", "Link");
        }
        if succeeds && has("Idempotency-Key") {
            add("Idempotent-Replayed", "Idempotent-Replayed");
        }
    }
}

/// Says of a body that may be absent that it is not null when it is there. Returns whether a body is JSON: only that is
/// checked member by member.
fn complete_body(body: &mut Value) -> bool {
    let Some(schema) = body.pointer_mut("/content/application~1json/schema") else { return false };
    without_null(schema);
    true
}

/// What is not given is left out: for utoipa an `Option` may be null too. It also takes whatever has a default for an object.
fn without_null(schema: &mut Value) {
    let is_null = |schema: &Value| schema.get("type") == Some(&json!("null"));
    if let Some([first, second]) = schema.get("oneOf").and_then(Value::as_array).map(Vec::as_slice)
        && (is_null(first) || is_null(second))
    {
        *schema = if is_null(first) { second.clone() } else { first.clone() };
    }
    if let Some([value, rest]) = schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice)
        && let (Some(default), None) = (rest.get("default"), rest.get("properties"))
    {
        let mut value = value.clone();
        if let Value::Object(value) = &mut value {
            value.insert("default".to_owned(), default.clone());
        }
        *schema = value;
    }
    if let Some([kind, other]) = schema.get("type").and_then(Value::as_array).map(Vec::as_slice) {
        let kind = if *kind == "null" { other.clone() } else { kind.clone() };
        if let Value::Object(schema) = schema {
            schema.insert("type".to_owned(), kind);
        }
    }
}

/// Takes what is said of headers from the component of their name, where the call itself says no more than the name.
fn refer_to_headers(response: &mut Object) {
    let headers = response.get_mut("headers").and_then(Value::as_object_mut);
    for (name, header) in headers.into_iter().flatten() {
        if header.get("description").is_none() {
            *header = json!({ "$ref": format!("#/components/headers/{name}") });
        }
    }
}

/// Who may make a call.
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

/// Calls a page of something its list: utoipa names a generic type after its argument.
fn name_lists(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, mut member) in std::mem::take(members) {
                name_lists(&mut member);
                let list = name.strip_prefix("Page_").map(|item| format!("{item}List"));
                members.insert(list.unwrap_or(name), member);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(name_lists),
        Value::String(text) => {
            if let Some(item) = text.strip_prefix("#/components/schemas/Page_") {
                *text = format!("#/components/schemas/{item}List");
            }
        }
        _ => {}
    }
}

/// Says of each object that is answered what is true of all: it has no other members than those described, and each is
/// there, be it null, unless it is said to be left out (`x-left-out`). Of those that are sent, their types say it. utoipa
/// has no word for arrays without doubles (`x-unique`), and none for what is always the same (`x-const`).
fn complete_schemas(document: &mut Value) {
    let operations = document.get("paths").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let operations = operations.filter_map(Value::as_object).flat_map(Map::values);
    let asked = reached(document, operations.filter_map(|operation| operation.get("requestBody")));
    let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else { return };
    let whole = schemas.clone();
    for (name, schema) in schemas.iter_mut() {
        complete_schema(schema, &whole, !asked.contains(name));
    }
}

/// Leaves out the schemas that were made one with others, and to which nothing leads any more.
fn leave_out_parts(document: &mut Value) {
    let parts = ["/paths", "/components/parameters", "/components/responses"];
    let used = reached(document, parts.iter().filter_map(|part| document.pointer(part)));
    let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else { return };
    schemas.retain(|name, _| used.contains(name));
}

/// The schemas that these parts of the document lead to.
fn reached<'a>(document: &'a Value, parts: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = parts.collect::<Vec<_>>();
    while let Some(value) = left.pop() {
        match value {
            Value::Object(members) => {
                let reference = members.get("$ref").and_then(Value::as_str);
                let name = reference.and_then(|reference| reference.strip_prefix("#/components/schemas/"));
                if let Some(name) = name.filter(|name| found.insert((*name).to_owned())) {
                    left.extend(document.pointer(&format!("/components/schemas/{name}")));
                }
                left.extend(members.values());
            }
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    found
}

fn complete_schema(schema: &mut Value, whole: &Object, is_answer: bool) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| complete_schema(item, whole, is_answer)),
        Value::Object(members) => {
            flatten(members, whole);
            if members.get("propertyNames") == Some(&json!({ "type": "string" })) {
                members.remove("propertyNames");
            }
            if members.get("format").is_some_and(|format| format == "password") {
                members.insert("writeOnly".to_owned(), Value::Bool(true));
            }
            if let Some([only]) = members.get("enum").and_then(Value::as_array).map(Vec::as_slice) {
                let only = only.clone();
                members.remove("enum");
                members.insert("const".to_owned(), only);
            }
            if let Some(Value::Object(properties)) = members.get_mut("properties") {
                let mut names = Vec::new();
                for (name, property) in
                    properties.iter_mut().filter_map(|(name, own)| Some((name, own.as_object_mut()?)))
                {
                    if !take_mark(property, "x-left-out") {
                        names.push(Value::from(name.as_str()));
                    }
                    let scopes = property.get("items").and_then(|item| item.get("$ref"));
                    let is_set = scopes.is_some_and(|scope| *scope == "#/components/schemas/Scope");
                    if take_mark(property, "x-unique") || is_set {
                        property.insert("uniqueItems".to_owned(), Value::Bool(true));
                    }
                    if let Some(value) = property.remove("x-const") {
                        property.insert("const".to_owned(), value);
                    }
                }
                if is_answer {
                    members.insert("required".to_owned(), Value::Array(names));
                    members.entry("additionalProperties").or_insert(Value::Bool(false));
                }
            }
            members.values_mut().for_each(|member| complete_schema(member, whole, is_answer));
        }
        _ => {}
    }
}

/// Takes a mark off a member. utoipa puts the marks of lists and maps on their items and on the names of their members,
/// of which there is nothing else to say.
fn take_mark(property: &mut Object, mark: &str) -> bool {
    let inner = ["items", "propertyNames"];
    let is_inside = inner.iter().any(|inner| {
        let inner = property.get_mut(*inner).and_then(Value::as_object_mut);
        inner.is_some_and(|inner| inner.remove(mark).is_some())
    });
    property.remove(mark).is_some() || is_inside
}

/// Makes one object of those that a struct with flattened members is described as.
fn flatten(schema: &mut Object, whole: &Object) {
    let resolve = |part: &Value| {
        let reference = part.get("$ref").and_then(Value::as_str);
        let name = reference.and_then(|reference| reference.strip_prefix("#/components/schemas/"));
        name.and_then(|name| whole.get(name)).unwrap_or(part).clone()
    };
    let Some(parts) = schema.get("allOf").and_then(Value::as_array) else { return };
    let parts = parts.iter().map(resolve).collect::<Vec<_>>();
    if !parts.iter().all(|part| part.get("properties").is_some() || part.get("allOf").is_some()) {
        return;
    }
    schema.remove("allOf");
    schema.insert("type".to_owned(), json!("object"));
    for mut part in parts {
        if let Value::Object(part) = &mut part {
            flatten(part, whole);
        }
        for list in ["properties", "required"] {
            match (part.get_mut(list).map(Value::take), schema.get_mut(list)) {
                (Some(Value::Object(new)), Some(Value::Object(own))) => own.extend(new),
                (Some(Value::Array(new)), Some(Value::Array(own))) => own.extend(new),
                (Some(new), None) => {
                    schema.insert(list.to_owned(), new);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_text_is_of_this_code() {
        let is_same = text() == include_str!("../../../openapi.json");
        assert!(is_same, "write core/openapi.json anew: cargo run -p aibaas-core --example openapi");
    }
}
