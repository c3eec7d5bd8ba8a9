//! Names of models and benchmarks where they are read: in lower case, since they are compared without regard to case.

use serde::{Deserialize, Deserializer};

/// Name of a model or a benchmark, in lower case.
pub struct Name<T>(pub T);

impl<'de, T: From<String>> Deserialize<'de> for Name<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.to_ascii_lowercase().into()))
    }
}

/// Reads a [`Name`] without checking its form: a text that is no name is no model's and no benchmark's.
///
/// # Errors
/// When the value is no text.
pub fn name<'de, D: Deserializer<'de>, T: From<String>>(deserializer: D) -> Result<T, D::Error> {
    Name::deserialize(deserializer).map(|Name(name)| name)
}

/// Reads a [`Name`] that may be absent, without checking its form.
///
/// # Errors
/// When the value is no text.
pub fn optional_name<'de, D: Deserializer<'de>, T: From<String>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Name<T>>::deserialize(deserializer)?.map(|Name(name)| name))
}
