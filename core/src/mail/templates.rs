use maud::{DOCTYPE, Markup, html};
use serde::{Deserialize, Serialize};

use crate::{config::Config, ports::Mail};

/// Kind of the mail that confirms a deleted account. It must be wiped once it is sent, since nothing else of the person
/// is left.
pub const ACCOUNT_DELETED: &str = "account_deleted";

/// Kind of the mail that proves an undeliverable address anew, at the request of its person.
pub const VERIFY_ANEW: &str = "verify_anew";

/// Kinds of the mails that anybody may ask for, and whose links prove the address.
pub const PROVING: [&str; 3] = ["verify_email", "reset_password", "confirm_email"];

/// Content of a mail. It waits sealed in the outbox, since it may hold a token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EmailTemplate {
    /// Request to prove that the address belongs to the recipient.
    VerifyEmail {
        /// Token of the link.
        token: String,
        /// When the mail was asked for, for the person to compare.
        #[serde(default)]
        at: String,
    },
    /// Request to prove the address again, since mail to it came back.
    VerifyAnew {
        /// Token of the link.
        token: String,
        /// When the mail was asked for, for the person to compare.
        at: String,
    },
    /// Notice that somebody registered an address that has an account.
    AlreadyRegistered,
    /// Link to reset the password, which somebody asked for.
    ResetPassword {
        /// Token of the link.
        token: String,
    },
    /// Request to prove that a new address belongs to the recipient.
    ConfirmEmail {
        /// Token of the link.
        token: String,
    },
    /// Notice that somebody wanted to move another account to this address, which has one.
    AddressHasAccount,
    /// Notice that somebody wanted an address that is reserved for the account which left it.
    AddressReserved,
    /// Notice to the old address that the account moved away, with a link that undoes the move.
    EmailChanged {
        /// Token of the link.
        token: String,
        /// When the address changed, for the person to compare.
        at: String,
    },
    /// Notice that the account came back to this address, with a link to set a password, of which it has none.
    EmailChangeUndone {
        /// Token of the link that sets a password.
        token: String,
        /// When the account came back, for the person to compare.
        at: String,
    },
    /// Notice that something about the account changed, or is about to.
    Notice {
        /// Kind of the change.
        what: Notice,
        /// When the change happened, for the person to compare.
        at: String,
    },
    /// Notice that the account is deleted.
    AccountDeleted,
    /// Notice that an old refresh token was presented and that its session is ended.
    SessionEnded {
        /// When the session was ended, for the person to compare.
        at: String,
    },
    /// Notice of a login from a network that the person was not seen in before.
    NewNetwork {
        /// IP address of the client.
        address: String,
        /// Device, as the client describes itself.
        device: Option<String>,
        /// When the login happened, for the person to compare.
        at: String,
    },
    /// Notice that a webhook is not called any more.
    WebhookDisabled {
        /// Host of the webhook's address. The rest is left out, since whoever knows all of it may write there.
        host: String,
        /// Whether the receiver answered that it is gone (410).
        gone: bool,
        /// When the webhook was disabled, for the person to compare.
        at: String,
    },
    /// Notice that an API key was found in public and revoked.
    ApiKeyLeaked {
        /// The owner's name for the key.
        name: String,
        /// Start of the key.
        key_prefix: String,
        /// URL at which the key was found, where known.
        url: Option<String>,
        /// When the key was revoked, for the person to compare.
        at: String,
    },
    /// Notice that an API key expires soon.
    ApiKeyExpires {
        /// The owner's name for the key.
        name: String,
        /// Start of the key.
        key_prefix: String,
        /// When the key expires.
        at: String,
    },
    /// Notice that an API key reached its limit.
    ApiKeyLimited {
        /// The owner's name for the key.
        name: String,
        /// Start of the key.
        key_prefix: String,
    },
}

/// Changes that a person is told of, so that they notice what they did not do themselves.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The password was changed or reset.
    PasswordChanged,
    /// Somebody logged in asked to move the account to another address.
    EmailChangeRequested,
    /// The account moved back to the address that it had before.
    EmailChangeUndone,
    /// A second factor was set up.
    MfaEnabled,
    /// The second factor was removed.
    MfaDisabled,
    /// New recovery codes took the place of the old ones.
    RecoveryCodesReplaced,
    /// A recovery code was used to log in.
    RecoveryCodeUsed,
}

