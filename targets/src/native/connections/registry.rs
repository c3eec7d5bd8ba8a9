//! The open connections, counted in total and by network, and the choice of which one closes when there are too many.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use aibaas_core::{HostRefusal, domain::network::Network};
use tokio_util::sync::CancellationToken;

use super::{
    activity::{Activity, Timeouts},
    limits::ConnectionLimits,
};

/// Counts since the last line of the log.
#[derive(Default)]
pub struct Tally {
    /// Connections refused because no other one waited for its client.
    pub refused: AtomicU64,
    /// Connections refused because their network has enough.
    pub refused_by_address: AtomicU64,
    /// Connections closed to make room, the longest waiting first.
    pub evicted: AtomicU64,
    /// Connections answered 408 because the head of a request was late.
    pub late_heads: AtomicU64,
    /// Connections dropped because the client did not read its answer.
    pub late_readers: AtomicU64,
    /// Connections not accepted because the system had no descriptor.
    pub not_accepted: AtomicU64,
}

impl Tally {
    /// Logs the counts since the last call, where there are any.
    fn report(&self, open: usize) {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        let [refused, by_address, evicted] = [&self.refused, &self.refused_by_address, &self.evicted].map(take);
        let [heads, readers, not_accepted] = [&self.late_heads, &self.late_readers, &self.not_accepted].map(take);
        if [refused, by_address, evicted, heads, readers, not_accepted].iter().any(|count| *count > 0) {
            tracing::warn!(
                open,
                refused,
                refused_by_address = by_address,
                evicted,
                late_heads = heads,
                late_readers = readers,
                not_accepted,
                "connections"
            );
        }
    }
}

#[derive(Default)]
struct OpenConnections {
    places: HashMap<u64, (Arc<Activity>, CancellationToken)>,
    by_network: HashMap<Network, usize>,
    last_id: u64,
}

/// All open connections.
pub struct Registry {
    limits: ConnectionLimits,
    /// Networks of the proxies, each of which serves many clients.
    proxies: Vec<Network>,
    open: Mutex<OpenConnections>,
    pub tally: Tally,
}

impl Registry {
    pub fn new(limits: ConnectionLimits, proxies: Vec<Network>) -> Self {
        Self { limits, proxies, open: Mutex::default(), tally: Tally::default() }
    }

    fn open(&self) -> MutexGuard<'_, OpenConnections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a connection. Where all places are taken, the one that has waited longest for its client is closed: an
    /// idle one, a half-sent request or an answer that nobody reads, never a request that the application works on.
    ///
    /// [`HostRefusal`] that says why the connection is not admitted.
    pub fn admit(self: &Arc<Self>, peer: IpAddr, timeouts: Timeouts) -> Result<Place, HostRefusal> {
        let is_proxy = self.proxies.iter().any(|block| block.contains(peer));
        let network = (!is_proxy).then(|| Network::of_client(peer));
        let mut open = self.open();
        let has_enough = |network| open.by_network.get(network).is_some_and(|count| *count >= self.limits.per_network);
        if network.as_ref().is_some_and(has_enough) {
            self.tally.refused_by_address.fetch_add(1, Ordering::Relaxed);
            return Err(HostRefusal::NetworkFull);
        }
        if open.places.len() >= self.limits.total && !self.evict_one(&mut open) {
            self.tally.refused.fetch_add(1, Ordering::Relaxed);
            return Err(HostRefusal::Full);
        }
        open.last_id = open.last_id.wrapping_add(1);
        let id = open.last_id;
        let (activity, evicted) = (Arc::new(Activity::new(timeouts)), CancellationToken::new());
        open.places.insert(id, (Arc::clone(&activity), evicted.clone()));
        if let Some(network) = network {
            let count = open.by_network.entry(network).or_default();
            *count = count.saturating_add(1);
        }
        drop(open);
        Ok(Place { registry: Arc::clone(self), id, network, activity, evicted })
    }

    /// Closes a waiting connection, because the system has no descriptor for another one.
    pub fn make_room(&self) {
        self.tally.not_accepted.fetch_add(1, Ordering::Relaxed);
        self.evict_one(&mut self.open());
    }

    fn evict_one(&self, open: &mut OpenConnections) -> bool {
        let waiting = open.places.iter().filter_map(|(id, (activity, _))| Some((activity.waits_since()?, *id)));
        let Some((_, id)) = waiting.min() else { return false };
        // The place is free at once; the descriptor, when the connection's task has noticed.
        if let Some((_, evicted)) = open.places.remove(&id) {
            evicted.cancel();
        }
        self.tally.evicted.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Logs the counts of what happened to connections. To be called once a second.
    pub fn report(&self) {
        let open = self.open().places.len();
        self.tally.report(open);
    }
}

/// Place of a connection; free again when dropped.
pub struct Place {
    registry: Arc<Registry>,
    id: u64,
    network: Option<Network>,
    pub activity: Arc<Activity>,
    /// Token that is cancelled when the connection has to close.
    pub evicted: CancellationToken,
}

impl Place {
    pub fn tally(&self) -> &Tally {
        &self.registry.tally
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.registry.open();
        open.places.remove(&self.id);
        let Some(network) = self.network else { return };
        if let Some(count) = open.by_network.get_mut(&network) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.by_network.remove(&network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(total: usize, per_network: usize, proxies: &[&str]) -> Arc<Registry> {
        let proxies = proxies.iter().map(|block| Network::parse(block).unwrap()).collect();
        Arc::new(Registry::new(ConnectionLimits { total, per_network }, proxies))
    }

    fn admit(registry: &Arc<Registry>, peer: &str) -> Result<Place, HostRefusal> {
        registry.admit(peer.parse().unwrap(), Timeouts::default())
    }

    #[test]
    fn a_network_has_its_share() {
        let registry = registry(100, 2, &["10.0.0.0/8"]);
        let first = admit(&registry, "2001:db8::1").unwrap();
        let _second = admit(&registry, "2001:db8::2").unwrap();
        assert_eq!(admit(&registry, "2001:db8::3").err(), Some(HostRefusal::NetworkFull), "one /64 is one client");
        let _elsewhere = admit(&registry, "2001:db8:0:1::1").unwrap();
        drop(first);
        let _again = admit(&registry, "2001:db8::3").unwrap();
        let _proxied = (0..9).map(|_| admit(&registry, "10.1.2.3").unwrap()).collect::<Vec<_>>();
        assert_eq!(registry.tally.refused_by_address.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn the_longest_waiting_makes_room() {
        let registry = registry(3, 3, &[]);
        let busy = admit(&registry, "192.0.2.1").unwrap();
        busy.activity.begin_request();
        let idle = admit(&registry, "192.0.2.2").unwrap();
        let uploading = admit(&registry, "192.0.2.3").unwrap();
        uploading.activity.begin_request();
        uploading.activity.waits_for_body(true);

        let next = admit(&registry, "192.0.2.4").unwrap();
        assert!(idle.evicted.is_cancelled() && !uploading.evicted.is_cancelled());
        next.activity.begin_request();
        let last = admit(&registry, "192.0.2.5").unwrap();
        assert!(uploading.evicted.is_cancelled() && !busy.evicted.is_cancelled());
        last.activity.begin_request();
        assert_eq!(admit(&registry, "192.0.2.6").err(), Some(HostRefusal::Full), "nobody who is served has to go");
        drop((idle, uploading, last));
        let _after = admit(&registry, "192.0.2.6").unwrap();
        assert_eq!(registry.open().places.len(), 3);
        assert_eq!(registry.open().by_network.len(), 3);
    }
}
