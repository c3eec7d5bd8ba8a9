//! Mail providers with an HTTP API.

use http::Method;
use serde_json::json;

use crate::{
    app::App,
    config::MailProvider,
    domain::Secret,
    ports::{Destination, Mail, MailError, OutboundRequest},
};

const TIMEOUT_MS: u32 = 10_000;

/// Hands the mail to the configured provider.
///
/// Resend keeps idempotency keys for 24 hours. SendGrid knows none: a crash between its acceptance and our note
/// of it sends that mail again.
///
/// # Errors
/// [`MailError`].
pub async fn send(app: &App, mail: &Mail, idempotency_key: &str) -> Result<(), MailError> {
    let provider = &app.config().mail_provider;
    let (url, api_key, body) = match provider {
        MailProvider::Kept => return Ok(()),
        MailProvider::Smtp(_) | MailProvider::Binding => {
            return Err(MailError::Retry(format!("this host does not reach {}", provider.name())));
        }
        MailProvider::Resend { api_key, url } => (format!("{url}/emails"), api_key, resend_body(mail)),
        MailProvider::SendGrid { api_key, url } => {
            (format!("{url}/v3/mail/send"), api_key, sendgrid_body(mail, idempotency_key))
        }
    };
    let request = OutboundRequest {
        destination: Destination::Configured,
        method: Method::POST,
        url,
        headers: vec![
            ("authorization", Secret::new(format!("Bearer {}", api_key.expose()))),
            ("content-type", Secret::new("application/json")),
            ("idempotency-key", Secret::new(idempotency_key)),
            ("user-agent", Secret::new(concat!("aibaas/", env!("CARGO_PKG_VERSION")))),
        ],
        body: body.to_string().into_bytes(),
        timeout_ms: TIMEOUT_MS,
    };
    let answer = app.ports().http_client.send(request).await.map_err(|error| MailError::Retry(error.to_string()))?;
    let said = || format!("{} answered {}", provider.name(), answer.status);
    match answer.status {
        200..=299 => Ok(()),
        // A key can be corrected, a quota refilled, an outage ended: only a mistake in the mail itself is final.
        400 | 413 | 422 => Err(MailError::Refused(said())),
        _ => Err(MailError::Retry(said())),
    }
}

fn resend_body(mail: &Mail) -> serde_json::Value {
    json!({ "from": mail.from, "to": [mail.to], "subject": mail.subject, "html": mail.html, "text": mail.text })
}

fn sendgrid_body(mail: &Mail, id: &str) -> serde_json::Value {
    let from = match mail.sender() {
        (Some(name), email) => json!({ "email": email, "name": name }),
        (None, email) => json!({ "email": email }),
    };
    json!({
        "personalizations": [{ "to": [{ "email": mail.to }], "custom_args": { "aibaas_mail_id": id } }],
        "from": from,
        "subject": mail.subject,
        "content": [{ "type": "text/plain", "value": mail.text }, { "type": "text/html", "value": mail.html }],
    })
}

impl MailProvider {
    /// Returns the provider's name in security events.
    pub(super) fn event_name(&self) -> &'static str {
        match self {
            Self::Resend { .. } => "resend",
            Self::SendGrid { .. } => "sendgrid",
            Self::Smtp(_) => "smtp",
            Self::Binding => "cloudflare",
            Self::Kept => "none",
        }
    }

    /// Returns the provider's name for error messages.
    fn name(&self) -> &'static str {
        match self {
            Self::Resend { .. } => "Resend",
            Self::SendGrid { .. } => "SendGrid",
            Self::Smtp(_) => "the SMTP server",
            Self::Binding => "Cloudflare",
            Self::Kept => "the development mailbox",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sendgrid_wants_the_senders_parts_apart() {
        let text = |text: &str| text.to_owned();
        let mail = |from: &str| Mail {
            from: text(from),
            to: text("a@b.example"),
            subject: text("s"),
            html: text("<p>"),
            text: text("t"),
        };
        assert_eq!(
            sendgrid_body(&mail("AIBaaS <no@x.example>"), "1")["from"],
            json!({"email": "no@x.example", "name": "AIBaaS"})
        );
        assert_eq!(sendgrid_body(&mail("no@x.example"), "1")["from"], json!({"email": "no@x.example"}));
    }
}