impl Notice {
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::PasswordChanged => ("Your password was changed", "the password of your account was changed"),
            Self::EmailChangeRequested => (
                "Somebody wants to change your address",
                "somebody who is logged in as you asked to move your account to another address. It moves once that address is confirmed",
            ),
            Self::EmailChangeUndone => (
                "Your account left this address",
                "the address that your account had before took it back; this one does not log in any more",
            ),
            Self::MfaEnabled => ("Two-factor login is on", "a second factor was set up for your account"),
            Self::MfaDisabled => ("Two-factor login is off", "the second factor of your account was removed"),
            Self::RecoveryCodesReplaced => {
                ("You have new recovery codes", "new recovery codes were made for your account; the old ones are dead")
            }
            Self::RecoveryCodeUsed => ("A recovery code was used", "one of your recovery codes was used to log in"),
        }
    }
}

const NOTICES: &str = "You get this 30, 7 and 1 days before a key expires, unless you switch it off in your profile.";
const LIMIT_NOTICES: &str = "You get this once a day at most, unless you switch it off in your profile.";

const NETWORK_NOTICES: &str = "You get this once for a network, unless you switch it off in your profile.";

struct Texts {
    subject: &'static str,
    paragraphs: Vec<String>,
    link: Option<(&'static str, String)>,
    closing: &'static str,
}

impl EmailTemplate {
    /// Returns the name of the mail's kind, as the outbox keeps it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify_email",
            Self::VerifyAnew { .. } => VERIFY_ANEW,
            Self::AlreadyRegistered => "already_registered",
            Self::ResetPassword { .. } => "reset_password",
            Self::ConfirmEmail { .. } => "confirm_email",
            Self::AddressHasAccount => "address_has_account",
            Self::AddressReserved => "address_reserved",
            Self::EmailChanged { .. } => "email_changed",
            Self::EmailChangeUndone { .. } => "email_change_undone",
            Self::Notice { .. } => "notice",
            Self::AccountDeleted => ACCOUNT_DELETED,
            Self::SessionEnded { .. } => "session_ended",
            Self::NewNetwork { .. } => "new_network",
            Self::WebhookDisabled { .. } => "webhook_disabled",
            Self::ApiKeyLeaked { .. } => "api_key_leaked",
            Self::ApiKeyExpires { .. } => "api_key_expires",
            Self::ApiKeyLimited { .. } => "api_key_limited",
        }
    }

    /// Renders the mail in HTML and in plain text.
    #[must_use]
    pub fn render(&self, config: &Config, to: &str) -> Mail {
        let texts = self.texts(config);
        Mail {
            from: config.mail_from.clone(),
            to: to.to_owned(),
            subject: texts.subject.to_owned(),
            html: texts.html().into_string(),
            text: texts.text(),
        }
    }

    fn texts(&self, config: &Config) -> Texts {
        match self {
            Self::VerifyEmail { token, at } => Texts {
                subject: "Verify your e-mail address",
                paragraphs: vec![
                    "Welcome to AIBaaS.".to_owned(),
                    format!("At {at} somebody, perhaps you, asked for an account with this address."),
                    "If it was you, confirm it with the password that you chose. The link works once, within 24 hours.".to_owned(),
                ],
                link: Some(("Verify address", link(config, "verify-email", token))),
                closing: "If it was not you, or not at that time, ignore this mail: without the link nothing happens.",
            },
            Self::VerifyAnew { token, at } => Texts {
                subject: "Verify your e-mail address again",
                paragraphs: vec![
                    "Mail to this address did not arrive or was reported as unwanted, so your AIBaaS account gets none.".to_owned(),
                    format!("At {at} somebody who is logged in as you asked to try again. Confirm the address with your password, and mail is sent again. The link works once, within 24 hours."),
                ],
                link: Some(("Verify address", link(config, "verify-email", token))),
                closing: "If it was not you, ignore this mail, change your password, and end the sessions that are not yours.",
            },
            Self::AlreadyRegistered => Texts {
                subject: "You already have an account",
                paragraphs: vec![
                    "Somebody, perhaps you, tried to register this address with AIBaaS. It has an account already, so nothing was changed.".to_owned(),
                    "Log in as usual, or reset your password if you have forgotten it.".to_owned(),
                ],
                link: None,
                closing: "If it was not you, there is nothing to do.",
            },
            Self::ResetPassword { token } => Texts {
                subject: "Reset your password",
                paragraphs: vec![
                    "Somebody, perhaps you, asked to reset the password of your AIBaaS account. The link works once, within an hour.".to_owned(),
                ],
                link: Some(("Choose a new password", link(config, "reset-password", token))),
                closing: "If it was not you, ignore this mail: without the link nothing changes.",
            },
            Self::ConfirmEmail { token } => Texts {
                subject: "Confirm your new e-mail address",
                paragraphs: vec![
                    "Somebody, perhaps you, wants to move an AIBaaS account to this address. The link works once, within 24 hours.".to_owned(),
                ],
                link: Some(("Confirm address", link(config, "confirm-email", token))),
                closing: "If it was not you, ignore this mail: without the link nothing changes.",
            },
            Self::AddressHasAccount => Texts {
                subject: "You already have an account",
                paragraphs: vec![
                    "Somebody, perhaps you, wanted to move another AIBaaS account to this address. It has an account already, so nothing was changed.".to_owned(),
                ],
                link: None,
                closing: "If it was not you, there is nothing to do.",
            },
            Self::AddressReserved => Texts {
                subject: "This address is kept for an account",
                paragraphs: vec![
                    "Somebody, perhaps you, wanted to use this address for another AIBaaS account. An account moved away from it less than 72 hours ago, and so long it is kept for that account, so nothing was changed.".to_owned(),
                ],
                link: None,
                closing: "If it was not you who moved the account, use the link of the mail about that.",
            },
            Self::EmailChanged { token, at } => Texts {
                subject: "Your address was changed",
                paragraphs: vec![
                    format!("At {at}, your account was moved to another address; this one does not log in any more."),
                    "If it was not you, undo it: the account comes back to this address, every session ends, and you choose a new password. The link works once, within 72 hours; so long nobody else can take this address.".to_owned(),
                ],
                link: Some(("Undo the change", link(config, "undo-email-change", token))),
                closing: "If it was you, there is nothing to do.",
            },
            Self::EmailChangeUndone { token, at } => Texts {
                subject: "Choose a new password",
                paragraphs: vec![
                    format!("At {at}, your account came back to this address. Its sessions are ended, and its password does not work any more."),
                    "Choose a new one. The link works once, within an hour; afterwards ask for another.".to_owned(),
                ],
                link: Some(("Choose a new password", link(config, "reset-password", token))),
                closing: "Then look through your API keys and revoke those that you do not know, and make new recovery codes if you have a second factor.",
            },
            Self::Notice { what, at } => {
                let (subject, happened) = what.texts();
                Texts {
                    subject,
                    paragraphs: vec![format!("At {at}, {happened}.")],
                    link: None,
                    closing: "If it was not you, reset your password now, look through your sessions and end those that are not yours.",
                }
            }
            Self::AccountDeleted => Texts {
                subject: "Your account is deleted",
                paragraphs: vec![
                    "Your AIBaaS account is gone, with its sessions and API keys. What was published stays, without your name.".to_owned(),
                ],
                link: None,
                closing: "This is the last mail about it.",
            },
            Self::SessionEnded { at } => Texts {
                subject: "We ended a session of yours",
                paragraphs: vec![format!(
                    "At {at} somebody presented a login credential of yours that had been replaced already. \
                     That happens when a copy of it is in other hands, so we ended that session."
                )],
                link: None,
                closing: "Log in again; if you suspect misuse, change your password.",
            },
            Self::WebhookDisabled { host, gone, at } => Texts {
                subject: "A webhook of yours is disabled",
                paragraphs: vec![
                    match gone {
                        true => format!("At {at} your webhook at {host} answered 410 Gone, so it is not called any more."),
                        false => format!(
                            "Your webhook at {host} has taken nothing for five days, so it is not called any more since {at}."
                        ),
                    },
                    "Once it answers again, enable it. What happened meanwhile is not told, but for the public log, which goes on where it stopped.".to_owned(),
                ],
                link: Some(("See your webhooks", format!("{}/account/webhooks", config.base_url))),
                closing: "If you do not need it any more, delete it.",
            },
            Self::NewNetwork { address, device, at } => Texts {
                subject: "Somebody logged in from a new network",
                paragraphs: vec![
                    format!(
                        "At {at} somebody, perhaps you, logged in to your account from the address {address}{}. \
                         You were not seen in that network before.",
                        device.as_ref().map(|device| format!(", with {device}")).unwrap_or_default(),
                    ),
                    "If it was you, there is nothing to do. If not, reset your password now: that ends every session.".to_owned(),
                ],
                link: Some(("See your sessions", format!("{}/account/sessions", config.base_url))),
                closing: NETWORK_NOTICES,
            },
            Self::ApiKeyExpires { name, key_prefix, at } => Texts {
                subject: "An API key of yours expires soon",
                paragraphs: vec![
                    format!("Your API key \u{201c}{name}\u{201d} ({key_prefix}\u{2026}) expires at {at}. From then on it does not work."),
                    "Rotate it in time: the new key works at once, and the old one goes on for as long as you say. If nothing uses it any more, there is nothing to do.".to_owned(),
                ],
                link: Some(("See your API keys", format!("{}/account/keys", config.base_url))),
                closing: NOTICES,
            },
            Self::ApiKeyLimited { name, key_prefix } => Texts {
                subject: "An API key of yours reached its limit",
                paragraphs: vec![
                    format!("Your API key \u{201c}{name}\u{201d} ({key_prefix}\u{2026}) reached its limit within the last hours, and requests were refused. Other keys of yours may have, too."),
                    "Its page shows how it is used. Change the limit, or have the program wait as long as Retry-After says.".to_owned(),
                ],
                link: Some(("See your API keys", format!("{}/account/keys", config.base_url))),
                closing: LIMIT_NOTICES,
            },
            Self::ApiKeyLeaked { name, key_prefix, url, at } => Texts {
                subject: "An API key of yours was found in public and has been revoked",
                paragraphs: vec![
                    format!(
                        "At {at} GitHub told us that your API key \u{201c}{name}\u{201d} ({key_prefix}\u{2026}) can be read \
                         in public. Whoever finds it could have used it, so we revoked it: it does not work any more."
                    ),
                    "Make a new key for the programs that used this one, and keep it where only they can read it. To delete \
                     it where it was found is not enough, since copies may be elsewhere."
                        .to_owned(),
                ],
                link: url.as_ref().map(|url| ("See where it was found", url.clone())),
                closing: "Look through what was done with the key. If you do not know it, change your password, and revoke the other keys that you do not know.",
            },
        }
    }
}

