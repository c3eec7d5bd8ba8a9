//! Spin's key-value store as a cache, in a fixed number of slots: the store never grows beyond them.

use std::{future::poll_fn, sync::Arc, task::Poll};

use aibaas_core::ports::{Clock, KeyValue, KeyValueError};
use async_trait::async_trait;
use spin_sdk::key_value::{Error, Store};

use crate::slots::{Entry, choose, slots};

/// Shortest time to live, in seconds, as the port promises.
const SHORTEST_TTL_SECONDS: u32 = 60;

pub struct SpinKeyValue(pub Arc<dyn Clock>);

#[async_trait]
impl KeyValue for SpinKeyValue {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        let store = Store::open_default().await.map_err(error)?;
        for slot in slots(key) {
            if let Some(entry) = read(&store, &slot).await?.filter(|entry| entry.is_of(key)) {
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
        let slot = choose(key, [first, second], in_first.as_ref(), in_second.as_ref());
        let entry = Entry { expires_at, key: key.as_bytes().to_vec(), value: value.to_vec() };
        store.set(slot, entry.encode()).await.map_err(error)
    }
}

async fn read(store: &Store, slot: &str) -> Result<Option<Entry>, KeyValueError> {
    let stored = store.get(slot).await.map_err(error)?;
    yield_now().await;
    Ok(stored.and_then(|stored| Entry::decode(&stored)))
}

/// Lets other tasks run once before the caller goes on. Spin reads its store in place, which blocks the thread, and the
/// runtime lets another thread take over whatever else is to be done. The head of an answer would leave before its body
/// is there, and the body then wait some 40 ms for the client to acknowledge the head. After a yield, the caller goes
/// on in an ordinary thread.
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

fn error(error: Error) -> KeyValueError {
    KeyValueError(error.to_string())
}
