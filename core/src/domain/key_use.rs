//! The use of an API key: what a key grants, what is asked of it, what is decided, and what is counted.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{SlidingLog, api_key::KeyHash, network::Network};
use crate::ports::{LimitState, Timestamp};

/// The length of an hour.
pub const HOUR_MS: i64 = 3_600_000;

/// What a key may, as of the moment at which it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyGrant {
    /// The key's id.
    pub id: String,
    /// Its owner's.
    pub user_id: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// Cost admitted in a window.
    pub rate_limit: u32,
    /// Length of the window.
    pub rate_limit_window_seconds: u32,
    /// Where it may be used from; anywhere when empty.
    pub allowed_ips: Vec<Network>,
    /// When it ends by itself, in milliseconds since the epoch.
    pub expires_at_ms: Option<i64>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Whether its owner is suspended.
    pub owner_suspended: bool,
    /// Whether its owner has a role that may publish.
    pub owner_publishes: bool,
}

impl KeyGrant {
    /// Length of the limit's window.
    #[must_use]
    pub fn window_ms(&self) -> u64 {
        u64::from(self.rate_limit_window_seconds).saturating_mul(1000)
    }

    /// Why the use is refused whatever the limit says.
    #[must_use]
    pub fn denial(&self, of: &KeyUse, now: Timestamp) -> Option<Denial> {
        let may_come_from = |address: IpAddr| self.allowed_ips.iter().any(|block| block.contains(address));
        if self.revoked {
            Some(Denial::Revoked)
        } else if self.expires_at_ms.is_some_and(|expires| expires <= now.0) {
            Some(Denial::Expired)
        } else if self.owner_suspended {
            Some(Denial::OwnerSuspended)
        } else if !self.allowed_ips.is_empty() && !of.address.is_some_and(may_come_from) {
            Some(Denial::Address)
        } else if !of.scopes.iter().all(|wanted| self.scopes.iter().any(|held| held == wanted)) {
            Some(Denial::Scope)
        } else if of.publishes && !self.owner_publishes {
            Some(Denial::Role)
        } else {
            None
        }
    }
}

/// What is asked of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyUse {
    /// Which key.
    pub hash: KeyHash,
    /// The scopes that it needs.
    pub scopes: Vec<Cow<'static, str>>,
    /// Who presents it.
    pub address: Option<IpAddr>,
    /// What it costs of the key's limit.
    pub cost: u32,
    /// Whether it needs an owner who may publish.
    pub publishes: bool,
}

/// Why a key does not get in, whatever its limit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Denial {
    /// It was revoked.
    Revoked,
    /// It has expired.
    Expired,
    /// Its owner is suspended.
    OwnerSuspended,
    /// It may not be used from there.
    Address,
    /// It lacks a scope.
    Scope,
    /// Its owner lacks a role.
    Role,
}

/// What was decided about a use.
#[derive(Clone, Debug)]
pub enum Decision {
    /// There is no such key.
    Unknown,
    /// No, whatever the limit says. It was not charged.
    Denied(Arc<KeyGrant>, Denial),
    /// Not now: the limit does not admit it. It was not charged.
    Limited(Arc<KeyGrant>, LimitState),
    /// Yes, and it was charged.
    Allowed(Arc<KeyGrant>, LimitState),
}

impl Decision {
    /// Whether it gets in.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(..))
    }
}

/// What became of the requests with a key in an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourOfUse {
    /// Start of the hour (UTC), in milliseconds since the epoch.
    pub start_ms: i64,
    /// Let in.
    pub allowed: u64,
    /// Refused by the limit.
    pub limited: u64,
    /// Refused whatever the limit said.
    pub denied: u64,
    /// When it was last let in, in milliseconds since the epoch.
    pub last_used_ms: Option<i64>,
}

impl HourOfUse {
    /// The hour of this moment, of which nothing is counted.
    #[must_use]
    pub fn of(now: Timestamp) -> Self {
        Self { start_ms: now.0.saturating_sub(now.0.rem_euclid(HOUR_MS)), ..Self::default() }
    }

    /// Adds what was counted elsewhere in the same hour.
    pub fn add(&mut self, other: Self) {
        self.allowed = self.allowed.saturating_add(other.allowed);
        self.limited = self.limited.saturating_add(other.limited);
        self.denied = self.denied.saturating_add(other.denied);
        self.last_used_ms = self.last_used_ms.max(other.last_used_ms);
    }

