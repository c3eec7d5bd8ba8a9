//! The outbox: what waits, what was given up and why, and sending it again.

use axum::{
    Json as Answer,
    extract::{OriginalUri, State},
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{SecurityEventName, Timestamp, UserId, formats::Uuid, mail_state::MailState},
    http::{
        credentials::ClaimedAdmin,
        openapi::NotFound,
        page::{NewestFirst, Page, PageQuery},
        problem::ApiError,
        request::{Path, Query},
    },
    mail,
    store::outbox::{self, OutboxMail},
};

/// A mail, but for what it says.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OutboxMail)]
pub struct OutboxMailBody {
    #[schema(value_type = Uuid)]
    id: String,
    /// To which address.
    #[schema(max_length = 254)]
    recipient: String,
    /// Which text it is.
    #[schema(max_length = 100, example = "verify_email")]
    kind: String,
    /// With whose account it goes.
    user_id: Option<UserId>,
    state: MailState,
    created_at: Timestamp,
    /// How often it was tried.
    #[schema(minimum = 0)]
    attempts: i64,
    /// When it is tried next; null: never.
    next_attempt_at: Option<Timestamp>,
    sent_at: Option<Timestamp>,
    /// Why the last attempt that failed did.
    error: Option<String>,
    /// Whether its text is still there: without it there is nothing to send.
    has_text: bool,
}

impl From<OutboxMail> for OutboxMailBody {
    fn from(mail: OutboxMail) -> Self {
        Self {
            state: mail.state(),
            id: mail.id,
            recipient: mail.recipient,
            kind: mail.kind,
            user_id: mail.user_id,
            created_at: mail.created_at,
            attempts: mail.attempts,
            next_attempt_at: mail.next_attempt_at,
            sent_at: mail.sent_at,
            error: mail.last_error,
            has_text: mail.has_text,
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Which mails; those that wait where it is left out.
    state: Option<MailState>,
    #[param(ignore)]
    limit: Option<u32>,
    #[param(ignore)]
    cursor: Option<String>,
}

/// Lists mails of the outbox, newest first.
///
/// Those that wait, those that were given up, each with why, or those that were sent. A mail is kept for 30 days; what it
/// says is told nowhere.
#[utoipa::path(
    get,
    path = "/api/v1/admin/mails",
    operation_id = "listMails",
    tag = "Administration",
    security(("accessToken" = [])),
    params(Parameters, PageQuery),
    responses((status = 200, description = "A page.", body = Page<'_, OutboxMailBody>)),
)]
pub async fn list(
    State(app): State<App>,
    admin: ClaimedAdmin,
    OriginalUri(uri): OriginalUri,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let page = NewestFirst::new(uri, parameters.limit, parameters.cursor.as_deref())?;
    let state = parameters.state.unwrap_or(MailState::Waiting);
    let mails = admin.read(&app, outbox::list_of_state(state, &page.rows())).await?;
    Ok(page.answer(mails, |mail| (mail.created_at.0, mail.id.clone()), OutboxMailBody::from))
}

/// Sends a mail again.
///
/// One that was given up, or whose next attempt is later: it is due now, and is tried after the answer. One that was sent,
/// is due already or is being sent is left as it is, so that two calls at once send one mail.
#[utoipa::path(
    post,
    path = "/api/v1/admin/mails/{id}/send",
    operation_id = "sendMailAgain",
    tag = "Administration",
    security(("accessToken" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, description = "How it stands now.", body = OutboxMailBody),
        (status = 404, response = NotFound),
    ),
)]
pub async fn send_again(
    State(app): State<App>,
    admin: ClaimedAdmin,
    Path(id): Path<String>,
) -> Result<Answer<OutboxMailBody>, ApiError> {
    let event = admin.event(&app, SecurityEventName::MailSentAgain, json!({ "mailId": id }));
    let mut batch = admin.batch();
    batch.push(outbox::send_again(&id, app.now()));
    batch.push(event.of_if_changed(None));
    let found = batch.push(outbox::find(&id));
    let found = batch.run(&app).await?.take(found)?.ok_or_else(|| ApiError::not_found("mail"))?;
    mail::deliver_in_background(&app);
    Ok(Answer(found.into()))
}
