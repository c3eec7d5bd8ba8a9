//! Variables of the environment, and secrets in files that variables name, where no list of processes shows them.

use std::path::PathBuf;

/// Secrets that may be in a file, which the variable with `_FILE` appended names.
const SECRETS: [(&str, &str); 8] = [
    ("JWT_SECRET", "JWT_SECRET_FILE"),
    ("JWT_SECRET_PREVIOUS", "JWT_SECRET_PREVIOUS_FILE"),
    ("METRICS_TOKEN", "METRICS_TOKEN_FILE"),
    ("RESEND_API_KEY", "RESEND_API_KEY_FILE"),
    ("RESEND_WEBHOOK_SECRET", "RESEND_WEBHOOK_SECRET_FILE"),
    ("SENDGRID_API_KEY", "SENDGRID_API_KEY_FILE"),
    ("SMTP_URL", "SMTP_URL_FILE"),
    ("TICK_SECRET", "TICK_SECRET_FILE"),
];

/// Reads a variable of the configuration, from its file where one is named.
pub fn variable(name: &str) -> Option<String> {
    of_environment(name).or_else(|| {
        let (_, named_by) = SECRETS.iter().find(|(secret, _)| *secret == name)?;
        read(of_environment(named_by)?.into()).ok()
    })
}

/// Lists the names of the variables that name files.
pub fn of_files() -> impl Iterator<Item = &'static str> {
    SECRETS.iter().map(|(_, named_by)| *named_by)
}

/// Lists what is wrong with the files, without their content.
pub fn mistakes() -> Vec<String> {
    let named = SECRETS.iter().filter_map(|(secret, named_by)| Some((secret, named_by, of_environment(named_by)?)));
    let mistakes = named.filter_map(|(secret, named_by, file)| {
        if of_environment(secret).is_some() {
            return Some(format!("{secret} and {named_by} are both set: one is enough"));
        }
        let error = read(PathBuf::from(&file)).err()?;
        // What does not look like a path may be the secret itself.
        let file = if file.starts_with('/') { file.as_str() } else { "a file" };
        Some(format!("{named_by} names {file}, which cannot be read: {error}"))
    });
    mistakes.collect()
}

/// Reads a variable of the environment; an empty one counts as absent.
#[expect(clippy::disallowed_methods, reason = "this is the host that reads the configuration")]
fn of_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

#[expect(clippy::disallowed_methods, reason = "this host has a file system")]
fn read(file: PathBuf) -> std::io::Result<String> {
    let text = std::fs::read_to_string(file)?;
    match text.trim() {
        "" => Err(std::io::Error::other("it is empty")),
        secret => Ok(secret.to_owned()),
    }
}
