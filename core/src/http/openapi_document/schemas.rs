//! What holds for all schemas, and corrections where utoipa describes something otherwise than this document.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::nodes::{Object, operations};

const SCHEMAS: &str = "#/components/schemas/";
/// Greatest integer that every reader of JSON takes exactly.
const GREATEST_INTEGER: u64 = 9_007_199_254_740_991;

/// Completes every schema.
///
/// An answer has no members but those described, and each of them is there, unless it is an `Option` that is never
/// null: that one is left out. What is sent is described by its type alone.
pub fn complete(document: &mut Value) {
    name_lists(document);
    let asked = operations(document).filter_map(|(_, operation)| operation.get("requestBody").cloned());
    let asked = asked.collect::<Vec<_>>();
    let asked = reached(document, &asked.iter().collect::<Vec<_>>());
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else { return };
    let whole = schemas.clone();
    for (name, schema) in schemas.iter_mut() {
        complete_schema(schema, &whole, !asked.contains(name));
    }
    for parts in ["/paths", "/components/parameters"] {
        document.pointer_mut(parts).into_iter().for_each(|parts| complete_schema(parts, &whole, false));
    }
}

/// Removes the schemas that were merged into others, and to which nothing leads any more.
pub fn leave_out_unused(document: &mut Value) {
    let parts = ["/paths", "/components/parameters", "/components/responses"];
    let used = reached(document, &parts.iter().filter_map(|part| document.pointer(part)).collect::<Vec<_>>());
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.retain(|name, _| used.contains(name));
    }
}

/// Marks a value that may be left out as never null: for utoipa an `Option` may be null too.
pub fn not_null(schema: &mut Object) {
    if let Some(Value::Array(kinds)) = schema.get("type") {
        let kind = kinds.iter().find(|kind| **kind != "null").cloned().unwrap_or_default();
        schema.insert("type".to_owned(), kind);
    }
    if let Some(Value::Array(mut choices)) = schema.remove("oneOf") {
        choices.retain(|choice| !is_null(choice));
        match choices.as_mut_slice() {
            [Value::Object(only)] => schema.extend(std::mem::take(only)),
            _ => {
                schema.insert("oneOf".to_owned(), Value::Array(choices));
            }
        }
    }
}

/// Returns the names of the schemas that these parts of the document lead to.
fn reached(document: &Value, parts: &[&Value]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut left = parts.to_vec();
    while let Some(value) = left.pop() {
        if let Some(name) = referred(value).filter(|name| found.insert((*name).to_owned())) {
            left.extend(document.pointer(&format!("/components/schemas/{name}")));
        }
        match value {
            Value::Object(members) => left.extend(members.values()),
            Value::Array(items) => left.extend(items),
            _ => {}
        }
    }
    found
}

/// Returns the name of the schema that the value refers to.
pub fn referred(value: &Value) -> Option<&str> {
    value.get("$ref")?.as_str()?.strip_prefix(SCHEMAS)
}

/// Renames each page of things to their list: utoipa names a generic type after its argument, and writes the argument
/// out in it.
fn name_lists(document: &mut Value) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else { return };
    for (name, mut schema) in std::mem::take(schemas) {
        let Some(item) = name.strip_prefix("Page_") else {
            schemas.insert(name, schema);
            continue;
        };
        if let Some(items) = schema.pointer_mut("/properties/data/items") {
            let written_out = std::mem::replace(items, json!({ "$ref": format!("{SCHEMAS}{item}") }));
            schemas.insert(item.to_owned(), written_out);
        }
        schemas.insert(format!("{item}List"), schema);
    }
    refer_to_lists(document);
}

fn refer_to_lists(value: &mut Value) {
    let list = referred(value).and_then(|name| name.strip_prefix("Page_")).map(|item| format!("{SCHEMAS}{item}List"));
    match value {
        Value::Object(members) => match list {
            Some(list) => {
                members.insert("$ref".to_owned(), list.into());
            }
            None => members.values_mut().for_each(refer_to_lists),
        },
        Value::Array(items) => items.iter_mut().for_each(refer_to_lists),
        _ => {}
    }
}

fn complete_schema(schema: &mut Value, whole: &Object, is_answer: bool) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(|item| complete_schema(item, whole, is_answer)),
        Value::Object(schema) => {
            flatten(schema, whole);
            join_additions(schema);
            describe_nullable(schema);
            complete_scalar(schema);
            if is_answer {
                complete_answer(schema);
            }
            schema.values_mut().for_each(|part| complete_schema(part, whole, is_answer));
        }
        _ => {}
    }
}

/// Merges the objects that utoipa describes a struct with flattened members as into one.
fn flatten(schema: &mut Object, whole: &Object) {
    let resolve = |part: &Value| referred(part).and_then(|name| whole.get(name)).unwrap_or(part).clone();
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

/// Moves what a member adds to a schema, such as a default, beside it: utoipa makes an object of that.
fn join_additions(schema: &mut Object) {
    let Some([_, additions]) = schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice) else { return };
    if additions.get("type") != Some(&json!("object")) || additions.get("properties").is_some() {
        return;
    }
    let Some(Value::Array(parts)) = schema.remove("allOf") else { return };
    for mut part in parts.into_iter().rev() {
        if let Value::Object(part) = &mut part {
            schema.append(part);
        }
    }
    // The type is that of the additions: a reference has none.
    if schema.contains_key("$ref") {
        schema.remove("type");
    }
}

