//! Exact rate limits in memory.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::BuildHasher as _,
    sync::{Mutex, MutexGuard, PoisonError},
};

use aibaas_core::{
    domain::{LimitState, SlidingLog, Timestamp},
    ports::{Admission, Limit, RateLimitError, RateLimiter},
};
use async_trait::async_trait;

const SHARDS: u64 = 64;
/// Most subjects that a shard counts: a million clients over all shards.
const SUBJECTS: usize = 16_384;
/// Shortest time between two sweeps of a full shard, in milliseconds.
const SWEEP_EVERY_MS: u64 = 1000;

/// [`RateLimiter`] over sliding logs in memory, for the one process that serves. A restart forgets them.
///
/// Memory is bounded: what is no longer in use is swept away, and where a million subjects are in use at once, new ones
/// get an error until there is room.
pub struct MemoryRateLimiter {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
    subjects_a_shard: usize,
}

#[derive(Default)]
struct Shard {
    subjects: HashMap<String, Subject>,
    swept: Option<Timestamp>,
}

/// Sliding logs of a subject, under one lock, so that all are charged together or not at all.
struct Subject {
    /// Time from which nothing of the subject is in use any more.
    idle_from: Timestamp,
    logs: Vec<(String, SlidingLog)>,
}

impl Default for MemoryRateLimiter {
    fn default() -> Self {
        Self::with_room(SUBJECTS)
    }
}

impl MemoryRateLimiter {
    fn with_room(subjects_a_shard: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, hasher: RandomState::new(), subjects_a_shard }
    }

    /// Frees the memory of every subject of which nothing is in use.
    pub fn sweep(&self, now: Timestamp) {
        for shard in &self.shards {
            lock(shard).sweep(now);
        }
    }

    fn shard(&self, subject: &str) -> Result<MutexGuard<'_, Shard>, RateLimitError> {
        let index = usize::try_from(self.hasher.hash_one(subject) % SHARDS).ok();
        let shard = index.and_then(|index| self.shards.get(index));
        shard.map(lock).ok_or_else(|| RateLimitError("no such shard".to_owned()))
    }

    fn decide(&self, subject: &str, limits: &[Limit], cost: u32, now: Timestamp) -> Result<Admission, RateLimitError> {
        let mut shard = self.shard(subject)?;
        if !shard.subjects.contains_key(subject) {
            if shard.subjects.len() >= self.subjects_a_shard {
                if shard.swept.is_none_or(|swept| now.ms_since(swept) >= SWEEP_EVERY_MS) {
                    shard.sweep(now);
                }
                if shard.subjects.len() >= self.subjects_a_shard {
                    return Err(RateLimitError("too many clients at once".to_owned()));
                }
            }
            shard.subjects.insert(subject.to_owned(), Subject { idle_from: now, logs: Vec::new() });
        }
        let Some(subject) = shard.subjects.get_mut(subject) else {
            return Err(RateLimitError("no such subject".to_owned()));
        };
        Ok(subject.admit(limits, cost, now))
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    fn sweep(&mut self, now: Timestamp) {
        self.subjects.retain(|_, subject| subject.idle_from > now);
        self.subjects.shrink_to(self.subjects.len().saturating_mul(2));
        self.swept = Some(now);
    }
}

impl Subject {
    fn admit(&mut self, limits: &[Limit], cost: u32, now: Timestamp) -> Admission {
        let allowed = limits.iter().all(|limit| self.state(limit, now).remaining >= cost);
        if allowed {
            for limit in limits {
                let log = self.log(limit);
                log.charge(limit.limit, cost, now);
                // Where the clock was set back, the log's own time is the later one.
                let charged_at = log.entries().next_back().map_or(now, |(at, _)| at);
                let window_ms = i64::from(limit.window_seconds).saturating_mul(1000);
                self.idle_from = self.idle_from.max(charged_at.plus_ms(window_ms));
            }
        }
        Admission { allowed, states: limits.iter().map(|limit| self.state(limit, now)).collect() }
    }

    fn state(&mut self, limit: &Limit, now: Timestamp) -> LimitState {
        let window_ms = u64::from(limit.window_seconds).saturating_mul(1000);
        let log = self.log(limit);
        log.expire(window_ms, now);
        log.state(limit.limit, window_ms, now)
    }

