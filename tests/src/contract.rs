//! The OpenAPI document as a judge: every answer must be one that it describes, with its headers, and every request
//! that a host accepted must be one that it allows.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use jsonschema::Validator;
use reqwest::{
    Method,
    header::{HeaderName, HeaderValue},
};
use serde_json::{Map, Value, json};
use unicode_normalization::UnicodeNormalization as _;

use crate::client::Answer;

/// Forms of a path that `Accept` chooses: path, media type, and the path that the document describes the form under,
/// if any.
const NEGOTIATED: [(&str, &str, Option<&str>); 4] = [
    ("/", "text/html", None),
    ("/api/v1/leaderboard", "text/csv", Some("/api/v1/leaderboard.csv")),
    ("/api/v1/leaderboard", "application/x-ndjson", Some("/api/v1/leaderboard.ndjson")),
    ("/dev/mail", "text/html", None),
];

/// Headers that carry an answer, choose among answers or come from a proxy before the host: an answer may have them
/// where the document does not describe them.
const OF_TRANSPORT: [&str; 14] = [
    "alt-svc",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "keep-alive",
    "nel",
    "report-to",
    "server",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "via",
];

static EMAIL: LazyLock<Validator> = LazyLock::new(|| {
    let schema = json!({ "format": "email" });
    jsonschema::options().should_validate_formats(true).build(&schema).expect("a sound schema")
});

/// A request as far as the contract checks it.
pub struct Question<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// The request's path, with its query.
    pub path: &'a str,
    /// The content type of the body, where one was sent.
    pub content_type: Option<&'a str>,
    /// The request's body; empty where there was none.
    pub body: &'a [u8],
}

/// The OpenAPI document, with the validators that were compiled so far.
pub struct Contract {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Contract {
    /// Creates a contract from an OpenAPI document.
    pub fn new(document: Value) -> Self {
        Self { document, validators: Mutex::default() }
    }

    /// Returns the OpenAPI document.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Returns every operation of the document: method, path template, and the operation object.
    pub fn operations(&self) -> impl Iterator<Item = (Method, &str, &Value)> {
        let paths = self.document["paths"].as_object().into_iter().flatten();
        paths.flat_map(|(path, item)| {
            item.as_object().into_iter().flatten().filter_map(move |(method, operation)| {
                let method = match method.as_str() {
                    "get" => Method::GET,
                    "post" => Method::POST,
                    "put" => Method::PUT,
                    "patch" => Method::PATCH,
                    "delete" => Method::DELETE,
                    _ => return None,
                };
                Some((method, path.as_str(), operation))
            })
        })
    }

