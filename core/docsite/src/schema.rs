//! Schemas for people: a line that says what a value may be, and the members of an object.

use maud::{Markup, PreEscaped, html};
use serde_json::Value;

use crate::{
    document::Document,
    homes::referred,
    markdown,
    value::{members, text},
};

/// Renders the section of a named schema.
pub fn section(document: &Document<'_>, name: &str, schema: &Value) -> Markup {
    html! {
        section.object {
            h3 id=(name) { code { (name) } }
            (markdown::prose(text(schema, "description")))
            @let listed = list(document, schema, 0);
            @if listed.0.is_empty() { p { (kind(document, schema)) } } @else { (listed) }
        }
    }
}

/// Renders the members of an object; nothing where the schema is not one.
pub fn list(document: &Document<'_>, schema: &Value, depth: usize) -> Markup {
    let all = collect(document, schema);
    html! {
        @if !all.is_empty() {
            dl.members {
                @for (name, member, is_required) in all { (item(document, name, member, Some(is_required), depth)) }
            }
        }
    }
}

/// Renders a parameter or a member: its name, what it may be, and its description.
pub fn item(document: &Document<'_>, name: &str, schema: &Value, required: Option<bool>, depth: usize) -> Markup {
    let described = [schema, document.resolve(inner(schema))].into_iter().map(|schema| text(schema, "description"));
    let has_place = inner_name(schema).is_some_and(|name| document.schema_href(name).is_some());
    let described = described.take(if has_place { 1 } else { 2 }).find(|text| !text.is_empty());
    html! {
        dt { code { (name) } " " span { (kind(document, schema)) @if required == Some(true) { ", required" } } }
        dd {
            @if let Some(described) = described { (markdown::prose(described)) }
            // A schema without a name is described in place.
            @if depth < 4 {
                @if schema.get("properties").is_some() { (list(document, schema, depth.saturating_add(1))) }
                @else if let Some(items) = schema.get("items").filter(|items| items.get("properties").is_some()) {
                    (list(document, items, depth.saturating_add(1)))
                }
            }
        }
    }
}

/// Collects the members of an object, including those of its `allOf` parts. Each comes with whether it is required.
fn collect<'a>(document: &'a Document<'_>, schema: &'a Value) -> Vec<(&'a str, &'a Value, bool)> {
    let mut all = Vec::new();
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        all.extend(collect(document, document.resolve(part)));
    }
    let required = schema.get("required").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let own = members(schema, "properties");
    all.extend(own.map(|(name, member)| (name.as_str(), member, required.iter().any(|one| one == name.as_str()))));
    all
}

/// Returns the alternative to null of a nullable schema, else the schema itself.
fn inner(schema: &Value) -> &Value {
    let choices = schema.get("oneOf").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match choices {
        [one, null] if text(null, "type") == "null" => one,
        _ => schema,
    }
}

fn inner_name(schema: &Value) -> Option<&str> {
    let schema = inner(schema);
    referred(schema).or_else(|| schema.get("items").and_then(referred))
}

/// Renders what a value may be.
pub fn kind(document: &Document<'_>, schema: &Value) -> Markup {
    html! {
        (base(document, schema))
        @for limit in limits(schema) { ", " (limit) }
        @if let Some(items) = schema.get("items") { " of " (kind(document, items)) }
        @if let Some(default) = schema.get("default") { ", default " code { (plain(default)) } }
    }
}

fn base(document: &Document<'_>, schema: &Value) -> Markup {
    if let Some(name) = referred(schema) {
        let target = document.schema(name).unwrap_or(&Value::Null);
        return match document.schema_href(name) {
            Some(href) => html! { a href=(href) { code { (name) } } },
            None => kind(document, target),
        };
    }
    for (list, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema.get(list).and_then(Value::as_array) {
            return html! { @for (index, part) in parts.iter().enumerate() { @if index > 0 { (between) } (kind(document, part)) } };
        }
    }
    if let Some(value) = schema.get("const") {
        return html! { code { (plain(value)) } };
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return html! { @for (index, value) in values.iter().enumerate() { @if index > 0 { " | " } code { (plain(value)) } } };
    }
    let names = match schema.get("type") {
        Some(Value::String(name)) => vec![name.as_str()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec!["anything"],
    };
    html! {
        @for (index, name) in names.into_iter().enumerate() {
            @if index > 0 { " or " }
            @match name {
                "object" if schema.get("additionalProperties").is_some_and(Value::is_object) => {
                    "object, each member " (kind(document, schema.get("additionalProperties").unwrap_or(&Value::Null)))
                },
                name => (name),
            }
        }
        @if let format @ ("uuid" | "email" | "uri" | "date-time" | "date") = text(schema, "format") { " (" (format) ")" }
    }
}

/// Lists the limits of length and size that the document states.
fn limits(schema: &Value) -> Vec<Markup> {
    let span = |low: &str, high: &str, of: &str| {
        let of =
            |most: &Value| if most.as_i64() == Some(1) { of.trim_end_matches('s').to_owned() } else { of.to_owned() };
        let (low, high) = (schema.get(low), schema.get(high));
        // The greatest integer that JSON carries exactly is no limit worth showing.
        let high = high.filter(|high| high.as_i64() != Some(9_007_199_254_740_991));
        match (low, high) {
            (Some(low), Some(high)) if low == high => Some(format!("{}{}", plain(low), of(low))),
            (Some(low), Some(high)) => Some(format!("{}–{}{}", plain(low), plain(high), of(high))),
            (Some(low), None) => Some(format!("at least {}{}", plain(low), of(low))),
            (None, Some(high)) => Some(format!("at most {}{}", plain(high), of(high))),
            (None, None) => None,
        }
    };
    let mut limits = [
        span("minLength", "maxLength", " characters"),
        span("minItems", "maxItems", " items"),
        span("minimum", "maximum", ""),
    ]
    .into_iter()
    .flatten()
    .map(PreEscaped)
    .collect::<Vec<_>>();
    let pattern = text(schema, "pattern");
    // A `format` describes the value better than a pattern.
    if !pattern.is_empty() && text(schema, "format").is_empty() {
        limits.push(html! { "matches " code { (pattern) } });
    }
    limits
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
