use std::sync::Arc;

use super::{GrantedLease, LEASE_MS, UsageReport};
use crate::domain::{
    LimitState, Timestamp,
    key_use::{Decision, HourOfUse, KeyGrant, KeyUse, Usage},
};

/// A lease, as the instance that uses it knows it.
#[derive(Clone, Debug)]
pub struct Lease {
    id: u32,
    cost: u32,
    left: u32,
    /// End of the lease, by the instance's clock.
    until: Timestamp,
    grant: Arc<KeyGrant>,
    /// What the limit still admitted when the lease was granted, the lease included; and until when, as far as is
    /// known.
    remaining: u32,
    reset_at: Timestamp,
    used: Vec<(Timestamp, u32)>,
    counts: Vec<HourOfUse>,
}

impl Lease {
    /// Creates the lease that was granted in answer to a question sent at `asked`.
    #[must_use]
    pub fn new(
        granted: GrantedLease,
        grant: Arc<KeyGrant>,
        remaining: u32,
        reset_after_ms: u64,
        asked: Timestamp,
    ) -> Self {
        Self {
            id: granted.id,
            cost: granted.cost,
            left: granted.cost,
            until: asked.plus_ms(LEASE_MS),
            grant,
            // The reply that granted the lease states what remained before it, so the lease is still part of that.
            remaining,
            reset_at: asked.plus_ms(i64::try_from(reset_after_ms).unwrap_or(i64::MAX)),
            used: Vec::new(),
            counts: Vec::new(),
        }
    }

    /// Takes over from the lease `before`, whose unused rest goes back to the limit.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        self.remaining = self.remaining.saturating_add(before.left);
        self
    }

    /// Checks whether the lease's time is over.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.until
    }

    /// Returns the id of the lease.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Returns the key's grant.
    #[must_use]
    pub fn grant(&self) -> &Arc<KeyGrant> {
        &self.grant
    }

    /// Checks whether it is time to ask for the next lease: half of the time is over, or less than a quarter is left.
    #[must_use]
    pub fn is_ending(&self, now: Timestamp) -> bool {
        now.plus_ms(LEASE_MS / 2) >= self.until || self.left < self.cost / 4
    }

    /// Decides about a use; `None` where the lease cannot, for only the coordinator may refuse because of the limit.
    pub fn decide(&mut self, of: &KeyUse, now: Timestamp) -> Option<Decision> {
        if self.is_over(now) {
            return None;
        }
        let grant = Arc::clone(&self.grant);
        let decision = match self.grant.denial(of, now) {
            Some(denial) => Decision::Denied(grant, denial),
            None => {
                self.left = self.left.checked_sub(of.cost)?;
                self.remaining = self.remaining.saturating_sub(of.cost);
                match self.used.last_mut() {
                    Some((at, cost)) if *at == now => *cost = cost.saturating_add(of.cost),
                    _ => self.used.push((now, of.cost)),
                }
                Decision::Allowed(
                    grant,
                    LimitState { remaining: self.remaining, reset_after_ms: self.reset_at.ms_since(now) },
                )
            }
        };
        self.count(&decision, now);
        Some(decision)
    }

    fn count(&mut self, decision: &Decision, now: Timestamp) {
        let mut usage = Usage::default();
        usage.count(decision, now);
        for hour in usage.unsaved() {
            match self.counts.iter_mut().find(|known| known.start_ms == hour.start_ms) {
                Some(known) => known.add(hour),
                None => self.counts.push(hour),
            }
        }
    }

    /// Ends the lease and reports what was used of it.
    #[must_use]
    pub fn report(self, now: Timestamp) -> UsageReport {
        let age = |at: Timestamp| u32::try_from(now.ms_since(at)).unwrap_or(u32::MAX);
        UsageReport {
            id: self.id,
            key_id: self.grant.id.clone(),
            used: self.used.iter().map(|(at, cost)| (age(*at), *cost)).collect(),
            counts: self.counts,
        }
    }
}
