//! Examples of bodies, composed of the examples of their fields.

use serde_json::{Map, Value, json};

use super::{
    nodes::{Object, operations},
    schemas,
};

/// Gives every JSON body an example.
pub fn complete(document: &mut Value) {
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object).cloned().unwrap_or_default();
    for (part, value) in operations(document).flat_map(|(_, operation)| operation) {
        match part.as_str() {
            "requestBody" => add_example(value, &schemas),
            "responses" => {
                let responses = value.as_object_mut().into_iter().flat_map(Map::values_mut);
                responses.for_each(|response| add_example(response, &schemas));
            }
            _ => {}
        }
    }
}

fn add_example(body: &mut Value, schemas: &Object) {
    if let Some(Value::Object(content)) = body.pointer_mut("/content/application~1json")
        && let Some(schema) = content.get("schema")
    {
        let example = example(schema, schemas);
        content.insert("example".to_owned(), example);
    }
}

/// Returns an example that fits the schema: its own, or one composed of its parts.
fn example(schema: &Value, schemas: &Object) -> Value {
    let given = ["example", "const", "default"].iter().find_map(|name| schema.get(name));
    let first = |list: &str| schema.get(list).and_then(Value::as_array).and_then(|list| list.first());
    if let Some(given) = given.or_else(|| first("enum")) {
        return given.clone();
    }
    if let Some(referred) = schemas::referred(schema).and_then(|name| schemas.get(name)) {
        return example(referred, schemas);
    }
    if let Some(choice) = first("oneOf") {
        return example(choice, schemas);
    }
    let kinds = schema.get("type").and_then(Value::as_array).map(Vec::as_slice);
    if kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "null")) {
        return Value::Null;
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => members(schema, schemas),
        Some("array") => Value::Array(schema.get("items").map(|items| example(items, schemas)).into_iter().collect()),
        Some("string") => schema.get("format").map_or("text", text_in_format).into(),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(0)),
        Some("boolean") => Value::Bool(false),
        _ => Value::Null,
    }
}

/// Returns an object of the members that are always there, and of those with an example of their own.
fn members(schema: &Value, schemas: &Object) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let shown = properties.filter(|(name, property)| {
        property.get("example").is_some() || required.iter().any(|required| required == *name)
    });
    Value::Object(shown.map(|(name, property)| (name.clone(), example(property, schemas))).collect())
}

fn text_in_format(format: &Value) -> &'static str {
    match format.as_str() {
        Some("date-time") => "2026-11-23T01:02:03.004Z",
        _ => "text",
    }
}
