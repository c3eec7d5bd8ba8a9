use super::{Config, Environment, HostDefaults, OwnMail};

/// How variables of this product begin. Another one that begins so is misspelt, or of another release.
const PREFIXES: [&str; 18] = [
    "ADMIN_EMAIL",
    "AIBAAS_",
    "BREACHED_PASSWORDS_",
    "CORS_",
    "GITHUB_SECRET_SCANNING_",
    "JWT_",
    "MAIL_",
    "PASSWORD_ARGON2",
    "PASSWORD_HASH",
    "PUBLISHING_",
    "RATE_LIMIT_",
    "RESEND_API_",
    "RESEND_WEBHOOK",
    "SENDGRID_API_",
    "SENDGRID_WEBHOOK",
    "SMTP_",
    "TICK_SECRET",
    "TRUSTED_PROX",
];

/// The names among these that look like variables of this product and are none: no [`Config::load`] reads them, and the
/// host does not know them either.
#[must_use]
pub fn unknown_variables(names: impl IntoIterator<Item = String>, of_host: &[&str]) -> Vec<String> {
    let known = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let lookup = |name: &str| {
        known.borrow_mut().insert(name.to_owned());
        // In development everything may be configured.
        (name == "ENVIRONMENT").then(|| "development".to_owned())
    };
    let defaults = HostDefaults {
        environment: Environment::Development,
        base_url: String::new(),
        most_hash_memory_kib: u32::MAX,
        own_mail: OwnMail::Smtp,
    };
    let _ = Config::load(&lookup, defaults);
    let known = known.into_inner();
    let is_known = |name: &str| known.contains(name) || of_host.contains(&name);
    let ours = |name: &String| {
        let upper = name.to_ascii_uppercase();
        !is_known(name) && (is_known(&upper) || PREFIXES.iter().any(|prefix| upper.starts_with(prefix)))
    };
    let mut unknown = names.into_iter().filter(ours).collect::<Vec<_>>();
    unknown.sort();
    unknown
}
