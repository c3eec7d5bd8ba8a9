//! Configuration: read once, checked as a whole, with every mistake reported together.

mod environment;
mod error;
mod log_settings;
mod mail;
mod reader;
mod risks;
mod settings;
#[cfg(test)]
mod tests;
mod unknown_variables;
mod variables;

pub use self::{
    environment::{Environment, HostDefaults},
    error::ConfigError,
    log_settings::{LogFormat, LogSettings},
    mail::{MailProvider, MailWebhooks, OwnMail, SmtpEncryption, SmtpSettings},
    reader::MOST_STORAGE_QUOTA,
    risks::Risk,
    settings::Config,
    unknown_variables::{UnknownVariable, unknown_variables},
};
pub use crate::domain::account::Publishing;