/// Returns a link for a mail: to the front end where that is not this server, else to one of this server's account
/// pages.
fn link(config: &Config, page: &str, token: &str) -> String {
    match config.app_url.as_ref().filter(|app_url| **app_url != config.base_url) {
        Some(app_url) => format!("{app_url}/{page}?token={token}"),
        None => format!("{}/account/{page}?token={token}", config.base_url),
    }
}

impl Texts {
    fn html(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head { meta charset="utf-8"; title { (self.subject) } }
                body style="font-family: system-ui, sans-serif; line-height: 1.5; max-width: 36rem; margin: 2rem auto; padding: 0 1rem;" {
                    h1 style="font-size: 1.25rem;" { (self.subject) }
                    @for paragraph in &self.paragraphs { p { (paragraph) } }
                    @if let Some((label, url)) = &self.link {
                        p { a href=(url) style="display: inline-block; padding: .6rem 1.2rem; background: #1d4ed8; color: #fff; border-radius: .4rem; text-decoration: none;" { (label) } }
                        p style="font-size: .875rem;" { "Or open " a href=(url) { (url) } }
                    }
                    p style="color: #555; font-size: .875rem;" { (self.closing) }
                }
            }
        }
    }

    fn text(&self) -> String {
        let link = self.link.as_ref().map(|(label, url)| format!("{label}:\n{url}"));
        let parts = self.paragraphs.iter().cloned().chain(link).chain([self.closing.to_owned()]);
        parts.collect::<Vec<_>>().join("\n\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::HostDefaults;

    fn config(app_url: Option<&str>) -> Config {
        let lookup = |name: &str| app_url.filter(|_| name == "APP_URL").map(str::to_owned);
        Config::load(&lookup, HostDefaults::development("http://127.0.0.1:8787")).unwrap()
    }

    #[test]
    fn a_name_cannot_break_out_of_the_html() {
        let template = EmailTemplate::ApiKeyLeaked {
            name: "<b onclick='x'>&\"".to_owned(),
            key_prefix: "aib_live_x".to_owned(),
            url: None,
            at: "now".to_owned(),
        };
        let mail = template.render(&config(None), "ada@example.com");
        assert!(mail.html.contains("&lt;b onclick='x'&gt;&amp;&quot;"));
        assert!(!mail.html.contains("<b "));
        assert!(mail.text.contains("<b onclick='x'>"), "plain text is plain");
    }

    #[test]
    fn links_lead_to_the_front_end_where_there_is_one() {
        let template = EmailTemplate::VerifyEmail { token: "tok".to_owned(), at: "now".to_owned() };
        assert!(
            template
                .render(&config(Some("https://app.example")), "a@b.example")
                .text
                .contains("\nhttps://app.example/verify-email?token=tok\n")
        );
        assert!(
            template
                .render(&config(None), "a@b.example")
                .text
                .contains("\nhttp://127.0.0.1:8787/account/verify-email?token=tok\n")
        );
        assert!(
            template
                .render(&config(Some("http://127.0.0.1:8787")), "a@b.example")
                .text
                .contains("\nhttp://127.0.0.1:8787/account/verify-email?token=tok\n")
        );
    }
}
