//! Conversion of a trial to a result.

use aibaas_core::{domain::result_status::ResultStatus, wire::ResultInput};
use jiff::{Timestamp, civil};

use super::document::Trial;
use crate::import::plan;

impl Trial {
    /// Creates the result of the attempt. A trial that the harness could not judge counts as 0, with status error.
    pub fn result(&self, attempt: u32) -> ResultInput {
        let failure = self.failure_mode.as_deref().unwrap_or_default();
        let resolved = self.is_resolved.unwrap_or(false);
        let status = match failure {
            _ if resolved => ResultStatus::Success,
            "agent_timeout" | "test_timeout" => ResultStatus::Timeout,
            "" | "unset" | "none" if self.is_resolved.is_some() => ResultStatus::Failed,
            _ => ResultStatus::Error,
        };
        // Agents that do not count tokens report 0.
        let tokens = |tokens: Option<u64>| tokens.filter(|tokens| *tokens > 0).map(plan::tokens);
        let score = f64::from(u8::from(resolved));
        ResultInput {
            status,
            latency_ms: self.latency_ms(),
            input_tokens: tokens(self.total_input_tokens),
            output_tokens: tokens(self.total_output_tokens),
            ..ResultInput::finished(self.task_id.trim(), attempt, score)
        }
    }

    fn latency_ms(&self) -> Option<f64> {
        let [from, to] = [&self.agent_started_at, &self.agent_ended_at].map(|text| moment(text.as_deref()?));
        let millis = to?.as_millisecond().checked_sub(from?.as_millisecond())?;
        #[expect(clippy::cast_precision_loss, reason = "within 2⁵³ for any trial there is")]
        Some(millis as f64).filter(|millis| *millis > 0.0)
    }
}

/// Parses a time, without an offset as UTC: only differences matter.
fn moment(text: &str) -> Option<Timestamp> {
    let local = || text.parse::<civil::DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    text.parse().ok().or_else(|| local().map(|time| time.timestamp()))
}
