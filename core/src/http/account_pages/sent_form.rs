use crate::{
    domain::Secret,
    http::problem::{ApiError, MALFORMED_REQUEST},
};

/// Fields that a form sent: names and values.
#[derive(Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Parses a form's body.
    ///
    /// # Errors
    /// `malformed_request`.
    pub fn read(body: &[u8]) -> Result<Self, ApiError> {
        let read = serde_urlencoded::from_bytes(body);
        read.map(Self).map_err(|_| ApiError::new(MALFORMED_REQUEST, "send the form of the page"))
    }

    /// Creates a form with these values, for a page that is shown for the first time.
    pub fn of(fields: &[(&str, &str)]) -> Self {
        Self(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    /// Returns the value of a field; empty where it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Returns the value of a field that is not blank.
    pub fn given(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.trim().is_empty())
    }

    /// Returns the value of a field that nobody may see.
    pub fn secret(&self, name: &str) -> Secret {
        Secret::new(self.get(name))
    }

    /// Returns the values of all fields of this name.
    pub fn every(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }

    /// Checks whether the box of this name and value is ticked.
    pub fn ticked(&self, name: &str, value: &str) -> bool {
        self.0.iter().any(|(key, given)| key == name && given == value)
    }
}
