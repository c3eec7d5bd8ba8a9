use async_trait::async_trait;

/// Hands one mail to whoever delivers it.
#[async_trait]
pub trait MailTransport: Send + Sync {
    /// Sends the mail. The same `idempotency_key` may come again after a crash or a lost answer; a provider
    /// that knows such keys then sends nothing twice.
    ///
    /// # Errors
    /// [`MailError`], which says whether trying again can help.
    async fn send(&self, mail: &Mail, idempotency_key: &str) -> Result<(), MailError>;
}

/// A rendered mail. Its texts may hold links with tokens: it does not print them.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The sender, `Name <address>` or an address.
    pub from: String,
    /// The one recipient.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The plain-text part.
    pub text: String,
}

impl Mail {
    /// The sender's name, where it has one, and address.
    #[must_use]
    pub fn sender(&self) -> (Option<&str>, &str) {
        let parts = self.from.split_once('<').and_then(|(name, rest)| Some((name.trim(), rest.strip_suffix('>')?)));
        parts.map_or((None, &self.from), |(name, address)| (Some(name), address))
    }
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Why a mail was not accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MailError {
    /// The provider is down, slow or over its quota: try again later.
    #[error("mail not accepted yet: {0}")]
    Retry(String),
    /// The provider refuses this mail for good.
    #[error("mail refused: {0}")]
    Refused(String),
}
