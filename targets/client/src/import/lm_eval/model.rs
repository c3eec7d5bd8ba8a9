//! Model of the results, and which of its arguments are published.

use serde_json::Value;

use super::{Options, document::Document};
use crate::import::{
    names::{self, LONGEST_NAME, slug},
    plan::Model,
};

/// Members of `model_args` that identify the weights that ran, and tell nothing of the machine or its credentials.
pub const PUBLIC_ARGS: &[&str] = &["revision", "dtype", "peft", "delta", "load_in_8bit", "load_in_4bit", "max_length"];

/// Finds the model's name.
///
/// # Errors
/// A text where the results name none.
pub fn model(document: &Document, options: &Options) -> Result<Model, String> {
    let arguments = arguments(document.config.model_args.as_ref());
    let argument = |name: &str| arguments.iter().find(|(other, _)| other == name).and_then(|(_, value)| value.as_str());
    let named = options.model.as_deref().or(document.model_name.as_deref());
    let named = named.or_else(|| argument("pretrained")).or_else(|| argument("model"));
    let named = named.ok_or("the results name no model: give --model")?;
    let unclear = || format!("model_name is {named:?}, which names no model: give --model");
    let without_vendor = || format!("model_name is {named:?}, which names no vendor: give --model PROVIDER/NAME");
    let (provider, display_name) = match named.split_once('/') {
        Some((vendor, name)) if !name.contains('/') => (names::vendor(vendor).ok_or_else(unclear)?, name),
        Some(_) => return Err(unclear()),
        None => (names::family(named).ok_or_else(without_vendor)?.to_owned(), named),
    };
    let name = slug(display_name, LONGEST_NAME);
    if name.is_empty() || named.starts_with(['.', '~', '/']) {
        return Err(unclear());
    }
    Ok(Model { provider, name, display_name: display_name.to_owned() })
}

/// Parses `model_args`: `pretrained=a,dtype=b`, or an object.
pub fn arguments(model_args: Option<&Value>) -> Vec<(String, Value)> {
    match model_args {
        Some(Value::String(text)) => text
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().into()))
            .collect(),
        Some(Value::Object(members)) => members.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        _ => Vec::new(),
    }
}

/// Checks whether an argument is published. The model's name is published in any case.
pub fn is_public(argument: &str) -> bool {
    PUBLIC_ARGS.contains(&argument) || ["pretrained", "model"].contains(&argument)
}
