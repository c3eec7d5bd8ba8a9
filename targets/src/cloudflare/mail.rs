//! Mail through Cloudflare's Email Service.

use aibaas_core::ports::{Mail, MailError, MailTransport};
use async_trait::async_trait;
use js_sys::{Error, Reflect};
use wasm_bindgen::JsValue;
use worker::{EmailAddress, SendEmail, SendEmailBuilder, send::SendFuture};

/// Codes of mistakes in the mail itself; everything else may be corrected, by us or by time.
const FINAL: [&str; 4] = ["E_CONTENT_TOO_LARGE", "E_FIELD_MISSING", "E_TOO_MANY_RECIPIENTS", "E_VALIDATION_ERROR"];
/// Code for a recipient to whom the service sends nothing, since mail bounced or its reader complained.
const SUPPRESSED: &str = "E_RECIPIENT_SUPPRESSED";

/// Mail transport of the binding `EMAIL`. The service writes the MIME message. It knows no idempotency keys: a crash
/// between its acceptance and our note of it sends that mail again.
pub(super) struct EmailService(pub(super) SendEmail);

#[async_trait]
impl MailTransport for EmailService {
    async fn send(&self, mail: &Mail, _idempotency_key: &str) -> Result<(), MailError> {
        SendFuture::new(async {
            let message = match mail.sender() {
                (Some(name), address) => {
                    let sender = EmailAddress::new(name, address);
                    SendEmailBuilder::new_with_email_address_and_str(&sender, &mail.to, &mail.subject)
                }
                (None, address) => SendEmailBuilder::new(address, &mail.to, &mail.subject),
            };
            message.set_html(&mail.html);
            message.set_text(&mail.text);
            self.0.send_with_builder(&message).await.map(drop).map_err(|error| failed(&error))
        })
        .await
    }
}

/// Converts the error to one with its code alone: its text may hold the address.
fn failed(error: &Error) -> MailError {
    let code = Reflect::get(error, &JsValue::from_str("code")).ok().and_then(|code| code.as_string());
    let code = code.unwrap_or_else(|| String::from(error.name()));
    let said = format!("Cloudflare's Email Service answered {code}");
    match code.as_str() {
        SUPPRESSED => MailError::Bounced(said),
        code if FINAL.contains(&code) => MailError::Refused(said),
        _ => MailError::Retry(said),
    }
}
