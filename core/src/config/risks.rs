//! Settings that a configuration permits and its operator may not have meant.

use tracing::level_filters::LevelFilter;

use super::{Config, Environment, Publishing};

/// A setting that works and is less safe than it could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Risk {
    /// Name of the variable.
    pub variable: &'static str,
    /// What can happen because of the setting.
    pub what: &'static str,
    /// What removes the risk.
    pub advice: &'static str,
}

impl Config {
    /// Lists the risks of the configuration, on any host. A development server for this machine alone has none.
    #[must_use]
    pub fn risks(&self) -> Vec<Risk> {
        let production = self.environment == Environment::Production;
        let insecure_origin = self.cors_origins.iter().flatten().any(|origin| origin.starts_with("http://"));
        let risks = [
            (
                production && self.breached_passwords_url.is_none(),
                "BREACHED_PASSWORDS_URL",
                "is not set: passwords that other sites lost are accepted",
                "set it to https://api.pwnedpasswords.com/range",
            ),
            (
                production && self.publishing == Publishing::Open,
                "PUBLISHING",
                "is open: whoever registers may publish results",
                "set it to roles, and name publishers",
            ),
            (
                production && insecure_origin,
                "CORS_ORIGINS",
                "holds an http:// origin: whoever is on the way can change that page and use its sessions",
                "serve the front end by https",
            ),
            (
                production && self.limit_reads.is_none(),
                "RATE_LIMIT_READS",
                "is off: one address may take all that the server can answer",
                "leave it out for the default, or limit reads in the proxy",
            ),
            (
                self.log.level == LevelFilter::OFF,
                "LOG_LEVEL",
                "is off: nothing says what went wrong",
                "set it to warn at least",
            ),
        ];
        let present = risks.into_iter().filter(|(present, ..)| *present);
        present.map(|(_, variable, what, advice)| Risk { variable, what, advice }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{HostDefaults, OwnMail},
        *,
    };

    fn risky(variables: &[(&str, &str)]) -> Vec<&'static str> {
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let defaults = HostDefaults { own_mail: OwnMail::Smtp, ..HostDefaults::development("http://127.0.0.1:8787") };
        let config = Config::load(&lookup, defaults).unwrap();
        config.risks().iter().map(|risk| risk.variable).collect()
    }

    #[test]
    fn production_is_told_what_it_permits() {
        assert!(risky(&[]).is_empty());
        let production = [
            ("ENVIRONMENT", "production"),
            ("JWT_SECRET", "gI8v2mN4qT6wY1zA3bC5dE7fH9jK0lPx"),
            ("BASE_URL", "https://api.example.com"),
            ("RESEND_API_KEY", "re_123"),
            ("MAIL_FROM", "AIBaaS <noreply@example.com>"),
        ];
        assert_eq!(risky(&production), ["BREACHED_PASSWORDS_URL"]);
        let careful = ("BREACHED_PASSWORDS_URL", "https://api.pwnedpasswords.com/range");
        for (risk, value, safe) in [
            ("PUBLISHING", "open", "roles"),
            ("CORS_ORIGINS", "http://app.example.com", "https://app.example.com"),
            ("RATE_LIMIT_READS", "off", "600/60"),
            ("LOG_LEVEL", "off", "error"),
        ] {
            let with = |value| risky(&[&production[..], &[careful, (risk, value)]].concat());
            assert_eq!((with(value), with(safe)), (vec![risk], vec![]), "{risk}");
        }
    }
}
