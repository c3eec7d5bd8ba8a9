//! The kind of a deployment, and what a host supplies where the configuration is silent.

use super::OwnMail;

/// Kind of the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Development: working defaults for everything; mail is kept and shown at `/dev/mail` while no provider is named.
    Development,
    /// Production: nothing weak or missing is tolerated.
    Production,
}

/// Values that a host supplies where the configuration is silent.
#[derive(Clone, Debug)]
pub struct HostDefaults {
    /// Default of `ENVIRONMENT`.
    pub environment: Environment,
    /// Default of `BASE_URL` in development: the address at which this host listens.
    pub base_url: String,
    /// Most memory that one password hash may take on this host, in KiB.
    pub most_hash_memory_kib: u32,
    /// How the host sends mail by itself, besides what it asks of providers over HTTP.
    pub own_mail: OwnMail,
    /// Most statements that a tick may spend on packing results.
    pub most_packing_statements: usize,
}

impl HostDefaults {
    /// Value of `most_packing_statements` for a host whose database is on the same machine.
    pub const PACKING_STATEMENTS: usize = 400;
}

#[cfg(test)]
impl HostDefaults {
    /// Creates the defaults of a development host that listens at `base_url`, for unit tests.
    pub(crate) fn development(base_url: &str) -> Self {
        let base_url = base_url.to_owned();
        Self {
            environment: Environment::Development,
            base_url,
            most_hash_memory_kib: 65_536,
            own_mail: OwnMail::None,
            most_packing_statements: Self::PACKING_STATEMENTS,
        }
    }
}
