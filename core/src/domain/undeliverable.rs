//! Addresses that mail cannot be delivered to, as providers report them.

use serde::Deserialize;
use utoipa::ToSchema;

use super::{SecurityEventName, account::Email, wire_names::wire_names};
use crate::domain::Timestamp;

wire_names! {
    /// Why mail to an address is not sent.
    UndeliverableCause as "UndeliverableCause" {
        /// The mail bounced: the address does not exist, or takes no mail, for good.
        Bounce = "bounce",
        /// The reader said that a mail is spam.
        Complaint = "complaint",
    }
}

/// The reason why mail to an address is not sent, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undeliverable {
    /// Cause for which no mail is sent.
    pub cause: UndeliverableCause,
    /// When the cause arose.
    pub since: Timestamp,
    /// When the address's owner last asked for a mail that verifies it anew.
    pub asked_at: Option<Timestamp>,
}

/// A provider's report about an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryEvent {
    /// The address, as accounts spell it.
    pub email: Email,
    /// Cause that the provider reports.
    pub cause: UndeliverableCause,
    /// When it happened, by the provider; `None` where it does not say.
    pub at: Option<Timestamp>,
}

impl DeliveryEvent {
    /// Name of the security event that records the report.
    pub const NAME: SecurityEventName = SecurityEventName::AddressUndeliverable;

    fn new(address: &str, cause: UndeliverableCause, at: Option<Timestamp>) -> Option<Self> {
        // Mail was never sent to what is not an address.
        Some(Self { email: Email::parse(address).ok()?, cause, at })
    }
}

/// An event of Resend. Members that are not described here may be there too.
#[derive(Deserialize, ToSchema)]
pub struct ResendEvent {
    /// What happened.
    #[schema(example = "email.bounced")]
    r#type: String,
    /// When.
    #[schema(format = DateTime, example = "2026-11-22T23:41:12.126Z")]
    created_at: Option<String>,
    #[serde(default)]
    data: ResendMail,
}

/// The mail that an event of Resend is about.
#[derive(Default, Deserialize, ToSchema)]
struct ResendMail {
    /// To whom it was sent.
    #[serde(default)]
    #[schema(example = json!(["delivered@resend.dev"]))]
    to: Vec<String>,
    bounce: Option<ResendBounce>,
}

/// How a mail bounced.
#[derive(Deserialize, ToSchema)]
struct ResendBounce {
    /// `Permanent`, `Transient` or `Undetermined`.
    #[schema(example = "Permanent")]
    r#type: Option<String>,
}

impl ResendEvent {
    /// Returns what the event reports of addresses: permanent bounces and complaints. Delays and bounces that may pass
    /// report nothing.
    #[must_use]
    pub fn read(&self) -> Vec<DeliveryEvent> {
        let is_permanent =
            || self.data.bounce.as_ref().and_then(|bounce| bounce.r#type.as_deref()) == Some("Permanent");
        let cause = match self.r#type.as_str() {
            "email.bounced" if is_permanent() => UndeliverableCause::Bounce,
            "email.complained" => UndeliverableCause::Complaint,
            _ => return Vec::new(),
        };
        let at = self.created_at.as_deref().and_then(|at| at.parse::<jiff::Timestamp>().ok());
        let at = at.map(|at| Timestamp(at.as_millisecond()));
        self.data.to.iter().filter_map(|address| DeliveryEvent::new(address, cause, at)).collect()
    }
}

/// An event of SendGrid. Members that are not described here may be there too.
#[derive(Deserialize, ToSchema)]
pub struct SendGridEvent {
    /// To whom the mail was sent.
    #[serde(default)]
    #[schema(example = "example@test.com")]
    email: String,
    /// What happened.
    #[serde(default)]
    #[schema(example = "bounce")]
    event: String,
    /// Of a bounce: `bounce`, or `blocked` where it may pass.
    #[schema(example = "bounce")]
    r#type: Option<String>,
    /// What the recipient's server said, or why it was dropped.
    #[schema(example = "500 unknown recipient")]
    reason: Option<String>,
    /// When, in seconds since the epoch.
    #[schema(example = 1_513_299_569)]
    timestamp: Option<i64>,
}

