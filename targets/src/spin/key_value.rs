//! Spin's key-value store, which knows no expiry: each value carries its own in its first 8 bytes, and goes when a
//! reader finds it expired.

use std::sync::Arc;

use aibaas_core::ports::{Clock, KeyValue, KeyValueError, Timestamp};
use async_trait::async_trait;
use spin_sdk::key_value::{Error, Store};

/// The port promises this much.
const SHORTEST_TTL_SECONDS: u32 = 60;

pub struct SpinKeyValue(pub Arc<dyn Clock>);

#[async_trait]
impl KeyValue for SpinKeyValue {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        let store = Store::open_default().await.map_err(error)?;
        let Some(stored) = store.get(key).await.map_err(error)? else { return Ok(None) };
        match stored.split_first_chunk() {
            Some((expires_at, value)) if self.0.now() < Timestamp(i64::from_be_bytes(*expires_at)) => {
                Ok(Some(value.to_vec()))
            }
            _ => {
                store.delete(key).await.map_err(error)?;
                Ok(None)
            }
        }
    }

    async fn put(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), KeyValueError> {
        let expires_at = self.0.now().plus_seconds(ttl_seconds.max(SHORTEST_TTL_SECONDS).into());
        let stored = [expires_at.0.to_be_bytes().as_slice(), value].concat();
        Store::open_default().await.map_err(error)?.set(key, stored).await.map_err(error)
    }

    async fn delete(&self, key: &str) -> Result<(), KeyValueError> {
        Store::open_default().await.map_err(error)?.delete(key).await.map_err(error)
    }
}

fn error(error: Error) -> KeyValueError {
    KeyValueError(error.to_string())
}
