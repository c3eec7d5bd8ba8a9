//! The OpenAPI document as the pages read it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    call::Operation,
    resource::{RESOURCES, Resource, resource_of},
    value::members,
};

/// Name of the page that describes what belongs to every call.
pub const OVERVIEW: &str = "";

/// The document, with the page on which each schema is described.
pub struct Document<'a> {
    value: &'a Value,
    operations: Vec<Operation<'a>>,
    /// By the name of a schema, the page that describes it.
    homes: BTreeMap<&'a str, &'static str>,
}

impl<'a> Document<'a> {
    /// Reads the OpenAPI document.
    pub fn new(value: &'a Value) -> Self {
        let operations = members(value, "paths").flat_map(|(path, item)| {
            let operations = item.as_object().into_iter().flatten().filter(|(_, one)| one.get("responses").is_some());
            operations.map(|(method, value)| {
                let mut operation = Operation { method, path, value, resource: "" };
                operation.resource = resource_of(&operation);
                operation
            })
        });
        Self { value, operations: operations.collect(), homes: BTreeMap::new() }
    }

    /// Sets which page describes each schema, by the schema's name.
    pub fn with_homes(self, homes: BTreeMap<&'a str, &'static str>) -> Self {
        Self { homes, ..self }
    }

    /// Lists all calls.
    pub fn operations(&self) -> &[Operation<'a>] {
        &self.operations
    }

    /// Lists the calls of a resource.
    pub fn operations_of(&self, resource: &str) -> impl Iterator<Item = &Operation<'a>> {
        self.operations.iter().filter(move |operation| operation.resource == resource)
    }

    /// Lists the resources that have calls.
    pub fn resources(&self) -> Vec<&'static Resource> {
        let has_calls = |resource: &&Resource| self.operations_of(resource.name).next().is_some();
        RESOURCES.iter().filter(has_calls).collect()
    }

    /// Returns the address at which the schema of this name is described, if it has a place of its own.
    pub fn schema_href(&self, name: &str) -> Option<String> {
        if name == "ProblemCode" {
            return Some("/problems".to_owned());
        }
        self.homes.get(name).map(|resource| match *resource {
            OVERVIEW => format!("/docs#{name}"),
            resource => format!("/docs/api/{resource}#{name}"),
        })
    }

    /// Lists the schemas that a page describes.
    pub fn schemas_of(&self, resource: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let here = self.homes.iter().filter(move |(_, home)| **home == resource);
        here.filter_map(|(name, _)| Some((*name, self.schema(name)?)))
    }

    /// Finds the schema of this name.
    pub fn schema(&self, name: &str) -> Option<&'a Value> {
        self.value.pointer("/components/schemas")?.get(name)
    }

    /// Finds the value at a JSON pointer into the document.
    pub fn at(&self, pointer: &str) -> Option<&'a Value> {
        self.value.pointer(pointer)
    }

    /// Follows a `$ref` within the document.
    pub fn resolve<'b>(&'b self, value: &'b Value) -> &'b Value {
        let pointer = value.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.value.pointer(pointer)).unwrap_or(value)
    }
    /// Lists the parameters of a call, resolved.
    pub fn parameters<'b>(&'b self, call: &'b Operation<'a>) -> impl Iterator<Item = &'b Value> {
        let all = call.value.get("parameters").and_then(Value::as_array);
        all.into_iter().flatten().map(|parameter| self.resolve(parameter))
    }

    /// Lists the problem codes that a call may answer with, by status.
    pub fn refusals<'b>(&'b self, call: &'b Operation<'a>) -> impl Iterator<Item = (&'b str, Vec<&'b str>)> {
        let answers = members(call.value, "responses").filter(|(status, _)| status.starts_with(['4', '5']));
        answers.map(|(status, answer)| {
            let mut codes = Vec::new();
            find_codes(self.resolve(answer).get("content").unwrap_or(&Value::Null), &mut codes);
            let mut known = BTreeSet::new();
            codes.retain(|code| known.insert(*code));
            (status.as_str(), codes)
        })
    }

    /// Lists the problem codes that a call may answer with, over all statuses.
    pub fn codes<'b>(&'b self, call: &'b Operation<'a>) -> impl Iterator<Item = &'b str> {
        self.refusals(call).flat_map(|(_, codes)| codes)
    }
}

/// Collects the values that the member `code` may have.
fn find_codes<'a>(value: &'a Value, codes: &mut Vec<&'a str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| find_codes(item, codes)),
        Value::Object(members) => {
            if let Some(code) = value.pointer("/properties/code") {
                let one = code.get("const");
                let several = code.get("enum").and_then(Value::as_array).into_iter().flatten();
                codes.extend(several.chain(one).filter_map(Value::as_str));
            }
            members.values().for_each(|member| find_codes(member, codes));
        }
        _ => {}
    }
}
