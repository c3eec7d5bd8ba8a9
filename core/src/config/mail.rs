//! Configuration of mail: the provider that sends it, and the keys that check providers' webhooks.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;

use super::reader::Reader;
use crate::domain::{Secret, ecdsa_p256::PublicKey, network::names_this_machine, standard_webhooks::WebhookSecret};

/// The provider that sends mail.
#[derive(Clone, Debug)]
pub enum MailProvider {
    /// Resend's HTTP API.
    Resend {
        /// API key of the account at Resend.
        api_key: Secret,
        /// Base URL of Resend's API.
        url: String,
    },
    /// SendGrid's HTTP API.
    SendGrid {
        /// API key of the account at SendGrid.
        api_key: Secret,
        /// Base URL of SendGrid's API.
        url: String,
    },
    /// An SMTP server, where the host speaks SMTP.
    Smtp(SmtpSettings),
    /// The host's own binding to a mail service.
    Binding,
    /// No provider: mail is kept and shown at `/dev/mail` (development only).
    Kept,
}

/// Keys that check the webhooks by which providers report what became of mails. Each is absent where it is not
/// configured.
#[derive(Clone, Debug, Default)]
pub struct MailWebhooks {
    /// `RESEND_WEBHOOK_SECRET`: the secret that Resend signs with.
    pub resend: Option<WebhookSecret>,
    /// `SENDGRID_WEBHOOK_KEY`: the public key that checks SendGrid's signatures.
    pub sendgrid: Option<PublicKey>,
}

/// The host's own way to send mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnMail {
    /// The host cannot send mail by itself.
    None,
    /// The host speaks SMTP.
    Smtp,
    /// The host sends through a binding of Cloudflare's.
    Binding {
        /// Whether this deployment has the binding.
        is_bound: bool,
    },
}

/// An SMTP server, from `SMTP_URL` and `SMTP_CA_FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpSettings {
    /// Name of the server, which its certificate must be for.
    pub host: String,
    /// TCP port of the server.
    pub port: u16,
    /// How the connection is encrypted.
    pub encryption: SmtpEncryption,
    /// User name and password, where the server wants them.
    pub credentials: Option<(String, Secret)>,
    /// Path of a PEM file with certificates that are trusted besides the usual ones.
    pub ca_file: Option<String>,
}

/// How a connection to an SMTP server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpEncryption {
    /// TLS from the beginning of the connection (RFC 8314), `smtps://`.
    Implicit,
    /// STARTTLS (RFC 3207), without which nothing is sent, `smtp://`.
    StartTls,
    /// No encryption, `smtp://…?tls=none`: to this machine, or in development.
    None,
}

/// Values of `MAIL_TRANSPORT` that need another variable, each with that variable.
const CONFIGURED_BY: [(&str, &str); 3] =
    [("resend", "RESEND_API_KEY"), ("sendgrid", "SENDGRID_API_KEY"), ("smtp", "SMTP_URL")];

/// Reads which provider sends mail.
pub(super) fn provider(read: &mut Reader<'_>, production: bool, own: OwnMail) -> MailProvider {
    for name in ["RESEND_API_URL", "SENDGRID_API_URL"] {
        if production && read.get(name).is_some() {
            read.mistake(format!("{name} is for development; in production mail goes to the provider itself"));
        }
    }
    let resend_url = read.url("RESEND_API_URL", false).unwrap_or_else(|| "https://api.resend.com".to_owned());
    let sendgrid_url = read.url("SENDGRID_API_URL", false).unwrap_or_else(|| "https://api.sendgrid.com".to_owned());
    let resend = |key| MailProvider::Resend { api_key: Secret::new(key), url: resend_url };
    let sendgrid = |key| MailProvider::SendGrid { api_key: Secret::new(key), url: sendgrid_url };
    let configured = [
        read.get("RESEND_API_KEY").map(resend),
        read.get("SENDGRID_API_KEY").map(sendgrid),
        smtp(read, production, own).map(MailProvider::Smtp),
    ];
    let configured = CONFIGURED_BY.into_iter().zip(configured);
    let mut configured = configured.filter_map(|(names, provider)| Some((names, provider?))).collect::<Vec<_>>();

    if let Some(chosen) = read.get("MAIL_TRANSPORT") {
        if let Some(place) = configured.iter().position(|((name, _), _)| *name == chosen) {
            return configured.swap_remove(place).1;
        }
        if chosen == "cloudflare" && own == (OwnMail::Binding { is_bound: true }) {
            return MailProvider::Binding;
        }
        let missing = CONFIGURED_BY.iter().find(|(name, _)| *name == chosen);
        match (missing, own) {
            (Some((_, variable)), _) => read.mistake(format!("MAIL_TRANSPORT is {chosen}, but {variable} is missing")),
            (None, OwnMail::Binding { .. }) if chosen == "cloudflare" => {
                read.mistake("MAIL_TRANSPORT is cloudflare, but no send_email binding is called EMAIL");
            }
            (None, _) if chosen == "cloudflare" => {
                read.mistake("MAIL_TRANSPORT is cloudflare, which only Workers have")
            }
            (None, _) => read.mistake("MAIL_TRANSPORT must be resend, sendgrid, smtp or cloudflare"),
        }
        return MailProvider::Kept;
    }
    if let [(first, _), .., (last, _)] = configured.as_slice() {
        let mistake = format!("{} and {} are both set: say which is used by MAIL_TRANSPORT", first.1, last.1);
        read.mistake(mistake);
    }
    let provider = configured.pop().map(|(_, provider)| provider);
    if provider.is_none() && production {
        read.mistake(match own {
            OwnMail::None => "RESEND_API_KEY or SENDGRID_API_KEY is missing: mail needs a provider",
            OwnMail::Smtp => "RESEND_API_KEY, SENDGRID_API_KEY or SMTP_URL is missing: mail needs a provider",
            OwnMail::Binding { .. } => {
                "RESEND_API_KEY, SENDGRID_API_KEY or MAIL_TRANSPORT=cloudflare is missing: mail needs a provider"
            }
        });
    }
    provider.unwrap_or(MailProvider::Kept)
}

