//! The relationship between a model and whoever evaluated it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How whoever evaluated a model stands to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvaluatorRelationship {
    /// Its vendor evaluated it.
    FirstParty,
    /// Somebody else did.
    ThirdParty,
    /// Its vendor says so, and nobody else has looked.
    SelfReported,
}

impl EvaluatorRelationship {
    /// Returns the name of the relationship in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstParty => "first_party",
            Self::ThirdParty => "third_party",
            Self::SelfReported => "self_reported",
        }
    }

    /// Returns how much evidence from such an evaluator weighs against others': more is stronger.
    #[must_use]
    pub fn strength(self) -> u8 {
        match self {
            Self::ThirdParty => 2,
            Self::FirstParty => 1,
            Self::SelfReported => 0,
        }
    }

    /// Returns the relationship with this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::FirstParty, Self::ThirdParty, Self::SelfReported]
            .into_iter()
            .find(|relationship| relationship.as_str() == name)
    }
}
