//! A row, field by field.

use std::collections::HashMap;

use saphyr_parser::ScalarStyle;

/// Scalars of a row as they are written, without YAML's guesses at types: of the commit hashes, 5318380 would be an
/// integer, 0282574 another one (or octal) and 1234e56 a float.
#[derive(Debug, Default)]
pub struct Row {
    pub line: usize,
    pub fields: HashMap<String, String>,
    /// Why the row cannot be read at all, if so.
    pub malformed: Option<String>,
}

impl Row {
    /// Adds a field; null adds nothing.
    pub fn put(&mut self, key: String, text: &str, style: ScalarStyle) {
        if style == ScalarStyle::Plain && ["", "~", "null"].contains(&text) {
            return;
        }
        if self.fields.insert(key.clone(), text.to_owned()).is_some() {
            self.malformed = Some(format!("{key} stands twice"));
        }
    }

    /// Returns a field as it is written, if there is one.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// Returns a field that must not be absent.
    ///
    /// # Errors
    /// A text where the field is absent.
    pub fn text(&self, name: &str) -> Result<&str, String> {
        self.optional(name).map(str::trim).filter(|text| !text.is_empty()).ok_or_else(|| format!("{name} is missing"))
    }

    /// Returns a field that must be a whole number.
    ///
    /// # Errors
    /// A text where the field is not one.
    pub fn count(&self, name: &str) -> Result<u32, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("{name} is {text:?}, which is no count"))
    }

    /// Returns a field that must be a quantity.
    ///
    /// # Errors
    /// A text where the field is not one.
    pub fn number(&self, name: &str) -> Result<f64, String> {
        let text = self.text(name)?;
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        number.ok_or_else(|| format!("{name} is {text:?}, which is no quantity"))
    }

    /// Returns a quantity, or `None` where it is zero, which means that nobody measured it.
    ///
    /// # Errors
    /// A text where the field is not a quantity.
    pub fn measured(&self, name: &str) -> Result<Option<f64>, String> {
        if self.optional(name).is_none() {
            return Ok(None);
        }
        self.number(name).map(|number| Some(number).filter(|number| *number > 0.0))
    }
}