/// Reads the keys that check the providers' webhooks. A reported mistake never repeats the secret.
pub(super) fn webhooks(read: &mut Reader<'_>) -> MailWebhooks {
    let secret = read.get("RESEND_WEBHOOK_SECRET");
    let resend = secret.as_deref().and_then(WebhookSecret::parse);
    if secret.is_some() && resend.is_none() {
        read.mistake("RESEND_WEBHOOK_SECRET must be whsec_ and 24 to 64 bytes in base64, as Resend shows it");
    }
    let key = read.get("SENDGRID_WEBHOOK_KEY");
    let sendgrid = key.as_deref().and_then(|key| PublicKey::from_der(&STANDARD.decode(key).ok()?));
    if key.is_some() && sendgrid.is_none() {
        read.mistake(
            "SENDGRID_WEBHOOK_KEY must be the verification key of the signed event webhook, as SendGrid shows it",
        );
    }
    MailWebhooks { resend, sendgrid }
}

/// Reads the SMTP server. A reported mistake never repeats the URL, which holds a password.
fn smtp(read: &mut Reader<'_>, production: bool, own: OwnMail) -> Option<SmtpSettings> {
    let ca_file = read.get("SMTP_CA_FILE");
    let url = read.get("SMTP_URL")?;
    if own != OwnMail::Smtp {
        read.mistake("SMTP_URL: this host speaks no SMTP; name a provider by RESEND_API_KEY or SENDGRID_API_KEY");
        return None;
    }
    let Some(settings) = parse_smtp(&url, ca_file) else {
        read.mistake(
            "SMTP_URL must be smtps://user:password@host:465, or smtp://user:password@host:587 for STARTTLS; \
             characters such as @ and / in user and password as %40 and %2F",
        );
        return None;
    };
    if production && settings.encryption == SmtpEncryption::None && !names_this_machine(&settings.host) {
        read.mistake("SMTP_URL has tls=none, which in production is for a server on this machine");
    }
    Some(settings)
}

