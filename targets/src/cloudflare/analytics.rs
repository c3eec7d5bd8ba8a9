//! Metrics of requests in an Analytics Engine dataset, one point each. docs/observability.md describes the points.

use std::cell::Cell;

use aibaas_core::RequestRecord;
use axum::response::Response;

use super::glue;

/// Name of the dataset's binding.
pub(super) const DATASET: &str = "ANALYTICS";

thread_local! {
    /// Whether the deployment has the binding.
    static IS_BOUND: Cell<bool> = const { Cell::new(false) };
}

/// Turns the counting of answers on or off.
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
