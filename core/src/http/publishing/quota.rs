//! The error of a publisher whose storage is used up.

use crate::{
    app::App,
    domain::UserId,
    http::{
        credentials::invalid_key,
        problem::{ApiError, Problem, ProblemMembers, STORAGE_QUOTA_EXCEEDED},
    },
    store::storage,
};

/// Creates the error for a batch that its owner has no storage left for.
///
/// # Errors
/// `invalid_api_key` where the owner's account has gone meanwhile; else what the database answers.
pub(super) async fn over_quota(app: &App, owner_id: &UserId) -> Result<ApiError, ApiError> {
    let storage = storage::find(owner_id, app.config().storage_quota_bytes).run(app.database()).await?;
    let storage = storage.ok_or_else(invalid_key)?;
    let left = storage.left_bytes();
    let detail = format!(
        "{left} of {} bytes are left for benchmarks, runs and results, and this takes more; an administrator can raise the quota",
        storage.quota_bytes
    );
    let members = ProblemMembers {
        used_bytes: Some(storage.used_bytes),
        quota_bytes: Some(storage.quota_bytes),
        left_bytes: Some(left),
        ..ProblemMembers::default()
    };
    Ok(Problem::new(STORAGE_QUOTA_EXCEEDED, detail).with(members).into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::{
        config::{Config, HostDefaults},
        counting_ports::Counting,
        http::problem::INVALID_API_KEY,
    };

    #[test]
    fn an_owner_who_is_gone_by_then_has_no_quota_and_no_key() {
        let defaults = HostDefaults::development("http://a.example");
        let app = App::new(Arc::new(Counting::default()).ports(), Config::load(&|_| None, defaults).unwrap());
        let refused = over_quota(&app, &"nobody".into()).now_or_never().expect("these ports never wait");
        assert!(matches!(refused, Err(ApiError::Problem(problem)) if problem.is(INVALID_API_KEY)));
    }
}
