use async_trait::async_trait;

/// Hands a mail to the service that delivers it.
#[async_trait]
pub trait MailTransport: Send + Sync {
    /// Sends the mail. The same `idempotency_key` may come again after a crash or a lost answer; a provider that
    /// supports such keys then sends nothing twice.
    ///
    /// # Errors
    /// [`MailError`], whose variant tells whether trying again can help.
    async fn send(&self, mail: &Mail, idempotency_key: &str) -> Result<(), MailError>;
}

/// A rendered mail. It is not printed, since its texts may hold links with tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Sender, as `Name <address>` or an address alone.
    pub from: String,
    /// Address of the one recipient.
    pub to: String,
    /// Subject line.
    pub subject: String,
    /// HTML part.
    pub html: String,
    /// Plain-text part.
    pub text: String,
}

impl Mail {
    /// Splits the sender into name, where there is one, and address.
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

/// Reason why a mail was not accepted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum MailError {
    /// The provider is down, slow or over its quota: try again later.
    #[error("mail not accepted yet: {0}")]
    Retry(String),
    /// The provider refuses this mail for good.
    #[error("mail refused: {0}")]
    Refused(String),
    /// The provider says that no mail will ever reach the recipient: the mailbox or its domain does not exist.
    #[error("mail bounced: {0}")]
    Bounced(String),
}