    fn log(&mut self, limit: &Limit) -> &mut SlidingLog {
        let index = self.logs.iter().position(|(name, _)| *name == limit.name).unwrap_or_else(|| {
            self.logs.push((limit.name.clone(), SlidingLog::default()));
            self.logs.len().saturating_sub(1)
        });
        #[expect(clippy::indexing_slicing, reason = "found or pushed just above")]
        &mut self.logs[index].1
    }
}

#[async_trait]
impl RateLimiter for MemoryRateLimiter {
    async fn admit(
        &self,
        subject: &str,
        limits: &[Limit],
        cost: u32,
        now: Timestamp,
    ) -> Result<Admission, RateLimitError> {
        self.decide(subject, limits, cost, now)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn limit(name: &str, limit: u32, window_seconds: u32) -> Limit {
        Limit { name: name.to_owned(), limit, window_seconds }
    }

    fn held(limiter: &MemoryRateLimiter) -> usize {
        limiter.shards.iter().map(|shard| lock(shard).subjects.len()).sum()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_burst_gets_exactly_the_limit() {
        let limiter = Arc::new(MemoryRateLimiter::default());
        let clients = (0..32_i64).map(|client| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move {
                let mut admitted = 0;
                for request in 0..20 {
                    let now = Timestamp(10_000 + client + request);
                    admitted +=
                        u32::from(limiter.admit("key", &[limit("requests", 100, 60)], 1, now).await.unwrap().allowed);
                }
                admitted
            })
        });
        let mut admitted = 0;
        for client in clients.collect::<Vec<_>>() {
            admitted += client.await.unwrap();
        }
        assert_eq!(admitted, 100);
    }

    #[tokio::test]
    async fn a_request_is_charged_to_all_its_limits_or_to_none() {
        let limiter = MemoryRateLimiter::default();
        let limits = [limit("wide", 5, 60), limit("narrow", 2, 60)];
        for remaining in [1, 0] {
            let admission = limiter.admit("a", &limits, 1, Timestamp(0)).await.unwrap();
            assert!(admission.allowed);
            assert_eq!(admission.states[1].remaining, remaining);
        }
        let refused = limiter.admit("a", &limits, 1, Timestamp(1000)).await.unwrap();
        assert!(!refused.allowed);
        assert_eq!(refused.states[0], LimitState { remaining: 3, reset_after_ms: 59_000 });
        assert!(limiter.admit("a", &limits[..1], 3, Timestamp(1000)).await.unwrap().allowed);
        assert!(limiter.admit("b", &limits, 2, Timestamp(1000)).await.unwrap().allowed);
    }

    #[tokio::test]
    async fn nothing_in_use_is_swept_away_by_a_clock_set_back() {
        let limiter = MemoryRateLimiter::default();
        let limits = [limit("requests", 1, 10)];
        assert!(!limiter.admit("a", &limits, 2, Timestamp(20_000)).await.unwrap().allowed);
        assert!(limiter.admit("a", &limits, 1, Timestamp(15_000)).await.unwrap().allowed);
        limiter.sweep(Timestamp(26_000));
        assert!(!limiter.admit("a", &limits, 1, Timestamp(29_999)).await.unwrap().allowed);
        assert!(limiter.admit("a", &limits, 1, Timestamp(30_000)).await.unwrap().allowed);
    }

    #[tokio::test]
    async fn memory_is_bounded_and_comes_back() {
        let limiter = MemoryRateLimiter::with_room(2);
        let limits = [limit("requests", 1, 10)];
        let mut refused = 0;
        for client in 0..1000 {
            refused += usize::from(limiter.admit(&client.to_string(), &limits, 1, Timestamp(0)).await.is_err());
        }
        assert_eq!((held(&limiter), refused), (128, 872));
        assert!(limiter.admit("late", &limits, 1, Timestamp(10_000)).await.unwrap().allowed);
        limiter.sweep(Timestamp(10_000));
        assert_eq!(held(&limiter), 1);
        assert!(!limiter.admit("late", &limits, 1, Timestamp(19_999)).await.unwrap().allowed);
        limiter.sweep(Timestamp(20_000));
        assert_eq!(held(&limiter), 0);
    }
}
