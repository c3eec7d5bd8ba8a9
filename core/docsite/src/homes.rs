//! Which page describes each schema.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    call::Operation,
    document::{Document, OVERVIEW},
    resource::{RESOURCES, Resource},
    value::{members, text},
};

/// Most values of an enumeration that are listed in a line; longer ones have a place of their own.
const MOST_VALUES_IN_LINE: usize = 8;

/// Returns which page describes each schema that is referred to: that of the first resource that uses it, where those
/// that read come before those that write.
pub fn of<'a>(document: &Document<'a>) -> BTreeMap<&'a str, &'static str> {
    let mut homes = BTreeMap::new();
    if let Some(problem) = document.at("/components/schemas/Problem") {
        homes.insert("Problem", OVERVIEW);
        claim(document, problem, OVERVIEW, &mut homes);
    }
    let is_written = |resource: &&Resource| ["publishing", "administration"].contains(&resource.name);
    let (written, read) = RESOURCES.iter().partition::<Vec<_>, _>(is_written);
    for resource in read.into_iter().chain(written) {
        for operation in document.operations_of(resource.name) {
            for parameter in operation.value.get("parameters").and_then(Value::as_array).into_iter().flatten() {
                claim(document, parameter.get("schema").unwrap_or(&Value::Null), resource.name, &mut homes);
            }
            // A body is described with its call; what it refers to is described below.
            if let Some(body) = body_schema(document, operation) {
                claim(document, body, resource.name, &mut homes);
            }
            for (_, answer) in members(operation.value, "responses").filter(|(_, answer)| answer.get("$ref").is_none())
            {
                let content = answer.get("content").unwrap_or(&Value::Null);
                claim(document, content, resource.name, &mut homes);
            }
        }
    }
    homes
}

/// Returns the schema of a request's body, resolved.
pub fn body_schema<'a>(document: &Document<'a>, operation: &Operation<'a>) -> Option<&'a Value> {
    let content = operation.value.pointer("/requestBody/content")?.as_object()?;
    let schema = content.values().find_map(|media| media.get("schema"))?;
    Some(referred(schema).and_then(|name| document.schema(name)).unwrap_or(schema))
}

fn claim<'a>(
    document: &Document<'a>,
    value: &'a Value,
    resource: &'static str,
    homes: &mut BTreeMap<&'a str, &'static str>,
) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| claim(document, item, resource, homes)),
        Value::Object(members) => {
            if let Some(name) = referred(value)
                && let Some(schema) = document.schema(name)
            {
                let is_new = has_place(schema) && name != "ProblemCode" && !homes.contains_key(name);
                if is_new {
                    homes.insert(name, resource);
                }
                if is_new || !has_place(schema) {
                    claim(document, schema, resource, homes);
                }
                return;
            }
            let told = members.iter().filter(|(name, _)| !["example", "examples", "default"].contains(&name.as_str()));
            told.for_each(|(_, member)| claim(document, member, resource, homes));
        }
        _ => {}
    }
}

/// Checks whether a schema is described in a place of its own, apart from where it is used.
pub fn has_place(schema: &Value) -> bool {
    let values = schema.get("enum").and_then(Value::as_array).map_or(0, Vec::len);
    let has = |name| schema.get(name).is_some();
    has("properties") || has("oneOf") || has("allOf") || has("anyOf") || values > MOST_VALUES_IN_LINE
}

/// Returns the name of the schema that this one refers to.
pub fn referred(schema: &Value) -> Option<&str> {
    text(schema, "$ref").strip_prefix("#/components/schemas/")
}
