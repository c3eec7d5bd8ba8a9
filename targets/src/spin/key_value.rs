//! Spin's key-value store as a cache. The store knows no expiry and forgets nothing, so keys share a fixed number of slots,
//! and one that finds no free slot takes that of the entry that expires first: the store never grows beyond them.

use std::{
    future::poll_fn,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    task::Poll,
};

use aibaas_core::ports::{Clock, KeyValue, KeyValueError, Timestamp};
use async_trait::async_trait;
use spin_sdk::key_value::{Error, Store};

/// The port promises this much.
const SHORTEST_TTL_SECONDS: u32 = 60;

/// Pairs of slots; a key may stand in either of its pair.
const PAIRS: u64 = 256;

pub struct SpinKeyValue(pub Arc<dyn Clock>);

#[async_trait]
impl KeyValue for SpinKeyValue {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        let store = Store::open_default().await.map_err(error)?;
        for slot in slots(key) {
            if let Some(entry) = read(&store, &slot).await?.filter(|entry| entry.key == key.as_bytes()) {
                return Ok((self.0.now() < entry.expires_at).then_some(entry.value));
            }
        }
        Ok(None)
    }

    async fn put(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), KeyValueError> {
        let expires_at = self.0.now().plus_seconds(ttl_seconds.max(SHORTEST_TTL_SECONDS).into());
        let store = Store::open_default().await.map_err(error)?;
        let [first, second] = slots(key);
        let (in_first, in_second) = (read(&store, &first).await?, read(&store, &second).await?);
        // What a slot is worth: nothing where it is free, or the key's own.
        let worth = |entry: Option<Entry>| entry.filter(|one| one.key != key.as_bytes()).map(|one| one.expires_at);
        let is_own = in_second.as_ref().is_some_and(|entry| entry.key == key.as_bytes());
        let slot = if is_own || worth(in_second) < worth(in_first) { second } else { first };
        store.set(slot, encode(key, expires_at, value)).await.map_err(error)
    }
}

struct Entry {
    expires_at: Timestamp,
    key: Vec<u8>,
    value: Vec<u8>,
}

async fn read(store: &Store, slot: &str) -> Result<Option<Entry>, KeyValueError> {
    let stored = store.get(slot).await.map_err(error)?;
    yield_now().await;
    Ok(stored.and_then(|stored| decode(&stored)))
}

/// Spin reads its store in place, which blocks the thread; the runtime lets another one take over whatever else is to be
/// done, so that the head of an answer would leave before its body is there, and the body then wait some 40 ms for the
/// client to acknowledge the head. Whoever yields goes on in an ordinary thread.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn slots(key: &str) -> [String; 2] {
    // Another hash in another build only makes the cache start anew.
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let pair = hasher.finish() % PAIRS;
    [format!("slot-{pair}-a"), format!("slot-{pair}-b")]
}

/// The expiry and the key's length, eight bytes each; the key; the value.
fn encode(key: &str, expires_at: Timestamp, value: &[u8]) -> Vec<u8> {
    let length = u64::try_from(key.len()).unwrap_or(u64::MAX);
    [&expires_at.0.to_be_bytes(), length.to_be_bytes().as_slice(), key.as_bytes(), value].concat()
}

fn decode(stored: &[u8]) -> Option<Entry> {
    let (expires_at, rest) = stored.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (key, value) = rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
    let expires_at = Timestamp(i64::from_be_bytes(*expires_at));
    Some(Entry { expires_at, key: key.to_vec(), value: value.to_vec() })
}

fn error(error: Error) -> KeyValueError {
    KeyValueError(error.to_string())
}
