//! The gate of API keys, with what it decides counted.

use std::sync::Arc;

use aibaas_core::{
    domain::{
        api_key::KeyHash,
        key_use::{Decision, HourOfUse, KeyUse},
    },
    ports::{KeyGate, KeyGateError, Timestamp},
};
use async_trait::async_trait;

use super::Metrics;

/// Counts each decision by its name.
pub struct MeasuredGate {
    /// Who decides.
    pub gate: Arc<dyn KeyGate>,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

#[async_trait]
impl KeyGate for MeasuredGate {
    async fn admit(&self, uses: &[KeyUse], now: Timestamp) -> Result<Vec<Decision>, KeyGateError> {
        let decisions = self.gate.admit(uses, now).await?;
        decisions.iter().for_each(|decision| self.metrics.count_decision(decision.name()));
        Ok(decisions)
    }

    async fn invalidate(&self, keys: &[KeyHash]) -> Result<(), KeyGateError> {
        self.gate.invalidate(keys).await
    }

    async fn unsaved(&self, key: KeyHash) -> Result<Vec<HourOfUse>, KeyGateError> {
        self.gate.unsaved(key).await
    }
}
