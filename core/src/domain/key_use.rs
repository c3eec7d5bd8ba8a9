//! The use of an API key: what the key grants, what a use asks of it, what is decided, and what is counted.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    ApiKeyId, SlidingLog, UserId,
    api_key::{KeyHash, Scope},
    network::Network,
};
use crate::domain::{LimitState, Timestamp};

/// Length of an hour, in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;

/// What a key may be used for, as of the moment when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyGrant {
    /// Id of the key.
    pub id: ApiKeyId,
    /// Id of the key's owner.
    pub user_id: UserId,
    /// Id of the first of the keys that were rotated one into the other; the key's own where none came before it. They
    /// share one limit, whose subject is this id.
    pub first_key_id: ApiKeyId,
    /// Hash of that first key.
    pub first_key_hash: KeyHash,
    /// Scopes of the key.
    pub scopes: Vec<Scope>,
    /// Cost admitted in a window.
    pub rate_limit: u32,
    /// Length of the window, in seconds.
    pub rate_limit_window_seconds: u32,
    /// Networks that the key may be used from; empty: from anywhere.
    pub allowed_ips: Vec<Network>,
    /// When the key expires, in milliseconds since the epoch.
    pub expires_at_ms: Option<i64>,
    /// Whether the key was revoked.
    pub revoked: bool,
    /// Whether the key's owner is suspended.
    pub owner_suspended: bool,
    /// Whether the key's owner has a role that may publish.
    pub owner_publishes: bool,
    /// Whether the key's owner has the role `service`, whose keys verify everybody's.
    pub owner_serves: bool,
}

impl KeyGrant {
    /// Returns the length of the limit's window, in milliseconds.
    #[must_use]
    pub fn window_ms(&self) -> u64 {
        u64::from(self.rate_limit_window_seconds).saturating_mul(1000)
    }

    /// Returns why the use is refused whatever the limit says; `None` if nothing but the limit can refuse it.
    #[must_use]
    pub fn denial(&self, of: &KeyUse, now: Timestamp) -> Option<Denial> {
        let may_come_from = |address: IpAddr| self.allowed_ips.iter().any(|block| block.contains(address));
        if of.verifier.as_ref().is_some_and(|verifier| !verifier.may_verify(self)) {
            Some(Denial::NotYours)
        } else if self.revoked {
            Some(Denial::Revoked)
        } else if self.expires_at_ms.is_some_and(|expires| expires <= now.0) {
            Some(Denial::Expired)
        } else if self.owner_suspended {
            Some(Denial::OwnerSuspended)
        } else if !self.allowed_ips.is_empty() && !of.address.is_some_and(may_come_from) {
            Some(Denial::Address)
        } else if !of.scopes.iter().all(|wanted| self.scopes.contains(wanted)) {
            Some(if of.optional { Denial::NotNeeded } else { Denial::Scope })
        } else if of.publishes && !self.owner_publishes {
            Some(Denial::Role)
        } else {
            None
        }
    }
}

/// A use of a key that is to be decided.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyUse {
    /// Hash of the key.
    pub hash: KeyHash,
    /// Scopes that the use needs.
    pub scopes: Vec<Scope>,
    /// Address of the client that presents the key.
    pub address: Option<IpAddr>,
    /// Cost that the use charges to the key's limit.
    pub cost: u32,
    /// Whether the use needs an owner who may publish.
    pub publishes: bool,
    /// Whether the client goes on without the key where it lacks a scope.
    #[serde(default)]
    pub optional: bool,
    /// Who was shown the key and asks about it; `None` where its holder uses it.
    pub verifier: Option<Verifier>,
}

/// Who asks about a key that they were shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verifier {
    /// The owner of the key of the use before this one. [`KeyGate`](crate::ports::KeyGate) replaces it with that key's
    /// grant.
    UseBefore,
    /// The owner of the key that asks, whose use was allowed.
    Owner {
        /// Id of the asking key.
        key_id: ApiKeyId,
        /// Id of the asking key's owner.
        user_id: UserId,
        /// Whether that owner is a service of the platform.
        serves: bool,
    },
}

impl Verifier {
    /// Checks whether this verifier may ask about the key with this grant: a service about everybody's, others about
    /// their own.
    fn may_verify(&self, grant: &KeyGrant) -> bool {
        match self {
            Self::UseBefore => false,
            Self::Owner { user_id, serves, .. } => *serves || *user_id == grant.user_id,
        }
    }
}

