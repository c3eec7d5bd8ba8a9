//! Counts of the reads that each network made from this instance.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use lru::LruCache;

use crate::{
    domain::{LimitState, Timestamp, network::Network},
    ports::{Admission, Limit},
};

/// Most networks whose reads an instance counts, a megabyte; the least recently seen is forgotten first.
const NETWORKS: NonZeroUsize = NonZeroUsize::new(8192).unwrap();

/// Reads that each network made from this instance, with the start of the window.
pub struct ReadCounts(Mutex<LruCache<Network, (Timestamp, u32)>>);

impl Default for ReadCounts {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(NETWORKS)))
    }
}

impl ReadCounts {
    /// Counts a read where the limit admits it. A window begins with the first read after the previous one ended.
    pub fn admit(&self, network: Network, limit: &Limit, now: Timestamp) -> Admission {
        let window_ms = u64::from(limit.window_seconds).saturating_mul(1000);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, count) = counts.get_or_insert_mut(network, || (now, 0));
        if now < *start || now.ms_since(*start) >= window_ms {
            (*start, *count) = (now, 0);
        }
        let allowed = *count < limit.limit;
        if allowed {
            *count = count.saturating_add(1);
        }
        let state = LimitState {
            remaining: limit.limit.saturating_sub(*count),
            reset_after_ms: window_ms.saturating_sub(now.ms_since(*start)),
        };
        Admission { allowed, states: vec![state] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_reads_so_often_in_a_window() {
        let (counts, limit) = (ReadCounts::default(), Limit { name: "reads".to_owned(), limit: 2, window_seconds: 10 });
        let read = |address: &str, now: i64| {
            let admission = counts.admit(Network::of_client(address.parse().unwrap()), &limit, Timestamp(now));
            (admission.allowed, admission.states[0].remaining, admission.states[0].reset_after_ms)
        };
        assert_eq!(read("192.0.2.1", 0), (true, 1, 10_000));
        assert_eq!(read("192.0.2.1", 4_000), (true, 0, 6_000));
        assert_eq!(read("192.0.2.1", 9_999), (false, 0, 1));
        assert_eq!(read("192.0.2.2", 9_999), (true, 1, 10_000), "each network has its own");
        assert_eq!(read("192.0.2.1", 10_000), (true, 1, 10_000));
        assert_eq!(read("192.0.2.1", 5_000), (true, 1, 10_000), "a clock that is set back keeps nobody out");
        assert_eq!(read("2001:db8::1", 0), (true, 1, 10_000));
        assert_eq!(read("2001:db8::2", 0), (true, 0, 10_000), "of IPv6 a customer has a /64");
    }
}