    /// Of two counts of the same hour, what each knows: counts only grow.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        Self {
            start_ms: self.start_ms,
            allowed: self.allowed.max(other.allowed),
            limited: self.limited.max(other.limited),
            denied: self.denied.max(other.denied),
            last_used_ms: self.last_used_ms.max(other.last_used_ms),
        }
    }
}

/// What one place knows of one key: the log of its limit, and what was counted and not yet saved. There is only one such
/// place for a key at a time.
#[derive(Clone, Debug, Default)]
pub struct KeyLedger {
    /// What was admitted within the window.
    pub log: SlidingLog,
    /// What was counted.
    pub usage: Usage,
}

impl KeyLedger {
    /// Decides about a use, charges it and counts it.
    pub fn decide(&mut self, grant: &Arc<KeyGrant>, of: &KeyUse, now: Timestamp) -> Decision {
        let decision = match grant.denial(of, now) {
            Some(denial) => Decision::Denied(Arc::clone(grant), denial),
            None => match self.log.admit(grant.rate_limit, grant.window_ms(), of.cost, now) {
                (true, state) => Decision::Allowed(Arc::clone(grant), state),
                (false, state) => Decision::Limited(Arc::clone(grant), state),
            },
        };
        self.usage.count(&decision, now);
        decision
    }
}

/// Counts by hour, and which of them are saved.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Each with whether it changed since it was saved. Oldest first; at most a few.
    hours: Vec<(HourOfUse, bool)>,
}

impl Usage {
    /// What was kept of hours, each with whether it changed since it was saved.
    #[must_use]
    pub fn restored(hours: Vec<(HourOfUse, bool)>) -> Self {
        Self { hours }
    }

    /// To be kept for [`Usage::restored`].
    #[must_use]
    pub fn hours(&self) -> &[(HourOfUse, bool)] {
        &self.hours
    }

    /// Takes up what was saved of an hour before.
    pub fn take_up(&mut self, saved: HourOfUse) {
        let hour = self.hour(saved.start_ms);
        hour.0 = hour.0.merged(saved);
    }

    /// Counts a decision.
    pub fn count(&mut self, decision: &Decision, now: Timestamp) {
        self.add(HourOfUse::of(now).start_ms, |hour| match decision {
            Decision::Allowed(..) => {
                hour.allowed = hour.allowed.saturating_add(1);
                hour.last_used_ms = hour.last_used_ms.max(Some(now.0));
            }
            Decision::Limited(..) => hour.limited = hour.limited.saturating_add(1),
            Decision::Denied(..) => hour.denied = hour.denied.saturating_add(1),
            Decision::Unknown => {}
        });
    }

    /// Adds what was counted elsewhere.
    pub fn add_counts(&mut self, counts: HourOfUse) {
        self.add(counts.start_ms, |hour| hour.add(counts));
    }

    /// What is not saved yet.
    #[must_use]
    pub fn unsaved(&self) -> Vec<HourOfUse> {
        self.hours.iter().filter(|(_, changed)| *changed).map(|(hour, _)| *hour).collect()
    }

    /// Whether something is not saved yet.
    #[must_use]
    pub fn is_unsaved(&self) -> bool {
        self.hours.iter().any(|(_, changed)| *changed)
    }

    /// Notes what has been saved, and forgets hours that are over.
    pub fn saved(&mut self, saved: &[HourOfUse], now: Timestamp) {
        for (hour, changed) in &mut self.hours {
            *changed &= !saved.contains(hour);
        }
        let current = HourOfUse::of(now).start_ms;
        self.hours.retain(|(hour, changed)| *changed || hour.start_ms >= current);
    }

    fn add(&mut self, start_ms: i64, change: impl FnOnce(&mut HourOfUse)) {
        let hour = self.hour(start_ms);
        change(&mut hour.0);
        hour.1 = true;
    }

    fn hour(&mut self, start_ms: i64) -> &mut (HourOfUse, bool) {
        let index = self.hours.iter().position(|(hour, _)| hour.start_ms == start_ms).unwrap_or_else(|| {
            self.hours.push((HourOfUse { start_ms, ..HourOfUse::default() }, false));
            self.hours.len().saturating_sub(1)
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed just above")]
        &mut self.hours[index]
    }
}
