//! Parameters that many calls have: each is described once, among the components, and calls refer to it.

use serde_json::{Map, Value, json};
use utoipa::{IntoParams, openapi::path::ParameterIn};

use super::{Object, operations, schemas};
use crate::http::page::PageQuery;

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
    #[param(rename = "If-None-Match")]
    if_none_match: Option<String>,
}

/// What every call may be given.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document alone reads it; the header is taken by `middleware`")]
struct RequestId {
    /// Names the request in the answer and the logs, where it is 1 to 64 letters, digits, `.`, `_` or `-`; anything else
    /// is replaced by a new UUID.
    #[param(rename = "X-Request-Id")]
    request_id: Option<String>,
}

/// Returns the shared parameters by the names of their components, none of which is a schema's.
pub fn components() -> Object {
    let parts = [
        IdempotencyKey::into_params(|| Some(ParameterIn::Header)),
        IfNoneMatch::into_params(|| Some(ParameterIn::Header)),
        RequestId::into_params(|| Some(ParameterIn::Header)),
        PageQuery::into_params(|| Some(ParameterIn::Query)),
    ];
    let names = ["IdempotencyKey", "IfNoneMatch", "RequestId", "Limit", "PageCursor"];
    let parameters = parts.iter().flatten().map(|parameter| serde_json::to_value(parameter).unwrap_or_default());
    names.map(str::to_owned).into_iter().zip(parameters).collect()
}

/// Marks each parameter as never null, and replaces those that are shared by references.
pub fn complete(document: &mut Value) {
    let shared = document.pointer_mut("/components/parameters").and_then(Value::as_object_mut);
    let shared = shared.map_or_else(Map::new, |shared| {
        shared.values_mut().for_each(not_null);
        shared.clone()
    });
    for (_, operation) in operations(document) {
        let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
        let parameters = parameters.as_array_mut().into_iter().flatten();
        for parameter in parameters {
            not_null(parameter);
            if let Some((name, _)) = shared.iter().find(|(_, shared)| *shared == parameter) {
                *parameter = reference(name);
            }
        }
    }
}

/// Returns the reference to the shared parameter of this name.
pub fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

fn not_null(parameter: &mut Value) {
    if let Some(schema) = parameter.get_mut("schema").and_then(Value::as_object_mut) {
        schemas::not_null(schema);
    }
}
