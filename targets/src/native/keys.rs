//! `aibaas keys`: creates, lists and revokes API keys on the command line. A server may run meanwhile: it notices the
//! changes at its very next request.

use std::{fmt::Write as _, io::Write as _, process::ExitCode};

use aibaas_core::{
    Environment, Publishing,
    domain::{
        ApiKeyId, Timestamp,
        account::Email,
        api_key::Scope,
        api_key_settings::{AskedApiKey, KeyEnvironment, MemberError},
    },
    operators::{ApiKeyRecord, CreatedApiKey, OperatorError, OwnedApiKey, RevokedApiKey, User},
    ports::Clock as _,
};
use clap::{Args, Subcommand, builder::PossibleValuesParser};
use serde_json::{Value, json};

use super::{
    data_directory::{self, DataDirectory},
    database::SqliteDatabase,
    error::CliError,
    operator::{self, address},
    output::{print_line, warn},
    system_clock::SystemClock,
    variables::variable,
};

/// Most characters of a name in the table.
const NAME: usize = 40;

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a key for somebody. It is written to standard output, this once, and what it may do to standard error.
    Create(Box<Create>),
    /// List keys, newest first: never the keys themselves, of which only hashes are stored.
    List(List),
    /// Revoke a key: the very next request with it is refused. A second time is no mistake.
    Revoke(Revoke),
}

/// The key to be made; the rules are the API's.
#[derive(Args, Debug)]
pub struct Create {
    /// Address of the account that it is for.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    email: Email,
    /// What to call it.
    #[arg(long)]
    name: String,
    /// What it may do; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = PossibleValuesParser::new(Scope::ALL.map(Scope::as_str)))]
    scopes: Vec<String>,
    /// What it is for.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Requests admitted in a window [default: 1000].
    #[arg(long, value_name = "NUMBER")]
    rate_limit: Option<u32>,
    /// Length of the window [default: 3600].
    #[arg(long, value_name = "SECONDS")]
    window: Option<u32>,
    /// When it ends by itself, as 2026-11-23T01:02:03Z [default: never].
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in_days")]
    expires_at: Option<String>,
    /// The same, in days from now.
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
    /// An address or a CIDR block that it may be used from, of several maybe [default: anywhere].
    #[arg(long = "allow-ip", value_name = "CIDR")]
    allowed_ips: Vec<String>,
    /// Whether it is the real thing: it shows in the key.
    #[arg(long, default_value = "live", value_parser = PossibleValuesParser::new(["live", "test"]))]
    environment: String,
    #[command(flatten)]
    data: DataDirectory,
}

/// Which keys to list, and how.
#[derive(Args, Debug)]
pub struct List {
    /// Address of the account whose keys are meant [default: everybody's].
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    email: Option<Email>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataDirectory,
}

/// Which key to revoke.
#[derive(Args, Debug)]
pub struct Revoke {
    /// The key's id, as `keys list` tells it.
    id: ApiKeyId,
    #[command(flatten)]
    data: DataDirectory,
}

/// Runs the command.
///
/// # Errors
/// [`CliError`] when the command was given wrongly, cannot be done, or the database cannot be opened.
pub async fn run(command: Command) -> Result<ExitCode, CliError> {
    let data = match &command {
        Command::Create(create) => &create.data,
        Command::List(list) => &list.data,
        Command::Revoke(revoke) => &revoke.data,
    };
    let database = operator::open(&data.directory).await?;
    let done = match command {
        Command::Create(create) => create.run(&database).await,
        Command::List(list) => list.run(&database).await,
        Command::Revoke(revoke) => revoke.run(&database).await,
    };
    data_directory::close(database).await;
    done.map(|()| ExitCode::SUCCESS)
}

impl Create {
    async fn run(self, database: &SqliteDatabase) -> Result<(), CliError> {
        let (email, asked) = self.into_settings();
        let publishes = asked.scopes.iter().any(|name| Scope::named(name).is_ok_and(Scope::publishes));
        let publishing = if publishes {
            let publishing = Publishing::load(&variable, Environment::Development);
            publishing.map_err(|error| CliError::misconfigured(error.to_string()))?
        } else {
            Publishing::Open
        };
        let created =
            operator::of(database).create_api_key(&email, asked, publishing).await.map_err(|error| match error {
                OperatorError::InvalidApiKey(mistakes) => {
                    CliError::misconfigured(mistakes.iter().map(complaint).collect::<Vec<_>>().join("\n"))
                }
                error => error.into(),
            })?;
        let CreatedApiKey { key, record, owner } = created;
        warn(&describe(&owner, &record));
        // The key is shown only now: one that nobody could read would be of no use.
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", key.secret().expose()).and_then(|()| out.flush()).map_err(|error| {
            CliError::failed(format!(
                "the key could not be written ({error}): revoke it with aibaas keys revoke {}",
                record.id
            ))
        })
    }

    /// Returns the address of the owner, and the settings that were asked for.
    fn into_settings(self) -> (Email, AskedApiKey) {
        let usual = AskedApiKey::new(self.name, self.scopes);
        let asked = AskedApiKey {
            description: self.description,
            rate_limit: self.rate_limit.unwrap_or(usual.rate_limit),
            rate_limit_window_seconds: self.window.unwrap_or(usual.rate_limit_window_seconds),
            expires_at: self.expires_at,
            expires_in_days: self.expires_in_days,
            allowed_ips: self.allowed_ips,
            environment: if self.environment == "test" { KeyEnvironment::Test } else { KeyEnvironment::Live },
            ..usual
        };
        (self.email, asked)
    }
}

