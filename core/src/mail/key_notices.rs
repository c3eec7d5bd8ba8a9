//! Mails of the tick to owners of API keys.

use std::collections::HashSet;

use serde_json::json;

use super::{EmailTemplate, QueueError, queue};
use crate::{
    app::App,
    domain::webhook::WebhookEvent,
    ports::DatabaseError,
    store::{
        Batch, BatchError,
        key_notices::{self, ExpiringKey, LimitedKey},
        webhooks::{self, PersonalEvent},
    },
};

/// Most keys that a tick looks at for each kind of notice: fewer than the mails that a delivery sends, so that notices
/// never keep other mail waiting. What is left waits for the next tick.
const MOST: u32 = 10;

/// Reason why no notice was queued.
#[derive(Debug, thiserror::Error)]
enum NoticeError {
    #[error(transparent)]
    Read(#[from] DatabaseError),
    #[error(transparent)]
    Written(#[from] BatchError),
    #[error(transparent)]
    Queued(#[from] QueueError),
}

/// Queues notices for owners of keys that expire (30, 7 and 1 days before) and of keys that reach their limits (once a
/// day). Failures are logged: the next tick tries again, and nobody is told twice.
pub async fn queue_key_notices(app: &App) {
    for told in [queue_expiry_notices(app).await, queue_limit_notices(app).await] {
        if let Err(error) = told {
            tracing::error!(%error, "owners of API keys were not told");
        }
    }
}

async fn queue_expiry_notices(app: &App) -> Result<(), NoticeError> {
    let keys = key_notices::find_expiring(app.now(), MOST).run(app.database()).await?;
    if keys.is_empty() {
        return Ok(());
    }
    let event = |key: &ExpiringKey| PersonalEvent {
        id: app.new_id().into(),
        event: WebhookEvent::ApiKeyExpiring,
        user_id: key.user_id.clone(),
        expires_at: Some(key.expires_at),
        data: json!({
            "apiKeyId": key.id, "name": key.name, "keyPrefix": key.key_prefix, "expiresAt": key.expires_at,
            "days": key.days,
        }),
    };
    let events = keys.iter().map(event).collect::<Vec<_>>();
    let mails = keys.into_iter().map(|key| {
        let template = EmailTemplate::ApiKeyExpires {
            name: key.name.clone(),
            key_prefix: key.key_prefix.clone(),
            at: key.expires_at.to_string(),
        };
        queue(app, &template).map(|mail| (key, mail))
    });
    let mails = mails.collect::<Result<Vec<_>, _>>()?;
    let told = webhooks::queue_of_expiring(&events, app.now()).into_iter();
    let told = told.chain(key_notices::queue_expiry_notices(&mails, app.now()));
    told.collect::<Batch>().run(app.database()).await?;
    Ok(())
}

async fn queue_limit_notices(app: &App) -> Result<(), NoticeError> {
    let keys = key_notices::find_limited(app.now(), MOST).run(app.database()).await?;
    let mut people = HashSet::new();
    let keys = keys.into_iter().filter(|key| people.insert(key.user_id.clone())).collect::<Vec<_>>();
    if keys.is_empty() {
        return Ok(());
    }
    let event = |key: &LimitedKey| PersonalEvent {
        id: app.new_id().into(),
        event: WebhookEvent::ApiKeyLimitReached,
        user_id: key.user_id.clone(),
        expires_at: None,
        data: json!({ "apiKeyId": key.id, "name": key.name, "keyPrefix": key.key_prefix }),
    };
    let events = keys.iter().map(event).collect::<Vec<_>>();
    let mails = keys.into_iter().map(|key| {
        let template = EmailTemplate::ApiKeyLimited { name: key.name, key_prefix: key.key_prefix };
        queue(app, &template).map(|mail| (key.user_id, mail))
    });
    let mails = mails.collect::<Result<Vec<_>, _>>()?;
    let told = webhooks::queue_of_limited(&events, app.now()).into_iter();
    let told = told.chain(key_notices::queue_limit_notices(&mails, app.now()));
    told.collect::<Batch>().run(app.database()).await?;
    Ok(())
}
