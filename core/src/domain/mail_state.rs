//! States of a mail.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What has become of a mail: whether it waits for its next attempt, was given up, or was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailState {
    /// It is due, or will be.
    Waiting,
    /// It was tried so often that it was given up.
    Failed,
    /// The provider has it, or the development mailbox.
    Sent,
}

impl MailState {
    /// Returns the name of the state on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Sent => "sent",
        }
    }
}
