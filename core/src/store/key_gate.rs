//! The gate of API keys in SQL, for hosts without a faster place to decide and count.

use std::{borrow::Cow, sync::Arc};

use async_trait::async_trait;

use super::{
    Batch, BatchError,
    key_uses::{self, Charge},
    rate_limits::{self, LimitOf},
};
use crate::{
    domain::{
        LimitState, Timestamp,
        api_key::KeyHash,
        key_use::{Decision, Denial, HourOfUse, KeyGrant, KeyUse, Verifier},
    },
    ports::{Database, KeyGate, KeyGateError},
};

/// A use, the grant of its key, and why it is refused whatever its limit allows.
type UseToDecide<'a> = (Cow<'a, KeyUse>, Arc<KeyGrant>, Option<Denial>);

/// A [`KeyGate`] in SQL: one round trip reads the grants of the keys, one charges and counts.
pub struct SqlKeyGate {
    database: Arc<dyn Database>,
}

impl SqlKeyGate {
    /// Creates a gate that decides and counts in this database.
    #[must_use]
    pub fn new(database: Arc<dyn Database>) -> Self {
        Self { database }
    }

    async fn decide(&self, uses: &[KeyUse], now: Timestamp) -> Result<Vec<Decision>, BatchError> {
        let mut grants = Vec::new();
        let hashes = uses.iter().map(|of| of.hash).collect::<Vec<_>>();
        for (of, grant) in uses.iter().zip(self.grants(&hashes, now).await?) {
            let Some(grant) = grant else { break };
            let before = grants.last().map(|(_, grant, _): &UseToDecide<'_>| KeyGrant::clone(grant));
            let of = of.after(before.as_ref());
            let denial = grant.denial(&of, now);
            grants.push((of, Arc::new(grant), denial));
            if denial.is_some() {
                break;
            }
        }
        // A single use that is refused without being counted charges nobody.
        if let [(_, grant, Some(denial))] = grants.as_slice()
            && !denial.is_counted()
        {
            return Ok(vec![Decision::Denied(Arc::clone(grant), *denial)]);
        }
        let mut decisions = if grants.is_empty() { Vec::new() } else { self.charge(&grants, now).await? };
        // There is no key for the use after these.
        if decisions.iter().all(Decision::is_allowed) && decisions.len() < uses.len() {
            decisions.push(Decision::Unknown);
        }
        Ok(decisions)
    }

    /// Reads the grant of each key; `None` where there is no such key.
    async fn grants(&self, keys: &[KeyHash], now: Timestamp) -> Result<Vec<Option<KeyGrant>>, BatchError> {
        let mut batch = Batch::new();
        let handles = keys.iter().map(|hash| batch.push(key_uses::grant(*hash, now))).collect::<Vec<_>>();
        let mut answers = batch.run(&*self.database).await?;
        let mut grants = Vec::new();
        for handle in handles {
            grants.push(answers.take(handle)?.map(|(grant, _)| grant));
        }
        Ok(grants)
    }

    async fn charge(&self, grants: &[UseToDecide<'_>], now: Timestamp) -> Result<Vec<Decision>, BatchError> {
        let uses = grants.iter().map(charge_of).collect::<Vec<_>>();
        let limits = grants.iter().map(|(_, grant, _)| LimitOf::key(grant)).collect::<Vec<_>>();
        let mut batch = Batch::new();
        let charged = batch.push(key_uses::charge(&uses, now));
        batch.push(key_uses::count(&uses, now));
        let states = batch.push(rate_limits::standing(&limits, now));
        let mut answers = batch.run(&*self.database).await?;
        let (charged, states) = (answers.take(charged)?, answers.take(states)?);
        let mut decisions = Vec::new();
        for (place, ((of, grant, denial), state)) in grants.iter().zip(states).enumerate() {
            let grant = Arc::clone(grant);
            if place < charged {
                decisions.push(Decision::Allowed(grant, state));
                continue;
            }
            decisions.push(match denial {
                Some(denial) => Decision::Denied(grant, *denial),
                // The limit had room, so something was taken from the key since it was read.
                None if state.remaining >= of.cost => {
                    let before = place.checked_sub(1).and_then(|before| grants.get(before)).map(|(of, ..)| of.hash);
                    self.reread(of, before, grant, state, now).await?
                }
                None => Decision::Limited(grant, state),
            });
            break;
        }
        Ok(decisions)
    }

    /// Reads the grants again, and decides why a use was not charged; `before` is the key of the use before it.
    async fn reread(
        &self,
        of: &KeyUse,
        before: Option<KeyHash>,
        was: Arc<KeyGrant>,
        state: LimitState,
        now: Timestamp,
    ) -> Result<Decision, BatchError> {
        let hashes = [Some(of.hash), before].into_iter().flatten().collect::<Vec<_>>();
        let mut grants = self.grants(&hashes, now).await?.into_iter();
        let Some(grant) = grants.next().flatten() else { return Ok(Decision::Unknown) };
        let denial = match (&of.verifier, grants.next().flatten()) {
            (Some(_), before) => {
                let of = KeyUse { verifier: Some(Verifier::UseBefore), ..of.clone() };
                grant.denial(&of.after(before.as_ref()), now)
            }
            (None, _) => grant.denial(of, now),
        };
        Ok(denial.map_or(Decision::Limited(was, state), |denial| Decision::Denied(Arc::new(grant), denial)))
    }
}

fn charge_of<'a>((of, grant, denial): &'a UseToDecide<'_>) -> Charge<'a> {
    let verifier = match &of.verifier {
        Some(Verifier::Owner { key_id, .. }) => Some(key_id),
        _ => None,
    };
    Charge { key_id: &grant.id, cost: of.cost, is_denied: denial.is_some(), verifier }
}

impl<'a> LimitOf<'a> {
    /// Returns the limit of a key.
    fn key(grant: &'a KeyGrant) -> Self {
        Self {
            subject: grant.first_key_id.as_str(),
            name: "key",
            limit: grant.rate_limit,
            window_ms: i64::try_from(grant.window_ms()).unwrap_or(i64::MAX),
        }
    }
}

#[async_trait]
impl KeyGate for SqlKeyGate {
    async fn admit(&self, uses: &[KeyUse], now: Timestamp) -> Result<Vec<Decision>, KeyGateError> {
        self.decide(uses, now).await.map_err(|error| KeyGateError(error.to_string()))
    }

    /// Does nothing, since every decision reads the database.
    async fn invalidate(&self, _: &[KeyHash]) -> Result<(), KeyGateError> {
        Ok(())
    }

    /// Returns no counts, since they are saved with the decision.
    async fn unsaved(&self, _: KeyHash) -> Result<Vec<HourOfUse>, KeyGateError> {
        Ok(Vec::new())
    }
}
