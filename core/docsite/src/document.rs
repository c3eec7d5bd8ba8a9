//! The OpenAPI document as the pages read it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{resources, schema};

/// The document, with the page on which each schema is described.
pub struct Document<'a> {
    value: &'a Value,
    operations: Vec<Operation<'a>>,
    /// By the name of a schema, the page that describes it.
    homes: BTreeMap<&'a str, &'static str>,
}

/// A call of the API.
pub struct Operation<'a> {
    /// HTTP method in lower case, as in the document.
    pub method: &'a str,
    /// Path, with its parameters in braces.
    pub path: &'a str,
    /// The operation's object in the document.
    pub value: &'a Value,
    /// Name of the page that describes the call.
    pub resource: &'static str,
}

/// The caller that a call is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Caller<'a> {
    /// Anybody, without credentials.
    Anybody,
    /// A person with an access token.
    Person,
    /// A program with a key of this scope.
    Key(&'a str),
    /// Anybody; with a key of this scope, the use is counted.
    OptionalKey(&'a str),
    /// The holder of a refresh token, in the body or in the cookie.
    RefreshToken,
    /// The holder of the deployment's secret.
    Operator,
}

impl<'a> Document<'a> {
    /// Reads the OpenAPI document.
    pub fn new(value: &'a Value) -> Self {
        let operations = members(value, "paths").flat_map(|(path, item)| {
            let operations = item.as_object().into_iter().flatten().filter(|(_, one)| one.get("responses").is_some());
            operations.map(|(method, value)| {
                let mut operation = Operation { method, path, value, resource: "" };
                operation.resource = resources::resource_of(&operation);
                operation
            })
        });
        let mut document = Self { value, operations: operations.collect(), homes: BTreeMap::new() };
        document.homes = schema::homes(&document);
        document
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
    pub fn resources(&self) -> Vec<&'static resources::Resource> {
        let has_calls = |resource: &&resources::Resource| self.operations_of(resource.name).next().is_some();
        resources::RESOURCES.iter().filter(has_calls).collect()
    }

    /// Returns the address at which the schema of this name is described, if it has a place of its own.
    pub fn schema_href(&self, name: &str) -> Option<String> {
        if name == "ProblemCode" {
            return Some("/problems".to_owned());
        }
        self.homes.get(name).map(|resource| match *resource {
            schema::OVERVIEW => format!("/docs#{name}"),
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
}

impl<'a> Operation<'a> {
    /// Returns the `operationId`, which is the call's anchor too.
    pub fn id(&self) -> &'a str {
        text(self.value, "operationId")
    }

    /// Returns the address at which the call is described.
    pub fn href(&self) -> String {
        format!("/docs/api/{}#{}", self.resource, self.id())
    }

    /// Returns the call's first tag, or an empty text.
    pub fn tag(&self) -> &'a str {
        self.value.pointer("/tags/0").and_then(Value::as_str).unwrap_or_default()
    }

    /// Checks whether the call only answers with HTML pages for people.
    pub fn is_page(&self) -> bool {
        let media = members(self.value, "responses").filter(|(status, _)| status.starts_with('2'));
        let mut media = media.flat_map(|(_, answer)| members(answer, "content")).map(|(media, _)| media).peekable();
        media.peek().is_some() && media.all(|media| media == "text/html")
    }

    /// Lists the call's parameters, resolved.
    pub fn parameters<'b>(&'b self, document: &'b Document<'a>) -> impl Iterator<Item = &'b Value> {
        let all = self.value.get("parameters").and_then(Value::as_array);
        all.into_iter().flatten().map(|parameter| document.resolve(parameter))
    }

    /// Returns which callers the call is for, as its `security` says.
    pub fn caller(&self) -> Caller<'a> {
        let schemes = self.value.get("security").and_then(Value::as_array).into_iter().flatten();
        let mut is_open = false;
        let mut caller = Caller::Anybody;
        for scheme in schemes.filter_map(Value::as_object) {
            let Some((name, scopes)) = scheme.iter().next() else {
                is_open = true;
                continue;
            };
            caller = match (name.as_str(), caller) {
                ("accessToken", Caller::Anybody) => Caller::Person,
                ("apiKeyHeader", Caller::Anybody) => {
                    Caller::Key(scopes.get(0).and_then(Value::as_str).unwrap_or_default())
                }
                ("refreshCookie", _) => Caller::RefreshToken,
                ("tickSecret", _) => Caller::Operator,
                (_, caller) => caller,
            };
        }
        match caller {
            Caller::Key(scope) if is_open => Caller::OptionalKey(scope),
            caller => caller,
        }
    }

    /// Lists the problem codes that the call may answer with, by status.
    pub fn refusals<'b>(&'b self, document: &'b Document<'a>) -> impl Iterator<Item = (&'b str, Vec<&'b str>)> {
        let answers = members(self.value, "responses").filter(|(status, _)| status.starts_with(['4', '5']));
        answers.map(|(status, answer)| {
            let mut codes = Vec::new();
            find_codes(document.resolve(answer).get("content").unwrap_or(&Value::Null), &mut codes);
            let mut known = BTreeSet::new();
            codes.retain(|code| known.insert(*code));
            (status.as_str(), codes)
        })
    }

    /// Lists the problem codes that the call may answer with, over all statuses.
    pub fn codes<'b>(&'b self, document: &'b Document<'a>) -> impl Iterator<Item = &'b str> {
        self.refusals(document).flat_map(|(_, codes)| codes)
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

/// Returns a member that is text, or an empty text where there is none.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Lists the members of the object that is a member.
pub fn members<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(name).and_then(Value::as_object).into_iter().flat_map(Map::iter)
}
