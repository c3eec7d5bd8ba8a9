//! Webhooks and deliveries as answers show them.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::{
    domain::{
        Secret, Timestamp, WebhookDeliveryId, WebhookId,
        webhook::{
            WebhookDeliveryStatus, WebhookDisabledReason, WebhookEvent, WebhookFailure, WebhookStatus, WebhookUrl,
        },
    },
    store::webhooks::{Delivery, Webhook},
};

/// A webhook as its owner sees it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Webhook)]
pub struct WebhookBody {
    id: WebhookId,
    #[schema(value_type = String, format = "uri", pattern = "^https?://", max_length = 2048, example = "https://example.org/hooks/aibaas")]
    #[serde(serialize_with = "shown")]
    url: WebhookUrl,
    #[schema(max_length = 1000)]
    description: Option<String>,
    #[schema(value_type = BTreeSet<WebhookEvent>, min_items = 1)]
    events: Vec<WebhookEvent>,
    status: WebhookStatus,
    /// Why it is not called; null: it is.
    disabled_reason: Option<WebhookDisabledReason>,
    /// Since when it is not called.
    disabled_at: Option<Timestamp>,
    created_at: Timestamp,
    /// Since when nothing was taken; null: the last request was.
    failing_since: Option<Timestamp>,
    /// How long the secret before the last rotation signs, too.
    previous_secret_until: Option<Timestamp>,
}

fn shown<S: Serializer>(url: &WebhookUrl, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.expose())
}

impl From<Webhook> for WebhookBody {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id,
            url: webhook.url,
            description: webhook.description,
            events: webhook.events,
            status: webhook.status,
            disabled_reason: webhook.disabled_reason,
            disabled_at: webhook.disabled_at,
            created_at: webhook.created_at,
            failing_since: webhook.failing_since,
            previous_secret_until: webhook.previous_until,
        }
    }
}

/// A webhook with a new secret, which is shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookWithSecret {
    pub(super) webhook: WebhookBody,
    /// What its requests are signed with, as Standard Webhooks has it.
    #[schema(value_type = String, pattern = "^whsec_[0-9A-Za-z+/]{43}=$", example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDC2FVsBQIhrs=")]
    #[serde(serialize_with = "Secret::shown")]
    pub(super) secret: Secret,
}

/// What a webhook is told.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub struct DeliveryBody {
    /// `webhook-id` of its requests: the same whenever it is sent again, and for each webhook that is told of it.
    id: WebhookDeliveryId,
    webhook_id: WebhookId,
    #[serde(rename = "type")]
    event: WebhookEvent,
    status: WebhookDeliveryStatus,
    created_at: Timestamp,
    /// How often it was sent.
    #[schema(minimum = 0)]
    attempts: i64,
    last_attempt_at: Option<Timestamp>,
    /// When it is sent next, or a little later.
    next_attempt_at: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    /// The status of the last answer.
    #[schema(minimum = 100, maximum = 999)]
    answer_status: Option<i64>,
    /// Why the last attempt failed; null: it did not.
    failure: Option<WebhookFailure>,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        Self {
            status: delivery.status(),
            id: delivery.id,
            webhook_id: delivery.webhook_id,
            event: delivery.event,
            created_at: delivery.created_at,
            attempts: delivery.attempts,
            last_attempt_at: delivery.attempted_at,
            next_attempt_at: delivery.next_attempt_at,
            delivered_at: delivery.delivered_at,
            answer_status: delivery.answer,
            failure: delivery.failure,
        }
    }
}