    /// Checks that the document describes this answer and, where the answer is a success, the request.
    ///
    /// # Errors
    /// Returns what the document does not describe.
    pub fn check(&self, question: &Question<'_>, answer: &Answer) -> Result<(), String> {
        let method = question.method;
        if *method == Method::OPTIONS || *method == Method::HEAD {
            return Ok(());
        }
        let status = answer.status.as_u16();
        // A problem that a browser asked for outside `/api/` is shown as a page.
        let is_page =
            answer.media_type() == Some("text/html") && answer.headers.contains_key("content-security-policy");
        if is_page && status >= 400 && !question.path.starts_with("/api/") {
            return Ok(());
        }
        let path = question.path.split('?').next().unwrap_or(question.path);
        // Pages for people are no part of the API.
        if ["/account", "/admin"]
            .iter()
            .any(|top| path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        {
            return Ok(());
        }
        let Some(template) = self.template(path) else {
            return match status {
                404 => self.check_schema("#/components/schemas/Problem", &answer.value()),
                _ => Err(format!("the path {path} is not in it, and the answer is no 404")),
            };
        };
        let item = &self.document["paths"][template];
        let Some(operation) = item.get(method.as_str().to_ascii_lowercase()) else {
            return match status {
                405 => self.check_schema("#/components/schemas/Problem", &answer.value()),
                _ => Err(format!("{method} {template} is not in it, and the answer is no 405")),
            };
        };
        let responses = &operation["responses"];
        // Operations that answer with pages show problems to browsers as pages, too.
        if is_page && status >= 400 && responses["200"]["content"].get("text/html").is_some() {
            return Ok(());
        }
        let class = format!("{}XX", status / 100);
        let response = [status.to_string().as_str(), class.as_str(), "default"]
            .into_iter()
            .find_map(|key| responses.get(key))
            .ok_or_else(|| format!("{method} {template} has no response {status}"))?;
        let checked = match self.negotiated(template, answer) {
            Some(elsewhere) => self.check_response(elsewhere, answer),
            // The page of a path for programs is described nowhere.
            None if NEGOTIATED.contains(&(template, answer.media_type().unwrap_or_default(), None)) => Ok(()),
            None => self.check_response(response, answer),
        };
        let checked = match status {
            200..300 => checked.and_then(|()| self.check_request(operation, question)),
            _ => checked,
        };
        checked.map_err(|broken| format!("{method} {template} {status}: {broken}"))
    }

    /// Returns the response object for a form that the document describes under another path.
    fn negotiated(&self, template: &str, answer: &Answer) -> Option<&Value> {
        let form = answer.media_type()?;
        let (.., path) = NEGOTIATED.iter().find(|(path, other, _)| *path == template && *other == form)?;
        Some(&self.document["paths"][(*path)?]["get"]["responses"]["200"])
    }

    fn check_response(&self, response: &Value, answer: &Answer) -> Result<(), String> {
        let response = self.resolve(response)?;
        self.check_content(response.get("content"), answer)?;
        self.check_headers(response.get("headers"), answer)
    }

    fn check_content(&self, content: Option<&Value>, answer: &Answer) -> Result<(), String> {
        let Some(content) = content.and_then(Value::as_object).filter(|content| !content.is_empty()) else {
            return if answer.body.is_empty() { Ok(()) } else { Err("a body where none is described".to_owned()) };
        };
        let media_type = answer.media_type().unwrap_or_default();
        let described =
            content.get(media_type).ok_or_else(|| format!("the media type {media_type:?} is not described"))?;
        match described.get("schema") {
            Some(schema) if is_json(media_type) => self.check_value(&schema.to_string(), schema, &answer.value()),
            _ => Ok(()),
        }
    }

    /// Checks that each required header is present, and that each present one is described and fits its schema.
    fn check_headers(&self, described: Option<&Value>, answer: &Answer) -> Result<(), String> {
        let described = described.and_then(Value::as_object).into_iter().flatten();
        let described = described.map(|(name, header)| Ok((name.to_ascii_lowercase(), self.resolve(header)?)));
        let described = described.collect::<Result<HashMap<_, _>, String>>()?;
        for (name, header) in &described {
            if header["required"] == true && !answer.headers.contains_key(name) {
                return Err(format!("the header {name} is missing"));
            }
        }
        for (name, value) in &answer.headers {
            match described.get(name.as_str()) {
                Some(header) => self.check_header(name, value, &header["schema"])?,
                None if is_of_transport(name.as_str()) => {}
                None => return Err(format!("the header {name}: {value:?} is not described")),
            }
        }
        Ok(())
    }

    fn check_header(&self, name: &HeaderName, value: &HeaderValue, schema: &Value) -> Result<(), String> {
        let text = value.to_str().map_err(|_| format!("the header {name}: {value:?} is no text"))?;
        let value = match schema["type"].as_str() {
            Some("integer" | "number") => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            _ => json!(text),
        };
        self.check_value(&schema.to_string(), schema, &value)
            .map_err(|broken| format!("the header {name}: {text:?}: {broken}"))
    }

    /// Checks that a request body that a host accepted is one that the document describes.
    fn check_request(&self, operation: &Value, question: &Question<'_>) -> Result<(), String> {
        let described = match operation.get("requestBody") {
            Some(described) => self.resolve(described)?,
            None if question.body.is_empty() => return Ok(()),
            None => return Err("a request body was accepted where none is described".to_owned()),
        };
        if question.body.is_empty() {
            let may_be_absent = described["required"] != true;
            let missing = || "a request without a body was accepted where one is required".to_owned();
            return may_be_absent.then_some(()).ok_or_else(missing);
        }
        let content_type = question.content_type.unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let content = &described["content"];
        let schema = &content
            .get(&media_type)
            .ok_or_else(|| format!("a request body of {media_type:?} was accepted, which is not described"))?["schema"];
        // JSON Lines hold the items of the array that the same call takes.
        let (schema, body) = match media_type.as_str() {
            "application/x-ndjson" => {
                let lines = question.body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
                (&content["application/json"]["schema"], lines.map(read_json).collect::<Result<Value, _>>()?)
            }
            "application/x-www-form-urlencoded" => (schema, read_form(question.body)),
            _ => (schema, read_json(question.body)?),
        };
        self.check_value(&schema.to_string(), schema, &normalised(body))
            .map_err(|broken| format!("a request body was accepted that is not described: {broken}"))
    }

    /// Returns every example of the document that its schema does not allow: its JSON pointer, and why.
    ///
    /// # Errors
    /// Returns the schema or the reference that is unsound.
    pub fn broken_examples(&self) -> Result<Vec<String>, String> {
        let mut broken = Vec::new();
        self.check_examples(&self.document, "#", &mut broken)?;
        Ok(broken)
    }

    fn check_examples(&self, value: &Value, place: &str, broken: &mut Vec<String>) -> Result<(), String> {
        if let Value::Array(items) = value {
            return items
                .iter()
                .enumerate()
                .try_for_each(|(n, item)| self.check_examples(item, &format!("{place}/{n}"), broken));
        }
        let Value::Object(members) = value else { return Ok(()) };
        // A node with a schema beside its examples, or else a schema with examples of its own.
        let schema = members.get("schema").unwrap_or(value);
        let of_schema = members.get("examples").and_then(Value::as_array).into_iter().flatten();
        let named = members.get("examples").and_then(Value::as_object).into_iter().flatten();
        let named = named.filter_map(|(_, example)| example.get("value"));
        // Below `properties`, `example` is the name of a property.
        let single = members.get("example").filter(|_| !place.ends_with("/properties"));
        for example in of_schema.chain(named).chain(single) {
            if let Err(error) = self.check_value(&schema.to_string(), schema, example) {
                broken.push(format!("{place}: {error}"));
            }
        }
        members.iter().filter(|(name, _)| !matches!(name.as_str(), "example" | "examples")).try_for_each(
            |(name, member)| {
                let name = name.replace('~', "~0").replace('/', "~1");
                self.check_examples(member, &format!("{place}/{name}"), broken)
            },
        )
    }

    fn check_schema(&self, reference: &str, value: &Value) -> Result<(), String> {
        self.check_value(reference, &json!({ "$ref": reference }), value)
    }

    fn check_value(&self, key: &str, schema: &Value, value: &Value) -> Result<(), String> {
        let validator = self.validator(key, schema)?;
        let broken = validator
            .iter_errors(value)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect::<Vec<_>>();
        if broken.is_empty() { Ok(()) } else { Err(broken.join("; ")) }
    }

    fn validator(&self, key: &str, schema: &Value) -> Result<Arc<Validator>, String> {
        let mut validators = self.validators.lock().expect("no validator panicked");
        if let Some(validator) = validators.get(key) {
            return Ok(Arc::clone(validator));
        }
        // References point into the document's components: they are placed beside the schema.
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "components": self.document["components"],
        });
        let validator = jsonschema::options()
            .should_validate_formats(true)
            // RFC 4343: domain names ignore case. The format accepts encoded labels in lower case only.
            .with_format("email", |text: &str| EMAIL.is_valid(&json!(text.to_lowercase())))
            .build(&whole)
            .map_err(|error| format!("the schema {schema} is unsound: {error}"))?;
        Ok(Arc::clone(validators.entry(key.to_owned()).or_insert(Arc::new(validator))))
    }

