//! Query parameters of a page, from which its links to other states of itself are made.

use http::Uri;
use serde::de::DeserializeOwned;

use super::text::address;
use crate::http::problem::{ApiError, MALFORMED_REQUEST};

/// The query parameters that have a value, in their order: a form sends its empty fields too.
pub struct QueryParameters {
    pub(super) path: &'static str,
    pub(super) given: Vec<(String, String)>,
}

impl QueryParameters {
    /// Reads the parameters of a page at `path`.
    ///
    /// # Errors
    /// `malformed_request` where the query is not form-encoded.
    pub(super) fn of(uri: &Uri, path: &'static str) -> Result<Self, ApiError> {
        let pairs = serde_urlencoded::from_str::<Vec<(String, String)>>(uri.query().unwrap_or_default());
        let pairs = pairs.map_err(|error| malformed(&error.to_string()))?;
        Ok(Self { path, given: pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect() })
    }

    /// Checks whether no parameter has a value.
    pub(super) fn are_none(&self) -> bool {
        self.given.is_empty()
    }

    /// Returns the first value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns all values of a parameter that may be given several times.
    pub(super) fn every(&self, name: &str) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Parses the parameters into the type that the API reads them as.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let given = serde_urlencoded::to_string(&self.given).map_err(|error| malformed(&error.to_string()))?;
        serde_urlencoded::from_str(&given).map_err(|error| malformed(&error.to_string()))
    }

    /// Returns the page's address with these parameters changed, at its first row; those without a value are left out.
    pub(super) fn with(&self, changed: &[(&str, &str)]) -> String {
        self.elsewhere(self.path, changed)
    }

    /// Returns the address of another path with these parameters changed, at its first row; those without a value are
    /// left out.
    pub(super) fn elsewhere(&self, path: &str, changed: &[(&str, &str)]) -> String {
        let kept = |name: &str| name != "cursor" && changed.iter().all(|(key, _)| *key != name);
        let given = self.given.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        address(path, &given.filter(|(name, _)| kept(name)).chain(changed.iter().copied()).collect::<Vec<_>>())
    }
}

fn malformed(error: &str) -> ApiError {
    ApiError::new(MALFORMED_REQUEST, format!("query parameters: {error}"))
}
