//! Leases of a key's limit: how many instances of the application share one limit, each of which may serve a busy key by
//! itself for a moment.
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
use crate::ports::LimitState;

/// How long an instance may use a lease, from before it asks for it, in milliseconds.
pub const LEASE_MS: i64 = 100;

/// A lease, as the coordinator knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedLease {
    /// Names the lease.
    pub id: u32,
    /// How much it is.
    pub cost: u32,
    /// When it counts as used up, in milliseconds since the epoch, by the coordinator's clock.
    pub until_ms: i64,
}

/// What an instance used of a lease.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UsageReport {
    /// Which lease.
    pub id: u32,
    /// The id of the key that it was granted for.
    pub key_id: ApiKeyId,
    /// How many milliseconds ago, and how much.
    pub used: Vec<(u32, u32)>,
    /// What it decided meanwhile.
    pub counts: Vec<HourOfUse>,
}

/// A grant, and for what it was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FreshGrant {
    /// From [`Reply::NeedsGrant`].
    pub generation: u32,
    /// From [`Reply::NeedsGrant`].
    pub keep: bool,
    /// What was read.
    pub grant: KeyGrant,
    /// What was saved of the hour's use.
    pub saved: HourOfUse,
}

/// What the coordinator answers an instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// Read what the key grants, and ask again with it.
    NeedsGrant {
        /// To be given back.
        generation: u32,
        /// To be given back.
        keep: bool,
    },
    /// Ask again when something has come back, at the latest after so many milliseconds.
    Wait(u32),
    /// Decided.
    Decided {
        /// What was decided.
        verdict: Verdict,
        /// What the key grants.
        grant: Box<KeyGrant>,
        /// What the instance may use by itself.
        lease: Option<GrantedLease>,
    },
}

/// A [`Decision`] without its grant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Verdict {
    /// No.
    Denied(Denial),
    /// Not now. Remaining, and milliseconds until more is admitted.
    Limited(u32, u64),
    /// Yes. Remaining, and milliseconds until more is admitted.
    Allowed(u32, u64),
}

impl Verdict {
    /// The decision about a key with this grant.
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