    /// Resolves a `$ref` in the document; returns any other value as it is.
    fn resolve<'a>(&'a self, value: &'a Value) -> Result<&'a Value, String> {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else { return Ok(value) };
        let pointer = reference.trim_start_matches('#');
        self.document.pointer(pointer).ok_or_else(|| format!("{reference} leads nowhere"))
    }

    /// Returns the path template that this path fits; where several do, the one with the fewest parameters.
    fn template(&self, path: &str) -> Option<&str> {
        let paths = self.document["paths"].as_object()?;
        paths
            .keys()
            .map(String::as_str)
            .filter(|template| fits(template, path))
            .min_by_key(|template| template.matches('{').count())
    }
}

fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

/// Checks whether a header belongs to the transport or to CORS, rather than to the application.
fn is_of_transport(name: &str) -> bool {
    OF_TRANSPORT.contains(&name) || name.starts_with("access-control-") || name.starts_with("cf-")
}

fn read_json(bytes: &[u8]) -> Result<Value, String> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(text).map_err(|error| format!("a request body was accepted that is no JSON: {error}"))
}

/// Normalises all strings of a value to NFC, as the application does before it measures, compares and keeps them.
fn normalised(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.nfc().collect()),
        Value::Array(items) => items.into_iter().map(normalised).collect(),
        Value::Object(members) => members.into_iter().map(|(name, member)| (name, normalised(member))).collect(),
        other => other,
    }
}

fn read_form(bytes: &[u8]) -> Value {
    let url = reqwest::Url::parse(&format!("http://form/?{}", String::from_utf8_lossy(bytes)));
    let pairs = url.iter().flat_map(reqwest::Url::query_pairs);
    Value::Object(pairs.map(|(name, value)| (name.into_owned(), json!(value))).collect::<Map<_, _>>())
}

fn fits(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(part), Some(given)) => {
                let literal = part
                    .split_once('{')
                    .map(|(before, rest)| (before, rest.split_once('}').map_or("", |(_, after)| after)));
                let same = match literal {
                    Some((before, after)) => {
                        given.len() > before.len() + after.len() && given.starts_with(before) && given.ends_with(after)
                    }
                    None => part == given,
                };
                if !same {
                    return false;
                }
            }
            _ => return false,
        }
    }
}
