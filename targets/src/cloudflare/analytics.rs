//! What is counted of requests, in an Analytics Engine data set: a point each. What a point holds, docs/observability.md
//! says.

use std::cell::Cell;

use aibaas_core::RequestRecord;
use axum::response::Response;

use super::glue;

/// The binding of the data set.
pub(super) const DATASET: &str = "ANALYTICS";

thread_local! {
    /// Whether the deployment has one.
    static IS_BOUND: Cell<bool> = const { Cell::new(false) };
}

/// Has every answer counted from now on, or none.
pub(super) fn install(is_bound: bool) {
    IS_BOUND.set(is_bound);
}

/// Counts an answer. Nobody waits for it, and where it fails the answer is the same.
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
