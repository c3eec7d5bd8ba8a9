//! The OpenAPI document as a judge: every answer must be one that it describes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::Answer;

/// What `Accept` gets of a path besides what the document describes, which has a path for each form.
const NEGOTIATED: [(&str, &str, Option<&str>); 3] = [
    ("/api/v1/leaderboard", "text/csv", Some("/api/v1/leaderboard.csv")),
    ("/api/v1/leaderboard", "application/x-ndjson", Some("/api/v1/leaderboard.ndjson")),
    ("/dev/mail", "text/html", None),
];

/// The document, with the validators that were compiled so far.
pub struct Contract {
    document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

impl Contract {
    /// Takes a document.
    pub fn new(document: Value) -> Self {
        Self { document, validators: Mutex::default() }
    }

    /// The document.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Every operation: method, path template, and what the document says of it.
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

    /// Whether the document describes this answer.
    ///
    /// # Errors
    /// What it does not describe.
    pub fn check(&self, method: &Method, path: &str, answer: &Answer) -> Result<(), String> {
        if *method == Method::OPTIONS || *method == Method::HEAD {
            return Ok(());
        }
        let status = answer.status.as_u16();
        let path = path.split('?').next().unwrap_or(path);
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
        let class = format!("{}XX", status / 100);
        let response = [status.to_string().as_str(), class.as_str(), "default"]
            .into_iter()
            .find_map(|key| responses.get(key))
            .ok_or_else(|| format!("{method} {template} has no response {status}"))?;
        let response = match response.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.resolve(reference)?,
            None => response,
        };
        self.check_content(template, response.get("content"), answer)
            .map_err(|broken| format!("{method} {template} {status}: {broken}"))
    }

    fn check_content(&self, template: &str, content: Option<&Value>, answer: &Answer) -> Result<(), String> {
        let Some(content) = content.and_then(Value::as_object).filter(|content| !content.is_empty()) else {
            return if answer.body.is_empty() { Ok(()) } else { Err("a body where none is described".to_owned()) };
        };
        let media_type = answer.media_type().unwrap_or_default();
        let Some(described) = content.get(media_type) else {
            let elsewhere = NEGOTIATED.iter().find(|(path, form, _)| *path == template && *form == media_type);
            let (.., path) = elsewhere.ok_or_else(|| format!("the media type {media_type:?} is not described"))?;
            let Some(path) = path else { return Ok(()) };
            let content = &self.document["paths"][path]["get"]["responses"]["200"]["content"];
            return content.get(media_type).map(drop).ok_or_else(|| format!("{path} does not describe {media_type}"));
        };
        match described.get("schema") {
            Some(schema) if media_type == "application/json" || media_type.ends_with("+json") => {
                self.check_value(&schema.to_string(), schema, &answer.value())
            }
            _ => Ok(()),
        }
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
        // References lead into the document's components: they stand beside the schema.
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "components": self.document["components"],
        });
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&whole)
            .map_err(|error| format!("the schema {schema} is unsound: {error}"))?;
        Ok(Arc::clone(validators.entry(key.to_owned()).or_insert(Arc::new(validator))))
    }

    fn resolve(&self, reference: &str) -> Result<&Value, String> {
        let pointer = reference.trim_start_matches('#');
        self.document.pointer(pointer).ok_or_else(|| format!("{reference} leads nowhere"))
    }

    /// The most literal template that this path fits.
    fn template(&self, path: &str) -> Option<&str> {
        let paths = self.document["paths"].as_object()?;
        paths
            .keys()
            .map(String::as_str)
            .filter(|template| fits(template, path))
            .min_by_key(|template| template.matches('{').count())
    }
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
