//! `RateLimiter` over Durable Objects: the port's side, which asks, and the object's side, which counts.

use std::collections::HashMap;

use aibaas_core::{
    domain::{LimitState, SlidingLog, Timestamp},
    ports::{Admission, Limit, RateLimitError, RateLimiter},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use worker::{durable::ObjectNamespace, send::SendFuture};

use super::{adapters::timestamp, glue};

/// Objects of the binding `RATE_LIMITER`, one per subject.
pub(super) struct LimiterObjects(pub(super) ObjectNamespace);

#[derive(Serialize, Deserialize)]
struct Question {
    cost: u32,
    /// Name, limit, and length of the window in milliseconds, of each limit.
    limits: Vec<(String, u32, u64)>,
}

#[derive(Serialize, Deserialize)]
struct Answer {
    allowed: bool,
    /// Remaining cost, and milliseconds until reset, of each limit.
    states: Vec<(u32, u64)>,
}

#[async_trait]
impl RateLimiter for LimiterObjects {
    async fn admit(
        &self,
        subject: &str,
        limits: &[Limit],
        cost: u32,
        _now: Timestamp,
    ) -> Result<Admission, RateLimitError> {
        let limits = limits
            .iter()
            .map(|limit| (limit.name.clone(), limit.limit, u64::from(limit.window_seconds).saturating_mul(1000)))
            .collect();
        let unreadable = |error: serde_json::Error| RateLimitError(error.to_string());
        let question = serde_json::to_string(&Question { cost, limits }).map_err(unreadable)?;
        let namespace: &JsValue = self.0.as_ref();
        let answer = SendFuture::new(async {
            let answer = glue::admit(namespace, subject, &question)
                .await
                .map_err(|error| RateLimitError(glue::message(&error)))?;
            Ok(answer.as_string().unwrap_or_default())
        });
        let Answer { allowed, states } = serde_json::from_str(&answer.await?).map_err(unreadable)?;
        let states =
            states.into_iter().map(|(remaining, reset_after_ms)| LimitState { remaining, reset_after_ms }).collect();
        Ok(Admission { allowed, states })
    }
}

/// State of one object: a sliding log per policy. Its admissions are in the object's storage too.
#[wasm_bindgen]
pub struct Limiter {
    logs: HashMap<String, SlidingLog>,
}

#[wasm_bindgen]
impl Limiter {
    /// Creates the limiter from what is stored, `[[policy, at, cost], …]`, oldest first.
    #[wasm_bindgen(constructor)]
    pub fn new(stored: &str) -> Self {
        let mut entries = HashMap::<String, Vec<(Timestamp, u32)>>::new();
        for (policy, at, cost) in serde_json::from_str::<Vec<(String, i64, u32)>>(stored).unwrap_or_default() {
            entries.entry(policy).or_default().push((Timestamp(at), cost));
        }
        Self {
            logs: entries.into_iter().map(|(policy, entries)| (policy, SlidingLog::from_entries(entries))).collect(),
        }
    }

    /// Charges every limit of the question or none. Answers with two lines of JSON: the caller's answer, and what to
    /// store, `[[policy, at, cost, expires, expired], …]`.
    pub fn admit(&mut self, question: &str, now: f64) -> Option<String> {
        let now = timestamp(now);
        let question: Question = serde_json::from_str(question).ok()?;
        let mut allowed = true;
        for (policy, limit, window_ms) in &question.limits {
            let log = self.logs.entry(policy.clone()).or_default();
            log.expire(*window_ms, now);
            allowed &= log.state(*limit, *window_ms, now).remaining >= question.cost;
        }
        let (mut states, mut charges) = (Vec::new(), Vec::new());
        for (policy, limit, window_ms) in &question.limits {
            let log = self.logs.entry(policy.clone()).or_default();
            let window = i64::try_from(*window_ms).unwrap_or(i64::MAX);
            if allowed
                && log.charge(*limit, question.cost, now)
                && let Some((at, cost)) = log.entries().last()
            {
                charges.push((policy, at.0, cost, at.plus_ms(window).0, now.plus_ms(window.saturating_neg()).0));
            }
            let state = log.state(*limit, *window_ms, now);
            states.push((state.remaining, state.reset_after_ms));
        }
        let answer = serde_json::to_string(&Answer { allowed, states }).ok()?;
        let charges = serde_json::to_string(&charges).ok()?;
        Some(format!("{answer}\n{charges}"))
    }
}
