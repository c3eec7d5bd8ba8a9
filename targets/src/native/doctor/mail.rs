//! Checks whether mail can be sent, by a login or a connection, without sending any.

use aibaas_core::{Config, MailProvider, ports::MailError};

use super::{
    super::smtp::SmtpTransport,
    finding::Finding,
    probe::{ProbeResult, probe},
};

const ABOUT: &str = "mail";

/// Checks the configured mail provider.
pub async fn check(config: &Config) -> ProbeResult {
    let (name, url) = match &config.mail_provider {
        MailProvider::Kept => {
            return Finding::ok(ABOUT, "in development it is kept, and shown at /dev/mail").into();
        }
        MailProvider::Binding => return Finding::ok(ABOUT, "a binding of the host sends it").into(),
        MailProvider::Smtp(settings) => {
            let server = format!("{}:{}", settings.host, settings.port);
            return match SmtpTransport::new(settings, &config.mail_from) {
                Ok(transport) => smtp(&transport, &server, settings.credentials.is_some()).await,
                Err(mistake) => Finding::mistake(ABOUT, mistake),
            }
            .into();
        }
        MailProvider::Resend { url, .. } => ("Resend", url),
        MailProvider::SendGrid { url, .. } => ("SendGrid", url),
    };
    let answer = probe(url).await;
    let finding = match &answer.status {
        Ok(status) if *status < 500 => Finding::ok(ABOUT, format!("{name} answers; the key was not tried")),
        Ok(status) => {
            Finding::warning(ABOUT, format!("{name} answers {status}"), "look at its status page; mail waits")
        }
        Err(why) => Finding::failed(
            ABOUT,
            format!("{name} cannot be reached: {why}"),
            format!("allow outbound HTTPS to {}, and check DNS", answer.host),
        ),
    };
    ProbeResult { finding, date: answer.date }
}

async fn smtp(transport: &SmtpTransport, server: &str, logs_in: bool) -> Finding {
    match transport.test().await {
        Ok(()) if logs_in => Finding::ok(ABOUT, format!("{server} lets us in")),
        Ok(()) => Finding::ok(ABOUT, format!("{server} answers; SMTP_URL has no user")),
        Err(MailError::Retry(why) | MailError::Refused(why) | MailError::Bounced(why)) => Finding::failed(
            ABOUT,
            format!("{server}: {why}"),
            "check host, port, user and password of SMTP_URL, its certificate (SMTP_CA_FILE), and that the port may be reached",
        ),
    }
}
