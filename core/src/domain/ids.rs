//! Ids of what the application keeps, a type for each, so that one cannot stand in the place of another.
//!
//! An id that a request names may be any text: one that nothing has is not found. Ids of models and benchmarks are put
//! in lower case where a request is read, and not here: older data may have two that differ in case alone.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::Timestamp;

/// Creates a UUIDv7 (RFC 9562) of a moment. `random` must be fresh.
#[must_use]
pub fn uuid_v7(now: Timestamp, random: &[u8; 10]) -> String {
    let ms = u64::try_from(now.0).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(ms, random).into_uuid().to_string()
}

macro_rules! ids {
    ($($(#[$attribute:meta])+ $id:ident;)+) => {$(
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        $(#[$attribute])+
        pub struct $id(String);

        impl $id {
            /// Returns the text of the id.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $id {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl From<&str> for $id {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.0
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

macro_rules! uuids {
    ($($(#[$doc:meta])+ $id:ident = $pattern:literal;)+) => {
        ids! {$(
            $(#[$doc])+
            #[schema(format = "uuid", pattern = $pattern, example = "01939f40-02b7-7a11-9c55-6d7e8f901234")]
            $id;
        )+}
    };
}

uuids! {
    /// A user: a UUIDv7, or another UUID where the account comes from another system.
    UserId = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$";
    /// A session: a UUIDv7.
    SessionId = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
    /// An API key: a UUIDv7. It is no secret.
    ApiKeyId = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
    /// A run: a UUIDv7.
    RunId = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
    /// A webhook: a UUIDv7.
    WebhookId = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
    /// What a webhook is told, and `webhook-id` of its requests: a UUIDv7.
    WebhookDeliveryId = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
    /// What a run was sealed as before it was made: a UUIDv7.
    SealId = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";
}

ids! {
    /// `provider/name`. Compared without regard to case, and told in lower case.
    #[schema(
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}/[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        example = "openai/gpt-5-high"
    )]
    ModelId;
    /// What a row of the leaderboard is: a model, or a model with an agent or a configuration, told by 12 hexadecimal digits.
    /// It names them on every benchmark.
    #[schema(
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}/[A-Za-z0-9][A-Za-z0-9._-]{0,99}(~[0-9a-f]{12})?$",
        example = "openai/gpt-5~3f2a9c01b7de"
    )]
    SystemId;
    /// Names a benchmark. Compared without regard to case, and told in lower case.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", example = "aider-polyglot")]
    BenchmarkId;
    /// Names a version of a benchmark.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", example = "2024-12-20")]
    VersionName;
}

impl ModelId {
    /// Returns who provides the model: what stands before the `/`.
    #[must_use]
    pub fn provider(&self) -> &str {
        self.0.split_once('/').map_or(self.as_str(), |(provider, _)| provider)
    }
}
