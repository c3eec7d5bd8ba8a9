use std::{cell::RefCell, collections::BTreeSet, fmt};

use super::{Config, Environment, HostDefaults, OwnMail};

/// Prefixes of this product's variables. An unknown variable with one of them is misspelt, or of another release.
const PREFIXES: [&str; 25] = [
    "ADMIN_EMAIL",
    "AIBAAS_",
    "BACKUP_",
    "BREACHED_PASSWORDS_",
    "CORS_",
    "GITHUB_SECRET_SCANNING_",
    "JWT_",
    "LOG_CLIENT",
    "MAIL_",
    "MAX_CONNECTIONS_",
    "METRICS_TOKEN",
    "PACK_RESULTS",
    "PASSWORD_ARGON2",
    "PASSWORD_HASH",
    "PUBLISHING_",
    "RATE_LIMIT_",
    "REQUEST_DEADLINE",
    "RESEND_API_",
    "RESEND_WEBHOOK",
    "SENDGRID_API_",
    "SENDGRID_WEBHOOK",
    "SMTP_",
    "STORAGE_QUOTA",
    "TICK_SECRET",
    "TRUSTED_PROX",
];

/// A variable that looks like one of this product and is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownVariable {
    /// Name of the variable.
    pub name: String,
    /// The known variable with the nearest name, where one is near.
    pub meant: Option<String>,
}

impl fmt::Display for UnknownVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.meant {
            Some(meant) => write!(f, "{} is no variable of this release; is {meant} meant?", self.name),
            None => write!(f, "{} is no variable of this release", self.name),
        }
    }
}

/// Lists the names that look like variables of this product, by their prefix or by how near they are to one, but are
/// unknown: no [`Config::load`] reads them, and the host does not know them either.
#[must_use]
pub fn unknown_variables(names: impl IntoIterator<Item = String>, of_host: &[&str]) -> Vec<UnknownVariable> {
    let mut known = variables(OwnMail::Smtp);
    known.extend(of_host.iter().map(|name| (*name).to_owned()));
    let mut unknown = names.into_iter().filter_map(|name| check_variable(name, &known)).collect::<Vec<_>>();
    unknown.sort_by(|one, other| one.name.cmp(&other.name));
    unknown
}

/// Lists the names that [`Config::load`] asks for on a host with this mail transport of its own.
fn variables(own_mail: OwnMail) -> BTreeSet<String> {
    let asked = RefCell::<BTreeSet<String>>::default();
    let lookup = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        // Everything may be configured in development.
        (name == "ENVIRONMENT").then(|| "development".to_owned())
    };
    let defaults = HostDefaults {
        environment: Environment::Development,
        base_url: String::new(),
        most_hash_memory_kib: u32::MAX,
        own_mail,
        most_packing_statements: HostDefaults::PACKING_STATEMENTS,
    };
    let _ = Config::load(&lookup, defaults);
    asked.into_inner()
}

fn check_variable(name: String, known: &BTreeSet<String>) -> Option<UnknownVariable> {
    if known.contains(&name) {
        return None;
    }
    let upper = name.to_ascii_uppercase();
    let begins = PREFIXES.iter().any(|prefix| upper.starts_with(prefix));
    let distances = known.iter().map(|known| (strsim::osa_distance(&upper, known), known));
    let nearest = distances.min().filter(|(distance, known)| *distance <= mistakes_in(known, begins));
    let meant = nearest.map(|(_, known)| known.clone());
    (begins || meant.is_some()).then_some(UnknownVariable { name, meant })
}

/// Returns how many letters of a name may be wrong, missing or swapped for it still to be recognized. In a short name
/// none may be, since variables of other programs are soon near to it.
fn mistakes_in(name: &str, begins_so: bool) -> usize {
    match name.len() {
        0..7 => 0,
        7..11 => 1,
        _ if begins_so => 3,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variables of servers that Spin has not: a mail server, and metrics.
    const NATIVE: [&str; 3] = ["METRICS_TOKEN", "SMTP_CA_FILE", "SMTP_URL"];

    #[test]
    fn spin_declares_every_variable_that_means_something_there() {
        let mut meant = variables(OwnMail::None);
        meant.retain(|name| !NATIVE.contains(&&**name));
        let manifest = include_str!("../../../spin.toml");
        let sections = manifest.split("\n[").collect::<Vec<_>>();
        for (section, value) in [("variables]", "{ default = \"\""), ("component.aibaas.variables]", "\"{{ ")] {
            let lines = sections.iter().find(|text| text.starts_with(section)).expect(section).lines();
            let declared =
                lines.filter_map(|line| line.split_once(" = ")).filter(|(_, given)| given.starts_with(value));
            let declared = declared.map(|(name, _)| name.to_uppercase()).collect::<BTreeSet<_>>();
            assert_eq!(declared, meant, "{section}");
        }
    }
}
