//! What endpoints that change the second factor take and read.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::Secret,
    http::{credentials::ClaimedSession, problem::ApiError},
    store::{
        mfa::{self, SecondFactor},
        users::User,
    },
};

/// What is given to change the second factor: both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecondFactorRequest)]
pub struct StepUp {
    /// The account's password.
    #[schema(
        value_type = String,
        format = Password,
        min_length = 1,
        max_length = 1024,
        example = "correct horse battery staple"
    )]
    pub password: Secret,
    /// 6 digits, or a recovery code. Spaces, hyphens and case do not matter.
    #[schema(value_type = String, required = true, min_length = 6, max_length = 64, example = "492039")]
    pub code: Option<Secret>,
}

/// Reads the caller's account with its second factor.
pub(super) async fn second_factor(app: &App, caller: &ClaimedSession) -> Result<(User, SecondFactor), ApiError> {
    let mut batch = caller.batch();
    let user_id = batch.user_id();
    let second_factor = batch.push(mfa::find(user_id, None));
    let (session, mut answers) = batch.read(app).await?;
    Ok((session.user, answers.take(second_factor)?))
}
