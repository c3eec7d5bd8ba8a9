use axum::{Json as Answer, extract::State};
use serde::Deserialize;
use serde_json::Value;

use super::runs::{find_own, run_body};
use crate::{
    app::App,
    domain::{RunId, run_status::RunStatus},
    http::{
        credentials::{ApiKeyClient, ResultsWrite},
        problem::{ApiError, RUN_NOT_PUBLISHED},
        request::{Json, Path, Validator},
    },
    store::{Batch, BatchError, Guard, publications::RunEnding},
};

/// Why a run ends; everyone may read it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    reason: String,
}

impl Body {
    /// The reason.
    ///
    /// # Errors
    /// `validation_failed`.
    pub fn reason(&self) -> Result<String, ApiError> {
        let mut validator = Validator::default();
        let reason = validator.text("/reason", &self.reason, 1, 1000);
        validator.finish()?;
        Ok(reason)
    }
}

/// Takes a published run out of the ranking, in one batch: the model's latest other run stands again, and the log of
/// changes says why. Withdrawing again is no error, and changes nothing.
pub async fn handler(
    State(app): State<App>,
    client: ApiKeyClient<ResultsWrite>,
    Path(id): Path<RunId>,
    Json(body): Json<Body>,
) -> Result<Answer<Value>, ApiError> {
    let (owner_id, reason) = (client.owner_id(), body.reason()?);
    let ending = RunEnding { run_id: &id, status: RunStatus::Withdrawn, reason: &reason, at: app.now() };
    let mut batch = Batch::new();
    ending.of_published(&mut batch, Some(owner_id), &app.new_id());
    match batch.run(app.database()).await {
        // What it is instead, the run tells.
        Err(BatchError::Guard(Guard::RunPublished)) => {}
        done => drop(done?),
    }
    let run = find_own(&app, owner_id, &id).await?;
    match run.status {
        RunStatus::Withdrawn => Ok(Answer(run_body(&run))),
        status => Err(ApiError::new(RUN_NOT_PUBLISHED, format!("it is {}", status.as_str()))),
    }
}
