//! Spin's runtime configuration file, as far as the project names it: each kind of store with what Spin wants of it, and
//! nothing else.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeConfig {
    /// Databases, by label.
    #[serde(default)]
    pub sqlite_database: BTreeMap<String, SqliteDatabase>,
    /// Key-value stores, by label.
    #[serde(default)]
    pub key_value_store: BTreeMap<String, KeyValueStore>,
}

/// Where a database is.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum SqliteDatabase {
    /// In a file of the machine.
    Spin {
        /// Which; else in memory.
        path: Option<String>,
    },
    /// On a server.
    Libsql {
        /// Its address.
        url: String,
        /// What it is asked with.
        token: String,
    },
}

/// Where a key-value store is.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum KeyValueStore {
    /// In a file of the machine.
    Spin {
        /// Which; else in memory.
        path: Option<String>,
    },
    /// On a Redis server.
    Redis {
        /// Its address.
        url: String,
    },
}

impl RuntimeConfig {
    /// Reads a file as Spin does.
    ///
    /// # Errors
    /// What Spin would not take.
    pub fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        for database in config.sqlite_database.values() {
            if let SqliteDatabase::Libsql { url, .. } = database
                && !(url.starts_with("https://") || url.starts_with("http://"))
            {
                return Err(format!("{url}: Spin asks libSQL over HTTP only"));
            }
        }
        for store in config.key_value_store.values() {
            if let KeyValueStore::Redis { url } = store
                && !(url.starts_with("redis://") || url.starts_with("rediss://"))
            {
                return Err(format!("{url} is no address of Redis"));
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_file_is_one_that_spin_reads() {
        let text = include_str!("../../../docs/deploy/spin-runtime-config.toml");
        let config = RuntimeConfig::parse(text).unwrap();
        assert!(matches!(config.sqlite_database["default"], SqliteDatabase::Libsql { .. }));
        assert!(matches!(config.key_value_store["default"], KeyValueStore::Redis { .. }));
        for (from, to) in [
            ("\"libsql\"", "\"postgres\""),
            ("token =", "password ="),
            ("token = \"…\"\n", ""),
            ("https://aibaas", "libsql://aibaas"),
            ("redis://", "http://"),
            ("[sqlite_database.", "[sqlite."),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(RuntimeConfig::parse(&text.replace(from, to)).is_err(), "{from} → {to}");
        }
    }
}
