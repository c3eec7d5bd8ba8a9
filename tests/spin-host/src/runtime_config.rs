//! Spin's runtime configuration file, as far as the project names it: each kind of store with what Spin wants of it, and
//! nothing else.

use std::{collections::BTreeMap, net::IpAddr};

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
    /// Where components may not go, whatever the manifest allows.
    #[serde(default)]
    pub outbound_networking: OutboundNetworking,
}

/// Where components may not go.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundNetworking {
    /// `private`, or networks.
    #[serde(default)]
    pub block_networks: Vec<String>,
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
        for network in &config.outbound_networking.block_networks {
            if network != "private" && !is_network(network) {
                return Err(format!("{network} is neither `private` nor a network"));
            }
        }
        Ok(config)
    }
}

/// Whether it is an address, alone or with the length of a prefix.
fn is_network(text: &str) -> bool {
    let (address, length) = text.split_once('/').unwrap_or((text, "0"));
    let longest = |address: IpAddr| if address.is_ipv4() { 32 } else { 128 };
    address.parse().is_ok_and(|address| length.parse::<u8>().is_ok_and(|length| length <= longest(address)))
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
        assert_eq!(config.outbound_networking.block_networks, ["private"]);
        let networks = |of: &str| RuntimeConfig::parse(&text.replace("\"private\"", of));
        assert!(networks("\"10.0.0.0/8\", \"fc00::/7\", \"private\"").is_ok());
        for (from, to) in [
            ("\"libsql\"", "\"postgres\""),
            ("token =", "password ="),
            ("token = \"…\"\n", ""),
            ("https://aibaas", "libsql://aibaas"),
            ("redis://", "http://"),
            ("[sqlite_database.", "[sqlite."),
            ("[outbound_networking]", "[outbound_network]"),
            ("block_networks", "blocked_networks"),
            ("\"private\"", "\"local\""),
            ("\"private\"", "\"10.0.0.0/33\""),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(RuntimeConfig::parse(&text.replace(from, to)).is_err(), "{from} → {to}");
        }
    }
}
