use std::fmt;

use zeroize::Zeroizing;

/// A text that never prints: a password, token, key or credential. Wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps the text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Returns the text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Writes the text out, for `#[serde(serialize_with)]` in the one answer that shows it.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn shown<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }

    /// Writes the text of an optional secret out, as [`Secret::shown`] does, or null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn shown_if_any<S: serde::Serializer>(secret: &Option<Self>, serializer: S) -> Result<S::Ok, S::Error> {
        serde::Serialize::serialize(&secret.as_ref().map(Self::expose), serializer)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