/// Moves the description of a member that may be null out of the choice and beside it.
fn describe_nullable(schema: &mut Object) {
    let Some(Value::Array(choices)) = schema.get_mut("oneOf") else { return };
    if !choices.iter().any(is_null) {
        return;
    }
    let descriptions = choices.iter_mut().filter(|choice| choice.get("$ref").is_some());
    let description = descriptions.filter_map(|choice| choice.as_object_mut()?.remove("description")).next();
    if let Some(description) = description {
        schema.insert("description".to_owned(), description);
    }
}

/// Writes what is the same every time as `const` (which utoipa lacks: it is marked `x-const`), marks secrets as never
/// read, and replaces an integer's number of bits by its greatest value.
fn complete_scalar(schema: &mut Object) {
    let only = match schema.get("enum").and_then(Value::as_array).map(Vec::as_slice) {
        Some([only]) => Some(only.clone()),
        _ => schema.remove("x-const"),
    };
    if let Some(only) = only {
        schema.remove("enum");
        schema.insert("const".to_owned(), only);
    }
    match schema.get("format").and_then(Value::as_str) {
        Some("password") => {
            schema.insert("writeOnly".to_owned(), Value::Bool(true));
        }
        Some("int64") => {
            schema.remove("format");
            schema.entry("maximum").or_insert_with(|| GREATEST_INTEGER.into());
        }
        Some("int32" | "float" | "double") => {
            schema.remove("format");
        }
        _ => {}
    }
    // utoipa writes this for every map: names are always texts.
    if schema.get("propertyNames") == Some(&json!({ "type": "string" })) {
        schema.remove("propertyNames");
    }
}

fn complete_answer(schema: &mut Object) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_there =
        |(name, property): &(&String, &Value)| required.iter().any(|one| one == *name) || may_be_null(property);
    let names = properties.iter().filter(is_there).map(|(name, _)| Value::from(name.as_str())).collect();
    schema.insert("required".to_owned(), names);
    schema.entry("additionalProperties").or_insert(Value::Bool(false));
}

fn may_be_null(schema: &Value) -> bool {
    let kinds = schema.get("type").and_then(Value::as_array);
    let choices = schema.get("oneOf").and_then(Value::as_array);
    kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"))
        || choices.is_some_and(|all| all.iter().any(is_null))
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "null")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(schemas: Value, request: Value) -> Value {
        let mut document = json!({
            "paths": { "/": { "post": { "requestBody": request } } },
            "components": { "schemas": schemas },
        });
        complete(&mut document);
        document.pointer_mut("/components/schemas").unwrap().take()
    }

    fn reference(name: &str) -> Value {
        json!({ "$ref": format!("{SCHEMAS}{name}") })
    }

    #[test]
    fn members_of_answers_are_null_or_left_out() {
        let schema = json!({
            "type": "object",
            "properties": {
                "always": { "type": "string" },
                "null": { "type": ["string", "null"] },
                "also null": { "oneOf": [reference("Thing"), { "type": "null" }] },
                "left out": { "type": "string" },
            },
            "required": ["always"],
        });
        let schemas = completed(json!({ "Answer": schema, "Request": schema }), reference("Request"));
        assert_eq!(schemas["Answer"]["required"], json!(["always", "null", "also null"]));
        assert_eq!(schemas["Answer"]["additionalProperties"], false);
        assert_eq!(schemas["Request"]["required"], json!(["always"]));
    }

    #[test]
    fn pages_are_lists_of_what_has_a_name() {
        let page = json!({ "properties": { "data": { "type": "array", "items": { "type": "string" } } } });
        let schemas = completed(json!({ "Page_Thing": page, "Other": reference("Page_Thing") }), json!({}));
        assert_eq!(schemas["Thing"], json!({ "type": "string" }));
        assert_eq!(schemas["ThingList"]["properties"]["data"]["items"], reference("Thing"));
        assert_eq!(schemas["Other"], reference("ThingList"));
    }

    #[test]
    fn flattened_structs_are_one_object() {
        let part = |name: &str| json!({ "type": "object", "properties": { name: {} }, "required": [name] });
        let whole = json!({ "allOf": [reference("Part"), part("b")], "description": "Whole." });
        let schemas = completed(json!({ "Part": part("a"), "Whole": whole }), json!({}));
        let expected = json!({
            "description": "Whole.",
            "type": "object",
            "properties": { "a": {}, "b": {} },
            "required": ["a", "b"],
            "additionalProperties": false,
        });
        assert_eq!(schemas["Whole"], expected);
    }

    #[test]
    fn additions_stand_beside_a_reference() {
        let addition = json!({ "type": "object", "default": "x" });
        let schemas = completed(json!({ "Member": { "allOf": [reference("Other"), addition] } }), json!({}));
        assert_eq!(schemas["Member"], json!({ "$ref": format!("{SCHEMAS}Other"), "default": "x" }));
    }
}
