//! Spin's runtime configuration file, as far as the project names it: each kind of store with the fields that Spin
//! requires, and nothing else.

use std::{collections::BTreeMap, net::IpAddr};

use serde::Deserialize;

/// The parsed runtime configuration file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeConfig {
    /// Databases, by label.
    #[serde(default)]
    pub sqlite_database: BTreeMap<String, SqliteDatabase>,
    /// Key-value stores, by label.
    #[serde(default)]
    pub key_value_store: BTreeMap<String, KeyValueStore>,
    /// Networks that components may not reach, whatever the manifest allows.
    #[serde(default)]
    pub outbound_networking: OutboundNetworking,
}

/// Networks that components may not reach.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundNetworking {
    /// `private`, or networks in CIDR notation.
    #[serde(default)]
    pub block_networks: Vec<String>,
}

/// The location of a database.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum SqliteDatabase {
    /// A file of the machine.
    Spin {
        /// Path of the file; without it, the database is in memory.
        path: Option<String>,
    },
    /// A libSQL server.
    Libsql {
        /// URL of the server.
        url: String,
        /// Authentication token for the server.
        token: String,
    },
}

/// The location of a key-value store.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum KeyValueStore {
    /// A file of the machine.
    Spin {
        /// Path of the file; without it, the store is in memory.
        path: Option<String>,
    },
    /// A Redis server.
    Redis {
        /// URL of the server.
        url: String,
    },
}

impl RuntimeConfig {
    /// Parses a runtime configuration file as Spin does.
    ///
    /// # Errors
    /// Returns what Spin would reject.
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

/// Checks whether the text is an IP address, alone or with a prefix length.
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