impl KeyUse {
    /// Returns the use with its verifier resolved, after a use of the key with the grant `before` was allowed:
    /// [`Verifier::UseBefore`] becomes that key's owner.
    #[must_use]
    pub fn after(&self, before: Option<&KeyGrant>) -> Cow<'_, Self> {
        let (Some(Verifier::UseBefore), Some(before)) = (&self.verifier, before) else { return Cow::Borrowed(self) };
        let (key_id, user_id) = (before.id.clone(), before.user_id.clone());
        let verifier = Verifier::Owner { key_id, user_id, serves: before.owner_serves };
        Cow::Owned(Self { verifier: Some(verifier), ..self.clone() })
    }
}

/// Why a key is refused, whatever its limit says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Denial {
    /// The key is somebody else's, and whoever asks learns nothing about it. Not counted.
    NotYours,
    /// The key was revoked.
    Revoked,
    /// The key has expired.
    Expired,
    /// The key's owner is suspended.
    OwnerSuspended,
    /// The key may not be used from the client's address.
    Address,
    /// The key lacks a scope.
    Scope,
    /// The key lacks a scope, and its holder goes on without it. Not counted.
    NotNeeded,
    /// The key's owner lacks a role that may publish.
    Role,
}

impl Denial {
    /// Checks whether the denial is counted: not where the key is none of the caller's business or was not needed.
    #[must_use]
    pub fn is_counted(self) -> bool {
        !matches!(self, Self::NotYours | Self::NotNeeded)
    }
}

/// The decision about a use of a key.
#[derive(Clone, Debug)]
pub enum Decision {
    /// There is no such key.
    Unknown,
    /// Refused, whatever the limit says. Nothing was charged.
    Denied(Arc<KeyGrant>, Denial),
    /// Refused for now, because the limit does not admit it. Nothing was charged.
    Limited(Arc<KeyGrant>, LimitState),
    /// Allowed, and charged.
    Allowed(Arc<KeyGrant>, LimitState),
}

impl Decision {
    /// Names of all decisions.
    pub const NAMES: [&'static str; 11] = [
        "valid",
        "unknown",
        "too_many_requests",
        "not_yours",
        "revoked",
        "expired",
        "owner_suspended",
        "ip_not_allowed",
        "insufficient_scope",
        "not_needed",
        "role_required",
    ];

    /// Returns the name of the decision in metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Allowed(..) => "valid",
            Self::Unknown => "unknown",
            Self::Limited(..) => "too_many_requests",
            Self::Denied(_, denial) => match denial {
                Denial::NotYours => "not_yours",
                Denial::Revoked => "revoked",
                Denial::Expired => "expired",
                Denial::OwnerSuspended => "owner_suspended",
                Denial::Address => "ip_not_allowed",
                Denial::Scope => "insufficient_scope",
                Denial::NotNeeded => "not_needed",
                Denial::Role => "role_required",
            },
        }
    }

    /// Checks whether the use is allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(..))
    }

    /// Returns the key's grant; `None` if there is no such key.
    #[must_use]
    pub fn grant(&self) -> Option<&KeyGrant> {
        match self {
            Self::Unknown => None,
            Self::Denied(grant, _) | Self::Limited(grant, _) | Self::Allowed(grant, _) => Some(grant),
        }
    }
}

/// Counts of the decisions about a key in one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourOfUse {
    /// Start of the hour (UTC), in milliseconds since the epoch.
    pub start_ms: i64,
    /// Uses that were allowed.
    pub allowed: u64,
    /// Uses that the limit refused.
    pub limited: u64,
    /// Uses that were refused whatever the limit said.
    pub denied: u64,
    /// When a use was last allowed, in milliseconds since the epoch.
    pub last_used_ms: Option<i64>,
}

impl HourOfUse {
    /// Creates an empty count for the hour of this moment.
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