fn parse_smtp(url: &str, ca_file: Option<String>) -> Option<SmtpSettings> {
    let uri = url.parse::<http::Uri>().ok().filter(|uri| matches!(uri.path(), "" | "/"))?;
    let (encryption, usual_port) = match (uri.scheme_str()?, uri.query()) {
        ("smtps", None) => (SmtpEncryption::Implicit, 465),
        ("smtp", None) => (SmtpEncryption::StartTls, 587),
        ("smtp", Some("tls=none")) => (SmtpEncryption::None, 25),
        _ => return None,
    };
    let authority = uri.authority()?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    let credentials = match authority.as_str().rsplit_once('@') {
        Some((user, _)) => {
            let (user, password) = user.split_once(':')?;
            Some((decoded(user)?, Secret::new(decoded(password)?)))
        }
        None => None,
    };
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    // The parser treats an invalid port as an absent one.
    let after_user = authority.as_str().rsplit('@').next()?;
    let port = match after_user.strip_prefix(authority.host())? {
        "" => usual_port,
        port => port.strip_prefix(':')?.parse().ok()?,
    };
    (!host.is_empty()).then_some(SmtpSettings { host, port, encryption, credentials, ca_file })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NATIVE: OwnMail = OwnMail::Smtp;
    const WORKER: OwnMail = OwnMail::Binding { is_bound: true };

    fn read(variables: &[(&str, &str)], own: OwnMail) -> Result<MailProvider, Vec<String>> {
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let mut read = Reader { lookup: &lookup, mistakes: Vec::new() };
        let provider = provider(&mut read, true, own);
        if read.mistakes.is_empty() { Ok(provider) } else { Err(read.mistakes) }
    }

    fn smtp_url(url: &str) -> Result<SmtpSettings, Vec<String>> {
        read(&[("SMTP_URL", url)], NATIVE).map(|provider| match provider {
            MailProvider::Smtp(settings) => settings,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn one_way_is_chosen_and_several_need_a_word() {
        let (resend, smtp) = (("RESEND_API_KEY", "re_1"), ("SMTP_URL", "smtps://mail.example"));
        assert!(matches!(read(&[resend], NATIVE), Ok(MailProvider::Resend { .. })));
        assert!(matches!(read(&[smtp], NATIVE), Ok(MailProvider::Smtp(_))));
        let both = read(&[resend, smtp], NATIVE).unwrap_err();
        assert_eq!(both, ["RESEND_API_KEY and SMTP_URL are both set: say which is used by MAIL_TRANSPORT"]);
        assert!(matches!(read(&[resend, smtp, ("MAIL_TRANSPORT", "smtp")], NATIVE), Ok(MailProvider::Smtp(_))));
        assert!(matches!(read(&[("MAIL_TRANSPORT", "cloudflare")], WORKER), Ok(MailProvider::Binding)));
        for (chosen, own, mistake) in [
            ("sendgrid", NATIVE, "MAIL_TRANSPORT is sendgrid, but SENDGRID_API_KEY is missing"),
            ("cloudflare", NATIVE, "MAIL_TRANSPORT is cloudflare, which only Workers have"),
            (
                "cloudflare",
                OwnMail::Binding { is_bound: false },
                "MAIL_TRANSPORT is cloudflare, but no send_email binding is called EMAIL",
            ),
            ("pigeon", WORKER, "MAIL_TRANSPORT must be resend, sendgrid, smtp or cloudflare"),
        ] {
            assert_eq!(read(&[("MAIL_TRANSPORT", chosen), resend], own).unwrap_err(), [mistake]);
        }
        for own in [OwnMail::None, NATIVE, WORKER] {
            assert!(read(&[], own).unwrap_err()[0].ends_with("is missing: mail needs a provider"));
        }
        assert!(read(&[smtp], OwnMail::None).unwrap_err()[0].starts_with("SMTP_URL: this host speaks no SMTP"));
    }

    #[test]
    fn what_checks_webhooks_is_checked_itself() {
        let read = |secret: &'static str, key: &'static str| {
            let lookup = move |name: &str| match name {
                "RESEND_WEBHOOK_SECRET" => Some(secret.to_owned()),
                "SENDGRID_WEBHOOK_KEY" => Some(key.to_owned()),
                _ => None,
            };
            let mut read = Reader { lookup: &lookup, mistakes: Vec::new() };
            let webhooks = webhooks(&mut read);
            (webhooks.resend.is_some(), webhooks.sendgrid.is_some(), read.mistakes)
        };
        let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
        assert_eq!(read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", key), (true, true, Vec::new()));
        assert_eq!(read("", ""), (false, false, Vec::new()));
        let (resend, sendgrid, mistakes) = read("whsec_MfKQ9r8G", key.trim_end_matches("A3F+g=="));
        assert_eq!((resend, sendgrid, mistakes.len()), (false, false, 2));
        assert!(!mistakes.concat().contains("MfKQ"), "{mistakes:?}");
    }

    #[test]
    fn the_url_says_how_the_server_is_reached() {
        let with = smtp_url("smtps://ada%40a.example:p%2Fa%3Ass@mail.example").unwrap();
        assert_eq!((with.host.as_str(), with.port, with.encryption), ("mail.example", 465, SmtpEncryption::Implicit));
        let (user, password) = with.credentials.unwrap();
        assert_eq!((user.as_str(), password.expose()), ("ada@a.example", "p/a:ss"));
        let without = smtp_url("smtp://[::1]:2525/").unwrap();
        let expected = ("::1", 2525, SmtpEncryption::StartTls, None);
        assert_eq!((without.host.as_str(), without.port, without.encryption, without.credentials), expected);
        assert_eq!(smtp_url("smtp://localhost?tls=none").unwrap().encryption, SmtpEncryption::None);
        assert!(smtp_url("smtp://mail.example?tls=none").is_err(), "passwords and links would go in clear");
        let wrong = ["mail.example", "http://mail.example", "smtp://a@mail.example", "smtp://mail.example/inbox"];
        for wrong in wrong.into_iter().chain(["smtp://mail.example?tls=perhaps", "smtp://u:s3cr3t@mail.example:70000"])
        {
            let mistakes = smtp_url(wrong).unwrap_err();
            assert!(
                mistakes[0].starts_with("SMTP_URL must be") && !mistakes[0].contains("s3cr3t"),
                "{wrong}: {mistakes:?}"
            );
        }
    }
}
