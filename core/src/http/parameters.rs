//! Parsers of query and path parameters for `#[serde(deserialize_with)]`: they accept what the OpenAPI document
//! promises.

use serde::{Deserialize, Deserializer, de::Error};
use utoipa::IntoParams;

use super::request::{Validator, is_slug};
pub use crate::domain::formats::{Slug, Uuid};
use crate::domain::{BenchmarkId, ModelId, SecurityEventName, SystemId, VersionName, system::split};
pub(crate) use crate::wire::{Name, name, optional_name};

/// The path of a model.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ModelPath {
    #[serde(deserialize_with = "name")]
    #[param(value_type = Slug, example = "openai")]
    provider: String,
    #[serde(deserialize_with = "name")]
    #[param(value_type = Slug, example = "gpt-5-high")]
    name: String,
}

impl ModelPath {
    /// Notes a mistake for each part that cannot be a model's.
    pub fn check(&self, validator: &mut Validator) {
        validator.slug("?provider", &self.provider);
        validator.slug("?name", &self.name);
    }

    /// Returns the id of the model.
    pub fn id(&self) -> ModelId {
        format!("{}/{}", self.provider, self.name).into()
    }
}

/// Reads the id of a benchmark, in lower case.
///
/// # Errors
/// When the text is no such id.
pub fn benchmark<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BenchmarkId>, D::Error> {
    provider(deserializer).map(|text| text.map(Into::into))
}

/// Reads the name of a provider, in lower case.
///
/// # Errors
/// When the text is no such name.
pub fn provider<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    slug(deserializer).map(|text| text.map(|text| text.to_ascii_lowercase()))
}

/// Reads the id of a model, in lower case.
///
/// # Errors
/// When the text is no such id.
pub fn model<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ModelId>, D::Error> {
    let text = checked(deserializer, is_model_id, "provider/name")?;
    Ok(text.map(|text| text.to_ascii_lowercase().into()))
}

/// Reads the name of a benchmark's version.
///
/// # Errors
/// When the text is no such name.
pub fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<VersionName>, D::Error> {
    slug(deserializer).map(|text| text.map(Into::into))
}

/// Reads a name that stands in paths.
///
/// # Errors
/// When the text is no such name.
pub fn slug<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, is_slug, "1 to 100 letters, digits, '.', '_' or '-', the first a letter or digit")
}

/// Reads the name of a repository elsewhere, `owner/name`.
///
/// # Errors
/// When the text is no such name.
pub fn repository<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let is_repository = |text: &str| text.split_once('/').is_some_and(|(owner, name)| is_slug(owner) && is_slug(name));
    checked(deserializer, is_repository, "owner/name").map(Option::unwrap_or_default)
}

/// Reads a UUID in lower case.
///
/// # Errors
/// When the text is no such UUID.
pub fn uuid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, is_uuid, "a UUID in lower case")
}

/// Reads the name of a security event.
///
/// # Errors
/// When no event has the name.
pub fn event<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecurityEventName>, D::Error> {
    let name = checked(deserializer, |text| SecurityEventName::named(text).is_some(), "the name of a security event")?;
    Ok(name.and_then(|name| SecurityEventName::named(&name)))
}

/// Reads a scenario, a language, a difficulty, or a text to look for.
///
/// # Errors
/// When the text is empty or longer than 100 characters.
pub fn label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, |text| (1..=100).contains(&text.chars().count()), "1 to 100 characters")
}

/// Reads an e-mail address, or the beginning of one or of a name.
///
/// # Errors
/// When the text is empty or longer than 254 characters.
pub fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, |text| (1..=254).contains(&text.chars().count()), "1 to 254 characters")
}

/// Reads the secret of a link.
///
/// # Errors
/// When the text is empty or longer than 512 characters.
pub fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = checked(deserializer, |text| (1..=512).contains(&text.chars().count()), "1 to 512 characters")?;
    Ok(text.unwrap_or_default())
}

/// Reads the id of a system or of a model, in lower case.
///
/// # Errors
/// When the text is no such id.
pub fn system<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemId, D::Error> {
    optional_system(deserializer).map(|system| system.unwrap_or_else(|| "".into()))
}

/// Reads the id of a system or of a model, in lower case, of a parameter that may be absent.
///
/// # Errors
/// When the text is no such id.
pub fn optional_system<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SystemId>, D::Error> {
    let text = checked(deserializer, is_system_id, "provider/name, or the systemId of a row")?;
    Ok(text.map(|text| text.to_ascii_lowercase().into()))
}

/// Reads ids of systems or models, separated by commas, in lower case.
///
/// # Errors
/// When one of them is no such id.
pub fn systems<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SystemId>, D::Error> {
    let wanted = "provider/name or systemIds of rows, separated by commas";
    let text = checked(deserializer, |text| text.split(',').all(is_system_id), wanted)?;
    Ok(text.unwrap_or_default().to_ascii_lowercase().split(',').map(SystemId::from).collect())
}

/// Checks whether a text has the form of a model's id, `provider/name`.
#[must_use]
pub fn is_model_id(text: &str) -> bool {
    text.split_once('/').is_some_and(|(provider, name)| is_slug(provider) && is_slug(name))
}

fn is_system_id(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let (model, is_told) = split(&text);
    is_told && is_model_id(model)
}

fn is_uuid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok_and(|id| id.as_hyphenated().to_string() == text)
}

fn checked<'de, D: Deserializer<'de>>(
    deserializer: D,
    fits: impl Fn(&str) -> bool,
    wanted: &str,
) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if fits(&text) { Ok(Some(text)) } else { Err(D::Error::custom(format_args!("give {wanted}"))) }
}
