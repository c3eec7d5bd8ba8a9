//! The evidence of a run: results, counts or a score, as its version takes it, and how the last two are replaced.

use super::{result_input::MOST_MEASURED, runs::not_owner};
use crate::{
    app::App,
    domain::{RunId, UserId, benchmark::Evidence},
    http::{
        problem::{ApiError, EVIDENCE_MISMATCH, RUN_NOT_OPEN},
        request::Validator,
    },
    store::{
        Batch, BatchError, Guard, Query,
        runs::{self, Run},
    },
};

/// Refuses evidence of another kind than the run's version takes.
///
/// # Errors
/// `evidence_mismatch`, which says what the version takes.
pub fn require_evidence(run: &Run, evidence: Evidence) -> Result<(), ApiError> {
    let takes = match run.evidence {
        own if own == evidence => return Ok(()),
        Evidence::Results => "this benchmark version takes results, task by task",
        Evidence::Counts => "this benchmark version takes counts: PUT …/counts",
        Evidence::Score => "this benchmark version takes the score of a run: PUT …/score",
    };
    Err(ApiError::new(EVIDENCE_MISMATCH, takes))
}

/// Checks the cost of a run (US dollars) and the mean latency of its tasks (milliseconds); either may be unknown.
pub fn check_measured(validator: &mut Validator, cost_usd: Option<f64>, mean_latency_ms: Option<f64>) {
    for (pointer, number) in [("/costUsd", cost_usd), ("/meanLatencyMs", mean_latency_ms)] {
        let possible = number.is_none_or(|number| (0.0..=MOST_MEASURED).contains(&number));
        validator.require(possible, pointer, "give 0 to 1000000000, or null where it is unknown");
    }
}

/// Replaces the counts or the score of an open run.
///
/// # Errors
/// `run_not_open`, or `not_owner` where the owner's account has gone meanwhile.
pub async fn replace(
    app: &App,
    owner_id: &UserId,
    run: &RunId,
    evidence: Evidence,
    put: Query<()>,
) -> Result<(), ApiError> {
    let mut batch = Batch::new();
    batch.extend([runs::expect_open(run, owner_id, evidence), put, runs::revise(run)]);
    match batch.run(app.database()).await {
        Err(BatchError::Guard(Guard::RunOpen)) => Err(ApiError::new(RUN_NOT_OPEN, "it was published or withdrawn")),
        Err(BatchError::Guard(Guard::RunOwner)) => Err(not_owner()),
        done => done.map(drop).map_err(ApiError::from),
    }
}
