//! Metrics in an Analytics Engine dataset: a point for each request and one for each tick. docs/observability.md describes
//! them.

use std::cell::Cell;

use aibaas_core::{App, Backlog, RequestRecord};
use axum::response::Response;

use super::glue;

/// Name of the dataset's binding.
pub(super) const DATASET: &str = "ANALYTICS";

thread_local! {
    /// Whether the deployment has the binding.
    static IS_BOUND: Cell<bool> = const { Cell::new(false) };
}

/// Turns the writing of points on or off.
pub(super) fn install(is_bound: bool) {
    IS_BOUND.set(is_bound);
}

/// Counts an answer. Nobody waits for it, and a failure does not change the answer.
pub(super) fn count(answer: &Response) {
    if !IS_BOUND.get() {
        return;
    }
    let Some(record) = answer.extensions().get::<RequestRecord>() else { return };
    let status = answer.status();
    let decisions = record.key_decisions.join(" ");
    let told = [record.route(), record.method, status.as_str(), record.caller.name(), &decisions].join("\n");
    glue::count_request(&told, u32::try_from(record.duration_ms).unwrap_or(u32::MAX));
}

/// Most mails and webhooks of each kind that a tick counts: each is a row that D1 reads, every minute.
const MOST_COUNTED: i64 = 200;

/// Writes the point of a tick: what waits. A failure is logged, and the next tick writes its own.
#[expect(clippy::cast_precision_loss, reason = "MOST_COUNTED at most")]
pub(super) async fn count_tick(app: &App) {
    if !IS_BOUND.get() {
        return;
    }
    match Backlog::read(app.database(), app.clock(), MOST_COUNTED).await {
        Ok(backlog) => glue::count_tick(&[
            backlog.mails.waiting as f64,
            backlog.mails.given_up as f64,
            backlog.oldest_mail_age().as_secs_f64(),
            backlog.webhooks.waiting as f64,
            backlog.webhooks.failing as f64,
            backlog.webhooks_overdue().as_secs_f64(),
        ]),
        Err(error) => tracing::error!(%error, "what waits was not counted"),
    }
}