    /// Merges two states of the count of the same hour: each number is the larger, because counts only grow.
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

/// What one place knows of the keys that share a limit: their log, and what was counted of each and not yet saved. For
/// these keys there is only one such place at a time.
#[derive(Clone, Debug, Default)]
pub struct KeyLedger {
    /// What was admitted within the window.
    pub log: SlidingLog,
    /// What was counted, by key.
    pub usage: UsageByKey,
}

impl KeyLedger {
    /// Decides about a use, charges it and counts it. Each key's own limit is applied to the log that all of them
    /// share.
    pub fn decide(&mut self, grant: &Arc<KeyGrant>, of: &KeyUse, now: Timestamp) -> Decision {
        let decision = match grant.denial(of, now) {
            Some(denial) => Decision::Denied(Arc::clone(grant), denial),
            None => match self.log.admit(grant.rate_limit, grant.window_ms(), of.cost, now) {
                (true, state) => Decision::Allowed(Arc::clone(grant), state),
                (false, state) => Decision::Limited(Arc::clone(grant), state),
            },
        };
        if is_counted(&decision) {
            self.usage.of(&grant.id).count(&decision, now);
        }
        decision
    }
}

/// Checks whether a decision is counted: not of an unknown key, nor where [`Denial::is_counted`] says no.
fn is_counted(decision: &Decision) -> bool {
    match decision {
        Decision::Unknown => false,
        Decision::Denied(_, denial) => denial.is_counted(),
        Decision::Limited(..) | Decision::Allowed(..) => true,
    }
}

/// Counts of the keys that share a limit, by their ids: a handful.
#[derive(Clone, Debug, Default)]
pub struct UsageByKey(Vec<(ApiKeyId, Usage)>);

impl UsageByKey {
    /// Restores the counts that [`UsageByKey::hours`] gave.
    #[must_use]
    pub fn restored(kept: impl IntoIterator<Item = (ApiKeyId, HourOfUse, bool)>) -> Self {
        let mut usage = Self::default();
        for (key_id, hour, changed) in kept {
            usage.of(&key_id).hours.push((hour, changed));
        }
        usage
    }

    /// Returns each hour's key, counts, and whether these changed since they were saved; for [`UsageByKey::restored`].
    pub fn hours(&self) -> impl Iterator<Item = (&ApiKeyId, HourOfUse, bool)> {
        self.0.iter().flat_map(|(id, usage)| usage.hours.iter().map(move |(hour, changed)| (id, *hour, *changed)))
    }

    /// Checks whether anything is known of the key.
    #[must_use]
    pub fn knows(&self, key_id: &ApiKeyId) -> bool {
        self.0.iter().any(|(id, _)| id == key_id)
    }

    /// Returns the counts of the key, which are empty for a new one.
    pub fn of(&mut self, key_id: &ApiKeyId) -> &mut Usage {
        let index = self.0.iter().position(|(id, _)| id == key_id).unwrap_or_else(|| {
            self.0.push((key_id.clone(), Usage::default()));
            self.0.len().saturating_sub(1)
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed just above")]
        &mut self.0[index].1
    }

    /// Returns the counts that are not saved yet.
    #[must_use]
    pub fn unsaved(&self) -> Vec<(ApiKeyId, HourOfUse)> {
        let unsaved = self.hours().filter(|(.., changed)| *changed);
        unsaved.map(|(id, hour, _)| (id.to_owned(), hour)).collect()
    }

    /// Returns the counts of the key that are not saved yet.
    #[must_use]
    pub fn unsaved_of(&self, key_id: &ApiKeyId) -> Vec<HourOfUse> {
        let of_key = self.hours().filter(|(id, _, changed)| *changed && *id == key_id);
        of_key.map(|(_, hour, _)| hour).collect()
    }

    /// Checks whether any count is not saved yet.
    #[must_use]
    pub fn is_unsaved(&self) -> bool {
        self.hours().any(|(.., changed)| changed)
    }

    /// Marks these counts as saved, and forgets hours that are over.
    pub fn saved(&mut self, saved: &[(ApiKeyId, HourOfUse)], now: Timestamp) {
        for (id, usage) in &mut self.0 {
            let of_key = saved.iter().filter(|(saved, _)| saved == id).map(|(_, hour)| *hour).collect::<Vec<_>>();
            usage.saved(&of_key, now);
        }
        self.0.retain(|(_, usage)| !usage.hours.is_empty());
    }
}

/// Counts of a key by hour, and which of them are saved.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    /// Each hour, with whether it changed since it was saved. At most a few.
    hours: Vec<(HourOfUse, bool)>,
}

impl Usage {
    /// Merges counts of an hour that were saved before.
    pub fn take_up(&mut self, saved: HourOfUse) {
        let hour = self.hour(saved.start_ms);
        hour.0 = hour.0.merged(saved);
    }