impl SendGridEvent {
    /// Returns what the event reports of the address. A bounce of the type `blocked`, and a deferral, may pass, and
    /// report nothing. Of a mail that SendGrid dropped, the reason is what counts.
    #[must_use]
    pub fn read(&self) -> Option<DeliveryEvent> {
        let cause = match (self.event.as_str(), self.r#type.as_deref(), self.reason.as_deref()) {
            ("bounce", Some("bounce"), _) | ("dropped", _, Some("Bounced Address" | "Invalid")) => {
                UndeliverableCause::Bounce
            }
            ("spamreport", ..) | ("dropped", _, Some("Spam Reporting Address")) => UndeliverableCause::Complaint,
            _ => return None,
        };
        let at = self.timestamp.map(|seconds| Timestamp(seconds.saturating_mul(1000)));
        DeliveryEvent::new(&self.email, cause, at)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn resend(event: Value) -> Vec<(String, UndeliverableCause, Option<i64>)> {
        let event = serde_json::from_value::<ResendEvent>(event).unwrap();
        event.read().into_iter().map(|one| (one.email.as_str().to_owned(), one.cause, one.at.map(|at| at.0))).collect()
    }

    /// Returns the event of a bounce, as Resend documents it.
    fn bounced(kind: &str) -> Value {
        json!({
            "type": "email.bounced",
            "created_at": "2026-11-22T23:41:12.126Z",
            "data": {
                "created_at": "2026-11-22T23:41:11.894719+00:00",
                "email_id": "56761188-7520-42d8-8898-ff6fc54ce618",
                "from": "Acme <onboarding@resend.dev>",
                "to": ["Delivered@Resend.dev"],
                "subject": "Sending this example",
                "bounce": { "message": "It has a history of bounces.", "subType": "Suppressed", "type": kind },
                "tags": { "category": "confirm_email" },
            },
        })
    }

    #[test]
    fn bounces_for_good_and_complaints_of_resend_count() {
        let told = |cause| vec![("delivered@resend.dev".to_owned(), cause, Some(1_795_390_872_126))];
        assert_eq!(resend(bounced("Permanent")), told(UndeliverableCause::Bounce));
        let mut complained = bounced("Permanent");
        complained["type"] = json!("email.complained");
        complained["data"].as_object_mut().unwrap().remove("bounce");
        assert_eq!(resend(complained.clone()), told(UndeliverableCause::Complaint));
        complained["type"] = json!("email.bounced");
        for nothing in [bounced("Transient"), bounced("Undetermined"), complained, json!({ "type": "domain.created" })]
        {
            assert_eq!(resend(nothing.clone()), [], "{nothing}");
        }
        let mut delayed = bounced("Permanent");
        delayed["type"] = json!("email.delivery_delayed");
        assert_eq!(resend(delayed), []);
        let mut no_address = bounced("Permanent");
        no_address["data"]["to"] = json!(["nobody"]);
        assert_eq!(resend(no_address), []);
    }

    fn sendgrid(event: Value) -> Option<UndeliverableCause> {
        let event = serde_json::from_value::<SendGridEvent>(event).unwrap().read()?;
        assert_eq!((event.email.as_str(), event.at), ("example@test.com", Some(Timestamp(1_513_299_569_000))));
        Some(event.cause)
    }

    #[test]
    fn bounces_for_good_and_complaints_of_sendgrid_count() {
        use UndeliverableCause::{Bounce, Complaint};

        let cases = [
            (json!({ "event": "bounce", "type": "bounce", "reason": "500 unknown recipient" }), Some(Bounce)),
            (json!({ "event": "bounce", "type": "blocked", "reason": "mailbox full" }), None),
            (json!({ "event": "bounce", "reason": "an older event says no type" }), None),
            (json!({ "event": "deferred", "response": "400 try again later", "attempt": "5" }), None),
            (json!({ "event": "spamreport" }), Some(Complaint)),
            (json!({ "event": "dropped", "reason": "Bounced Address" }), Some(Bounce)),
            (json!({ "event": "dropped", "reason": "Invalid" }), Some(Bounce)),
            (json!({ "event": "dropped", "reason": "Spam Reporting Address" }), Some(Complaint)),
            (json!({ "event": "dropped", "reason": "Unsubscribed Address" }), None),
            (json!({ "event": "delivered" }), None),
            (json!({ "event": "open" }), None),
        ];
        for (mut event, cause) in cases {
            event["email"] = json!("Example@Test.com");
            event["timestamp"] = json!(1_513_299_569);
            assert_eq!(sendgrid(event.clone()), cause, "{event}");
        }
    }
}
