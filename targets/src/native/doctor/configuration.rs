//! Checks whether the variables are right, and what they permit.

use std::net::SocketAddr;

use aibaas_core::{Config, Environment};

use super::{
    super::{
        connections::raise_descriptor_limit,
        data_directory::{Access, access},
        nightly::Nightly,
        serve::{self, Configured},
    },
    finding::Finding,
};

const ABOUT: &str = "configuration";

/// Reads the configuration as a start of the server does. Without mistakes there is a configuration.
pub fn check(listen: SocketAddr) -> (Option<(Config, Option<Nightly>)>, Vec<Finding>) {
    let (mut findings, mut loaded) = (Vec::new(), None);
    let url = format!("http://{}", serve::reachable(listen));
    match serve::configure(serve::defaults(url), raise_descriptor_limit()) {
        Ok(Configured { config, nightly, .. }) => {
            match serve::require_environment(listen, &config) {
                Ok(()) => findings.push(Finding::ok(ABOUT, described(&config))),
                Err(error) => findings.push(Finding::mistake(ABOUT, error.message())),
            }
            findings.extend(
                config
                    .risks()
                    .into_iter()
                    .map(|risk| Finding::warning(ABOUT, format!("{} {}", risk.variable, risk.what), risk.advice)),
            );
            findings.extend(way_in(listen, &config));
            loaded = Some((config, nightly));
        }
        Err(error) => findings.extend(error.0.into_iter().map(|mistake| Finding::mistake(ABOUT, mistake))),
    }
    findings.extend(
        serve::unknown()
            .iter()
            .map(|unknown| Finding::warning(ABOUT, unknown.to_string(), "correct the name, or remove the variable")),
    );
    (loaded, findings)
}

fn described(config: &Config) -> String {
    match config.environment {
        Environment::Production => format!("complete, for production at {}", config.base_url),
        Environment::Development => format!("complete, for development at {}", config.base_url),
    }
}

/// Checks for risks between clients and the server: no proxy in production, or a development server that others can
/// reach.
fn way_in(listen: SocketAddr, config: &Config) -> Option<Finding> {
    let (for_all, is_production) =
        (!listen.ip().to_canonical().is_loopback(), config.environment == Environment::Production);
    if is_production && config.trusted_proxies.is_empty() {
        return Some(Finding::warning(
            ABOUT,
            "TRUSTED_PROXIES names no proxy: behind one, all clients share one limit; without one, passwords come in clear",
            "put a proxy that ends TLS in front, and name its address",
        ));
    }
    (!is_production && config.environment_is_given && for_all).then(|| {
        Finding::warning(
            ABOUT,
            format!("in development everybody who reaches {listen} gets in with a public secret and may read all mail"),
            "listen on 127.0.0.1, or set ENVIRONMENT=production",
        )
    })
}

/// Checks whether backups can be made, where the server makes them.
pub fn backups(nightly: Option<&Nightly>, config: &Config) -> Option<Finding> {
    const ABOUT: &str = "backups";
    let Some(nightly) = nightly else {
        let advice = "set BACKUP_DIR to a directory on another disk, or run aibaas backup by a timer";
        let found = "BACKUP_DIR is not set: the server makes none";
        return (config.environment == Environment::Production).then(|| Finding::warning(ABOUT, found, advice));
    };
    let shown = nightly.directory().display();
    Some(match access(nightly.directory()) {
        Access::Writable => Finding::ok(ABOUT, format!("each day into {shown}")),
        Access::ToBeMade => Finding::ok(ABOUT, format!("each day into {shown}, which the server makes")),
        Access::Denied(why) => {
            Finding::failed(ABOUT, format!("{shown} cannot be written: {why}"), "give it to the user of the server")
        }
    })
}