    /// Counts a decision.
    pub fn count(&mut self, decision: &Decision, now: Timestamp) {
        if !is_counted(decision) {
            return;
        }
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

    /// Returns the counts that are not saved yet.
    #[must_use]
    pub fn unsaved(&self) -> Vec<HourOfUse> {
        self.hours.iter().filter(|(_, changed)| *changed).map(|(hour, _)| *hour).collect()
    }

    /// Checks whether any count is not saved yet.
    #[must_use]
    pub fn is_unsaved(&self) -> bool {
        self.hours.iter().any(|(_, changed)| *changed)
    }

    /// Marks these counts as saved, and forgets hours that are over.
    pub fn saved(&mut self, saved: &[HourOfUse], now: Timestamp) {
        for (hour, changed) in &mut self.hours {
            *changed &= !saved.contains(hour);
        }
        // A clock that is set back a little may return to the hour before.
        let earliest = HourOfUse::of(now).start_ms.saturating_sub(HOUR_MS);
        self.hours.retain(|(hour, changed)| *changed || hour.start_ms >= earliest);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{api_key::KeyHash, test_rng::TestRng};

    fn grant() -> KeyGrant {
        KeyGrant {
            id: "key".into(),
            user_id: "user".into(),
            first_key_id: "key".into(),
            first_key_hash: KeyHash::from_bytes(&[7; 32]).unwrap(),
            scopes: vec![Scope::ModelsWrite, Scope::KeysVerify],
            rate_limit: 5,
            rate_limit_window_seconds: 60,
            allowed_ips: Vec::new(),
            expires_at_ms: None,
            revoked: false,
            owner_suspended: false,
            owner_publishes: false,
            owner_serves: false,
        }
    }

    #[test]
    fn every_decision_has_a_name_of_its_own() {
        let (grant, state) = (Arc::new(grant()), LimitState { remaining: 1, reset_after_ms: 0 });
        let denials = [
            Denial::NotYours,
            Denial::Revoked,
            Denial::Expired,
            Denial::OwnerSuspended,
            Denial::Address,
            Denial::Scope,
            Denial::NotNeeded,
            Denial::Role,
        ];
        let mut decisions = vec![
            Decision::Allowed(Arc::clone(&grant), state.clone()),
            Decision::Unknown,
            Decision::Limited(Arc::clone(&grant), state),
        ];
        decisions.extend(denials.map(|denial| Decision::Denied(Arc::clone(&grant), denial)));
        assert_eq!(decisions.iter().map(Decision::name).collect::<Vec<_>>(), Decision::NAMES);
    }

    fn using(scopes: &[Scope]) -> KeyUse {
        KeyUse {
            hash: KeyHash::from_bytes(&[7; 32]).unwrap(),
            scopes: scopes.to_vec(),
            address: None,
            cost: 1,
            publishes: false,
            optional: false,
            verifier: None,
        }
    }

    #[test]
    fn each_reason_refuses_and_the_first_is_told() {
        let now = Timestamp(1000);
        let (plain, of) = (grant(), using(&[Scope::ModelsWrite]));
        assert_eq!(plain.denial(&of, now), None);
        assert_eq!(plain.denial(&using(&[]), now), None);
        assert_eq!(plain.denial(&using(&[Scope::ModelsWrite, Scope::ResultsWrite]), now), Some(Denial::Scope));
        assert_eq!(plain.denial(&KeyUse { publishes: true, ..of.clone() }, now), Some(Denial::Role));
        let publisher = KeyGrant { owner_publishes: true, ..grant() };
        assert_eq!(publisher.denial(&KeyUse { publishes: true, ..of.clone() }, now), None);
        for (expires, denial) in [(1001, None), (1000, Some(Denial::Expired)), (0, Some(Denial::Expired))] {
            assert_eq!(KeyGrant { expires_at_ms: Some(expires), ..grant() }.denial(&of, now), denial);
        }
        let everything = KeyGrant {
            revoked: true,
            expires_at_ms: Some(0),
            owner_suspended: true,
            allowed_ips: vec![Network::parse("192.0.2.0/24").unwrap()],
            scopes: Vec::new(),
            ..grant()
        };
        let of = KeyUse { publishes: true, ..of };
        let revoked = everything;
        assert_eq!(revoked.denial(&of, now), Some(Denial::Revoked));
        let expired = KeyGrant { revoked: false, ..revoked };
        assert_eq!(expired.denial(&of, now), Some(Denial::Expired));
        let suspended = KeyGrant { expires_at_ms: None, ..expired };
        assert_eq!(suspended.denial(&of, now), Some(Denial::OwnerSuspended));
        let elsewhere = KeyGrant { owner_suspended: false, ..suspended };
        assert_eq!(elsewhere.denial(&of, now), Some(Denial::Address));
        let scopeless = KeyGrant { allowed_ips: Vec::new(), ..elsewhere };
        assert_eq!(scopeless.denial(&of, now), Some(Denial::Scope));
        let without = KeyUse { optional: true, ..of };
        assert_eq!(scopeless.denial(&without, now), Some(Denial::NotNeeded));
        assert_eq!(KeyGrant { revoked: true, ..scopeless.clone() }.denial(&without, now), Some(Denial::Revoked));
        let mut ledger = KeyLedger::default();
        let refused = ledger.decide(&Arc::new(scopeless), &without, now);
        assert!(matches!(refused, Decision::Denied(_, Denial::NotNeeded)), "{refused:?}");
        assert!(!ledger.usage.is_unsaved() && !ledger.usage.knows(&"key".into()));
    }

    #[test]
    fn of_others_keys_only_services_learn_anything() {
        let (own, now) = (grant(), Timestamp(0));
        let others = KeyGrant { id: "theirs".into(), user_id: "them".into(), ..grant() };
        let revoked = KeyGrant { revoked: true, expires_at_ms: Some(0), owner_suspended: true, ..others.clone() };
        let shown = KeyUse { verifier: Some(Verifier::UseBefore), ..using(&[Scope::LeaderboardRead]) };
        assert_eq!(own.denial(&shown, now), Some(Denial::NotYours), "nobody was let in to ask");
        let asks = |grant: &KeyGrant, of: &KeyUse, asker: &KeyGrant| grant.denial(&of.after(Some(asker)), now);
        assert_eq!(asks(&own, &shown, &own), Some(Denial::Scope));
        for theirs in [&others, &revoked] {
            assert_eq!(asks(theirs, &shown, &own), Some(Denial::NotYours));
        }
        let service = KeyGrant { owner_serves: true, ..own.clone() };
        assert_eq!(asks(&others, &shown, &service), Some(Denial::Scope));
        assert_eq!(asks(&revoked, &shown, &service), Some(Denial::Revoked));
        let mut ledger = KeyLedger::default();
        let refused = ledger.decide(&Arc::new(others), &shown.after(Some(&own)), now);
        assert!(matches!(refused, Decision::Denied(_, Denial::NotYours)), "{refused:?}");
        assert!(!ledger.usage.is_unsaved() && !ledger.usage.knows(&"theirs".into()));
    }

    #[test]
    fn rotated_keys_share_a_limit_and_are_counted_each() {
        let (first, now) = (Arc::new(grant()), Timestamp(1000));
        let successor = Arc::new(KeyGrant { id: "successor".into(), ..grant() });
        // A limit that was lowered meanwhile is asked of what both used.
        let lowered = Arc::new(KeyGrant { rate_limit: 3, ..KeyGrant::clone(&successor) });
        let mut ledger = KeyLedger::default();
        for (key, allowed) in [(&first, true), (&successor, true), (&lowered, true), (&lowered, false), (&first, true)]
        {
            assert_eq!(ledger.decide(key, &using(&[]), now).is_allowed(), allowed, "{}", key.id);
        }
        let counts = |id: &str| {
            ledger.usage.unsaved_of(&id.into()).iter().map(|hour| (hour.allowed, hour.limited)).collect::<Vec<_>>()
        };
        assert_eq!((counts("key"), counts("successor")), (vec![(2, 0)], vec![(2, 1)]));
    }

    #[test]
    fn where_a_key_may_be_used_from() {
        let blocks =
            ["192.0.2.0/24", "2001:db8::/32", "::ffff:198.51.100.0/120"].map(|text| Network::parse(text).unwrap());
        let grant = KeyGrant { allowed_ips: blocks.to_vec(), ..grant() };
        for (address, allowed) in [
            (Some("192.0.2.7"), true),
            (Some("::ffff:192.0.2.7"), true),
            (Some("198.51.100.255"), true),
            (Some("2001:db8:1::1"), true),
            (Some("192.0.3.7"), false),
            (Some("::192.0.2.7"), false),
            (Some("2001:db9::1"), false),
            (None, false),
        ] {
            let of = KeyUse { address: address.map(|text| text.parse().unwrap()), ..using(&[]) };
            assert_eq!(grant.denial(&of, Timestamp(0)).is_none(), allowed, "{address:?}");
        }
    }

    /// Checks random uses of a key that is changed now and then, whose counts are saved now and then, and whose ledger
    /// is lost now and then after that.
    #[test]
    fn charges_what_it_allows_and_counts_everything_once() {
        for seed in 1..200_u64 {
            let mut numbers = TestRng(seed);
            let mut grant = KeyGrant { rate_limit: 1 + numbers.below(6) as u32, ..grant() };
            let mut ledger = KeyLedger::default();
            let mut allowed_costs = Vec::<(i64, u32)>::new();
            let (mut counted, mut saved) = (BTreeMap::<i64, HourOfUse>::new(), BTreeMap::<i64, HourOfUse>::new());
            let (mut clock, mut now) = (10 * HOUR_MS, 0);
            for _ in 0..200 {
                clock += match numbers.below(12) {
                    0..3 => 0,
                    3..10 => numbers.below(30_000) as i64,
                    10 => numbers.below(90 * 60_000) as i64,
                    _ => -(numbers.below(5_000) as i64),
                };
                if numbers.below(10) == 0 {
                    grant.revoked = !grant.revoked;
                }
                if !grant.revoked {
                    now = clock.max(now);
                }
                let of = KeyUse { cost: numbers.below(4) as u32, ..using(&[]) };
                let decision = ledger.decide(&Arc::new(grant.clone()), &of, Timestamp(clock));
                let hour = counted.entry(HourOfUse::of(Timestamp(clock)).start_ms).or_default();
                let used = |now: i64| {
                    allowed_costs.iter().filter(|(at, _)| now - at < 60_000).map(|(_, cost)| cost).sum::<u32>()
                };
                match &decision {
                    Decision::Denied(_, denial) => {
                        assert!(grant.revoked && *denial == Denial::Revoked, "seed {seed}");
                        hour.denied += 1;
                    }
                    Decision::Allowed(_, state) => {
                        assert!(!grant.revoked && used(now) + of.cost <= grant.rate_limit, "seed {seed}");
                        assert_eq!(state.remaining, grant.rate_limit - used(now) - of.cost, "seed {seed}");
                        hour.allowed += 1;
                        allowed_costs.push((now, of.cost));
                    }
                    Decision::Limited(_, state) => {
                        assert!(!grant.revoked && used(now) + of.cost > grant.rate_limit, "seed {seed}");
                        assert_eq!(state.remaining, grant.rate_limit - used(now), "seed {seed}");
                        hour.limited += 1;
                    }
                    Decision::Unknown => panic!("seed {seed}"),
                }
                assert!(ledger.usage.is_unsaved(), "seed {seed}");
                assert!(ledger.log.entries().count() <= grant.rate_limit as usize, "seed {seed}");
                if numbers.below(8) == 0 {
                    let batch = ledger.usage.unsaved();
                    for (_, hour) in &batch {
                        let kept = saved.entry(hour.start_ms).or_insert(*hour);
                        *kept = kept.merged(*hour);
                    }
                    // A use while it is being saved stays unsaved.
                    if numbers.below(3) == 0 {
                        let decision =
                            ledger.decide(&Arc::new(grant.clone()), &KeyUse { cost: 0, ..of }, Timestamp(clock));
                        let hour = counted.entry(HourOfUse::of(Timestamp(clock)).start_ms).or_default();
                        *if decision.is_allowed() { &mut hour.allowed } else { &mut hour.denied } += 1;
                        ledger.usage.saved(&batch, Timestamp(clock));
                        assert!(ledger.usage.is_unsaved(), "seed {seed}");
                    } else {
                        ledger.usage.saved(&batch, Timestamp(clock));
                        assert!(!ledger.usage.is_unsaved(), "seed {seed}");
                        if numbers.below(3) == 0 {
                            ledger.usage = UsageByKey::default();
                            saved.values().for_each(|hour| ledger.usage.of(&"key".into()).take_up(*hour));
                        }
                    }
                }
            }
            for (_, hour) in ledger.usage.unsaved() {
                let kept = saved.entry(hour.start_ms).or_insert(hour);
                *kept = kept.merged(hour);
            }
            let numbers = |hour: &HourOfUse| (hour.allowed, hour.limited, hour.denied);
            let counted = counted.iter().map(|(start, hour)| (*start, numbers(hour))).collect::<Vec<_>>();
            let saved = saved.iter().map(|(start, hour)| (*start, numbers(hour))).collect::<Vec<_>>();
            assert_eq!(counted, saved, "seed {seed}");
        }
    }
}
