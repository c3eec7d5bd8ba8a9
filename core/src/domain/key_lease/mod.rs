//! Leases of a key's limit: how many instances of the application share one limit, each of which may serve a busy key
//! by itself for a moment.
//!
//! One [`KeyCoordinator`] keeps the ledger of a key and of the keys that it was rotated into. An instance through which
//! a key is used a lot acquires a [`Lease`] from it: a part of what the limit still admits, paid for in advance, for
//! [`LEASE_MS`]. The instance then decides alone, and reports afterwards what it used. The limit stays exact:
//!
//! * never over: a lease counts as used from the moment at which it is granted, and one that nobody reports counts as
//!   used up;
//! * never under: a request that would be refused only because of outstanding leases waits until they are reported;
//! * a key that loses a right loses it at once: the coordinator first waits until no lease is outstanding.
//!
//! Clocks of coordinator and instance may differ; only lengths of time are compared, each measured by one of them.

mod coordinator;
mod lease;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::{coordinator::KeyCoordinator, lease::Lease};
use super::{
    ApiKeyId,
    key_use::{Decision, Denial, HourOfUse, KeyGrant},
};
use crate::domain::LimitState;

/// How long an instance may use a lease, in milliseconds from before it asks for the lease.
pub const LEASE_MS: i64 = 100;

/// A lease, as the coordinator knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedLease {
    /// Id of the lease.
    pub id: u32,
    /// Cost that the lease allows.
    pub cost: u32,
    /// When the lease counts as used up, in milliseconds since the epoch, by the coordinator's clock.
    pub until_ms: i64,
}

/// What an instance used of a lease.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UsageReport {
    /// Id of the lease.
    pub id: u32,
    /// Id of the key that the lease was granted for.
    pub key_id: ApiKeyId,
    /// Costs charged to the lease, each after its age in milliseconds.
    pub used: Vec<(u32, u32)>,
    /// Counts of the decisions that were made with the lease, by hour.
    pub counts: Vec<HourOfUse>,
}

/// A grant that was read for the coordinator, with what it asked to be given back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FreshGrant {
    /// Value of [`Reply::NeedsGrant`], given back.
    pub generation: u32,
    /// Value of [`Reply::NeedsGrant`], given back.
    pub keep: bool,
    /// The key's grant, as it was read.
    pub grant: KeyGrant,
    /// Counts of the current hour, as they were saved.
    pub saved: HourOfUse,
}

/// The coordinator's reply to an instance that asks for a decision.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// The instance must read the key's grant, and ask again with it.
    NeedsGrant {
        /// Generation of the coordinator's grants, to be given back.
        generation: u32,
        /// Whether the coordinator may keep the grant, to be given back.
        keep: bool,
    },
    /// The instance must ask again when a lease was reported, at the latest after so many milliseconds.
    Wait(u32),
    /// The use is decided.
    Decided {
        /// The decision.
        verdict: Verdict,
        /// The key's grant.
        grant: Box<KeyGrant>,
        /// A lease for the instance, if one was granted.
        lease: Option<GrantedLease>,
    },
}

/// A [`Decision`] without its grant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Verdict {
    /// The use is denied, whatever the limit says.
    Denied(Denial),
    /// The limit does not admit the use now: what remains, and milliseconds until more is admitted.
    Limited(u32, u64),
    /// The use is allowed: what remains, and milliseconds until more is admitted.
    Allowed(u32, u64),
}

impl Verdict {
    /// Creates the decision about a key with this grant.
    #[must_use]
    pub fn about(self, grant: Arc<KeyGrant>) -> Decision {
        let state = |remaining, reset_after_ms| LimitState { remaining, reset_after_ms };
        match self {
            Self::Denied(denial) => Decision::Denied(grant, denial),
            Self::Limited(remaining, reset) => Decision::Limited(grant, state(remaining, reset)),
            Self::Allowed(remaining, reset) => Decision::Allowed(grant, state(remaining, reset)),
        }
    }
}