fn names(scopes: &[Scope]) -> Vec<&'static str> {
    scopes.iter().copied().map(Scope::as_str).collect()
}

fn complaint(mistake: &MemberError) -> String {
    let option = match mistake.member {
        "scopes" => "--scope",
        "rateLimit" => "--rate-limit",
        "rateLimitWindowSeconds" => "--window",
        "allowedIps" => "--allow-ip",
        "expiresAt" => "--expires-at",
        "expiresInDays" => "--expires-in-days",
        "description" => "--description",
        _ => "--name",
    };
    let place = mistake.index.map(|index| format!(" (number {})", index.saturating_add(1))).unwrap_or_default();
    format!("{option}{place}: {}", mistake.refusal.detail)
}

/// Describes the key that was created.
fn describe(user: &User, new: &ApiKeyRecord) -> String {
    let mut told = format!("key {} of {}: {}", new.id, user.email, printable(&new.name));
    let _ = write!(
        told,
        "\nmay {}, {} requests in {} seconds",
        names(&new.scopes).join(", "),
        new.rate_limit,
        new.rate_limit_window_seconds
    );
    if !new.allowed_ips.is_empty() {
        let _ = write!(told, ", from {}", new.allowed_ips.join(", "));
    }
    if let Some(end) = new.expires_at {
        let _ = write!(told, ", until {end}");
    }
    if Publishing::Roles.refused_scope(user.role, &new.scopes).is_some() {
        told.push_str("\nwhere PUBLISHING=roles, it publishes only once its owner is a publisher");
    }
    told
}

impl List {
    async fn run(self, database: &SqliteDatabase) -> Result<(), CliError> {
        let keys = operator::of(database).list_api_keys(self.email.as_ref()).await?;
        let now = SystemClock.now();
        if self.json {
            print_line(&ascii(&keys.iter().map(|owned| to_json(owned, now)).collect::<Value>().to_string()));
        } else {
            table(&keys, now).iter().for_each(|line| print_line(line));
        }
        Ok(())
    }
}

/// Escapes the characters of JSON that are not printable ASCII, some of which terminals obey.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != '\x7f' {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

fn to_json(owned: &OwnedApiKey, now: Timestamp) -> Value {
    let key = &owned.key;
    json!({
        "id": key.id,
        "keyPrefix": key.key_prefix,
        "userId": key.user_id,
        "email": owned.owner_email,
        "name": key.name,
        "description": key.description,
        "scopes": key.scopes,
        "rateLimit": key.rate_limit,
        "rateLimitWindowSeconds": key.rate_limit_window_seconds,
        "allowedIps": key.allowed_ips,
        "status": key.status(now),
        "expiresAt": key.expires_at,
        "createdAt": key.created_at,
        "lastUsedAt": key.last_used_at,
        "revokedAt": key.revoked_at,
        "rotatedFrom": key.rotated_from,
    })
}

fn cells(owned: &OwnedApiKey, now: Timestamp) -> [String; 8] {
    let key = &owned.key;
    [
        key.id.to_string(),
        key.key_prefix.clone(),
        owned.owner_email.clone(),
        printable(&key.name).chars().take(NAME).collect(),
        names(&key.scopes).join(","),
        key.status(now).as_str().to_owned(),
        minute(key.created_at),
        key.last_used_at.map_or_else(|| "never".to_owned(), minute),
    ]
}

/// Formats the keys as rows under headings, in aligned columns.
fn table(keys: &[OwnedApiKey], now: Timestamp) -> Vec<String> {
    let headings = ["ID", "PREFIX", "OWNER", "NAME", "SCOPES", "STATUS", "CREATED", "LAST USED"].map(str::to_owned);
    let rows = std::iter::once(headings).chain(keys.iter().map(|owned| cells(owned, now))).collect::<Vec<_>>();
    let wide = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths = std::array::from_fn::<_, 8, _>(|column| wide(column).unwrap_or(0));
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Formats a time to the minute: `2026-11-23 01:02`.
fn minute(time: Timestamp) -> String {
    time.to_string().chars().take(16).map(|letter| if letter == 'T' { ' ' } else { letter }).collect()
}

/// Replaces characters of a key's name that would move the operator's cursor or reverse the line.
fn printable(text: &str) -> String {
    let moves = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|letter| if moves(letter) { '\u{fffd}' } else { letter }).collect()
}

impl Revoke {
    async fn run(self, database: &SqliteDatabase) -> Result<(), CliError> {
        let revoked = operator::of(database).revoke_api_key(&self.id).await?;
        let RevokedApiKey { revoked: OwnedApiKey { key, owner_email }, was_active } = revoked.ok_or_else(|| {
            CliError::failed(format!(
                "there is no key with the id {}; `aibaas keys list` tells them",
                printable(self.id.as_str())
            ))
        })?;
        let when = if was_active { "is revoked" } else { "was revoked already" };
        print_line(&format!("{} ({}) of {owner_email} {when}", key.id, printable(&key.name)));
        Ok(())
    }
}
