//! Parameters that many calls have: each is described once, among the components, and calls refer to it.

use serde_json::{Map, Value, json};
use utoipa::{IntoParams as _, openapi::path::ParameterIn};

use super::{
    nodes::{Object, operations},
    schemas,
};
use crate::http::{
    openapi::{IdempotencyKey, IfNoneMatch, RequestId},
    page::PageQuery,
};

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
