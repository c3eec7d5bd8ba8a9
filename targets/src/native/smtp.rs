//! Mail over SMTP (RFC 5321), by lettre.

use std::{error::Error as _, fmt, time::Duration};

use aibaas_core::{
    SmtpEncryption, SmtpSettings,
    ports::{Mail, MailError, MailTransport},
};
use async_trait::async_trait;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
    transport::smtp::{
        Error,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};

/// Time limit of the server for one command. The mail's own deadline ends the whole.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Replies that are permanent by their first digit, but about our configuration and not about the mail: authentication
/// (RFC 4954) and encryption (RFC 3207).
const OURS: [u16; 5] = [504, 530, 534, 535, 538];
/// Enhanced status codes (RFC 3463) of replies that say for good that there is no such recipient: no such mailbox (5.1.1),
/// no such domain (5.1.2), a mailbox that has moved (5.1.6), and a domain that takes no mail (5.1.10, RFC 7505). Others
/// may pass or be about us: what is disabled or full (5.2.x) can come back, and policy (5.7.x) judges the sender.
const NO_SUCH_RECIPIENT: [&str; 4] = ["5.1.1", "5.1.2", "5.1.6", "5.1.10"];

/// Mail transport to an SMTP server. Each mail has a connection of its own: lettre's pool would hand one that a
/// deadline left in the middle of a command to the next mail, which then waits for the reply to the first.
pub struct SmtpTransport(AsyncSmtpTransport<Tokio1Executor>);

impl SmtpTransport {
    /// Creates the transport, without connecting. `mail_from` has the domain that the server is greeted with.
    ///
    /// # Errors
    /// A text that says what is wrong with the certificates that are to be trusted.
    pub fn new(settings: &SmtpSettings, mail_from: &str) -> Result<Self, String> {
        let tls = match settings.encryption {
            SmtpEncryption::None => Tls::None,
            SmtpEncryption::StartTls => Tls::Required(tls_parameters(settings)?),
            SmtpEncryption::Implicit => Tls::Wrapper(tls_parameters(settings)?),
        };
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port)
            .hello_name(ClientId::Domain(domain(mail_from).to_owned()))
            .timeout(Some(TIMEOUT))
            .tls(tls);
        let builder = match &settings.credentials {
            Some((user, password)) => builder.credentials(Credentials::new(user.clone(), password.expose().to_owned())),
            None => builder,
        };
        Ok(Self(builder.build()))
    }

    /// Tests the settings: connects, encrypts and logs in as for a mail, and sends none.
    ///
    /// # Errors
    /// The errors of [`MailTransport::send`].
    pub async fn test(&self) -> Result<(), MailError> {
        let late = |_| MailError::Retry("the SMTP server did not answer in time".to_owned());
        match tokio::time::timeout(TIMEOUT, self.0.test_connection()).await.map_err(late)? {
            Ok(true) => Ok(()),
            Ok(false) => Err(MailError::Retry("the SMTP server refuses us".to_owned())),
            Err(error) => Err(failed(&error)),
        }
    }
}

#[async_trait]
impl MailTransport for SmtpTransport {
    async fn send(&self, mail: &Mail, idempotency_key: &str) -> Result<(), MailError> {
        let message = message(mail, idempotency_key)
            .map_err(|_| MailError::Refused("the mail cannot be written as a message".to_owned()))?;
        self.0.send(message).await.map(drop).map_err(|error| failed(&error))
    }
}

/// Creates the TLS parameters, with the roots of the system, the bundled ones (a bare container has none of its own),
/// and those of `SMTP_CA_FILE`.
#[expect(clippy::disallowed_methods, reason = "this host has a file system")]
fn tls_parameters(settings: &SmtpSettings) -> Result<TlsParameters, String> {
    let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    let bundled = bundled.iter().filter_map(|root| Certificate::from_der(root.to_vec()).ok());
    let own = match &settings.ca_file {
        Some(file) => {
            let pem = std::fs::read(file).map_err(|error| format!("SMTP_CA_FILE cannot be read: {file}: {error}"))?;
            let own = Certificate::from_pem(&pem).map_err(|_| format!("SMTP_CA_FILE holds no PEM: {file}"))?;
            Some(own)
        }
        None => None,
    };
    let parameters = TlsParameters::builder(settings.host.clone());
    let parameters = bundled.chain(own).fold(parameters, |parameters, root| parameters.add_root_certificate(root));
    parameters.build().map_err(|error| format!("TLS for the SMTP server: {error}"))
}

/// Creates the message with both texts of the mail. Its Message-ID is that of the outbox: if the server accepts it
/// twice because its answer was lost, the recipient's mailbox can tell.
fn message(mail: &Mail, id: &str) -> Result<Message, Box<dyn std::error::Error>> {
    let from = mail.from.parse::<Mailbox>()?;
    let message_id = format!("<{id}@{}>", domain(&mail.from));
    let message = Message::builder()
        .from(from)
        .to(mail.to.parse()?)
        .subject(&mail.subject)
        .message_id(Some(message_id))
        .header(AutoSubmitted)
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))?;
    Ok(message)
}

/// Returns the domain of `Name <local@domain>` or `local@domain`.
fn domain(sender: &str) -> &str {
    sender.rsplit_once('@').map_or("localhost", |(_, domain)| domain.trim_end_matches('>').trim())
}

/// Converts the error by its code or causes, and never by the server's text: that may hold the address.
fn failed(error: &Error) -> MailError {
    let Some(code) = error.status() else {
        let kind = if error.is_timeout() { "the SMTP server did not answer in time" } else { "the SMTP server" };
        return MailError::Retry(format!("{kind}: {}", Causes(error)));
    };
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    refused(u16::from(code), &text)
}

/// Converts a negative reply. An enhanced status code comes before its text (RFC 2034).
fn refused(code: u16, text: &str) -> MailError {
    let said = format!("the SMTP server answered {code}");
    if code < 500 || OURS.contains(&code) {
        return MailError::Retry(said);
    }
    let enhanced = text.split(' ').next().unwrap_or_default();
    match NO_SUCH_RECIPIENT.contains(&enhanced) {
        true => MailError::Bounced(format!("{said} {enhanced}")),
        false => MailError::Refused(said),
    }
}

/// An error with its causes, printed in one line.
struct Causes<'a>(&'a Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source().and_then(std::error::Error::source);
        while let Some(inner) = cause {
            write!(f, ": {inner}")?;
            cause = inner.source();
        }
        Ok(())
    }
}

/// Header `Auto-Submitted: auto-generated` (RFC 3834), so that no robot answers the mail.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
        net::TcpListener,
    };

    use super::*;

    fn mail(subject: &str) -> Mail {
        Mail {
            from: "AIBaaS <noreply@a.example>".to_owned(),
            to: "ada@b.example".to_owned(),
            subject: subject.to_owned(),
            html: "<p>Grüße</p>".to_owned(),
            text: "Grüße".to_owned(),
        }
    }

    #[test]
    fn a_mail_has_both_texts_and_the_id_of_the_outbox() {
        let sent = String::from_utf8(message(&mail("Grüße 🦀"), "018f-1").unwrap().formatted()).unwrap();
        for line in ["Message-ID: <018f-1@a.example>", "Auto-Submitted: auto-generated", "To: ada@b.example"] {
            assert!(sent.contains(&format!("{line}\r\n")), "{sent}");
        }
        assert!(sent.contains("multipart/alternative") && sent.contains("text/plain") && sent.contains("text/html"));
        assert!(sent.contains("Subject: =?utf-8?b?"), "{sent}");
    }

    #[test]
    fn a_subject_makes_no_header() {
        let sent = String::from_utf8(message(&mail("a\r\nBcc: eve@c.example"), "1").unwrap().formatted()).unwrap();
        assert!(!sent.lines().any(|line| line.starts_with("Bcc:")), "{sent}");
    }

    /// Sends a mail to a server that says yes to all commands but `RCPT`, which it answers so.
    async fn answered(reply: &'static str) -> MailError {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = SmtpSettings {
            host: "127.0.0.1".to_owned(),
            port: listener.local_addr().unwrap().port(),
            encryption: SmtpEncryption::None,
            credentials: None,
            ca_file: None,
        };
        let server = async {
            let mut stream = BufReader::new(listener.accept().await.unwrap().0);
            stream.write_all(b"220 b.example\r\n").await.unwrap();
            let mut line = String::new();
            while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                let said = if line.starts_with("RCPT") { reply } else { "250 ok\r\n" };
                if stream.write_all(said.as_bytes()).await.is_err() {
                    break;
                }
                line.clear();
            }
        };
        let transport = SmtpTransport::new(&settings, "noreply@a.example").unwrap();
        let mail = mail("Grüße");
        let sent = async {
            let sent = transport.send(&mail, "1").await;
            drop(transport);
            sent
        };
        tokio::join!(sent, server).0.unwrap_err()
    }

    #[tokio::test]
    async fn a_reply_is_read_whatever_its_lines() {
        let lines = [
            // RFC 2034, section 6.
            ("550 5.1.1 Mailbox \"nosuchuser\" does not exist\r\n", "mail bounced: the SMTP server answered 550 5.1.1"),
            (
                "551-5.7.1 Forwarding to remote hosts disabled\r\n551 5.7.1 Select another host to act as your forwarder\r\n",
                "mail refused: the SMTP server answered 551",
            ),
            // Its section 4: the code begins each line.
            (
                "550-5.1.1 The account does not exist.\r\n550 5.1.1 Look for typos.\r\n",
                "mail bounced: the SMTP server answered 550 5.1.1",
            ),
            ("550-5.1.1\r\n550 5.1.1\r\n", "mail bounced: the SMTP server answered 550 5.1.1"),
            // RFC 5321, appendix D.1.
            ("550 No such user here\r\n", "mail refused: the SMTP server answered 550"),
            ("550 \r\n", "mail refused: the SMTP server answered 550"),
            ("450 4.1.1 Recipient address rejected\r\n", "mail not accepted yet: the SMTP server answered 450"),
        ];
        for (reply, expected) in lines {
            assert_eq!(answered(reply).await.to_string(), expected, "{reply}");
        }
    }

    /// The codes are those of RFC 3463, section 3, with its names for them, RFC 7505 and RFC 7372.
    #[test]
    fn only_a_recipient_that_does_not_exist_bounces() {
        for (code, text) in [
            (550, "5.1.1 Bad destination mailbox address"),
            (553, "5.1.1 Bad destination mailbox address"),
            (550, "5.1.2 Bad destination system address"),
            (551, "5.1.6 Destination mailbox has moved, No forwarding address"),
            (556, "5.1.10 Recipient address has null MX"),
            (550, "5.1.1"),
        ] {
            assert!(matches!(refused(code, text), MailError::Bounced(_)), "{code} {text}");
        }
        for (code, text) in [
            (550, ""),
            (550, "Requested action not taken: mailbox unavailable"),
            (551, "User not local; please try <ada@c.example>"),
            (550, "5.0.0 Other undefined Status"),
            (550, "5.1.0 Other address status"),
            (553, "5.1.3 Bad destination mailbox address syntax"),
            (550, "5.1.4 Destination mailbox address ambiguous"),
            (553, "5.1.7 Bad sender's mailbox address syntax"),
            (550, "5.1.8 Bad sender's system address"),
            (550, "5.2.1 Mailbox disabled, not accepting messages"),
            (552, "5.2.2 Mailbox full"),
            (554, "5.4.4 Unable to route"),
            (550, "5.7.1 Delivery not authorized, message refused"),
            (550, "5.7.1 5.1.1 is what another server said"),
            (550, "5.7.20 No passing DKIM signature found"),
            (550, "5.7.27 Sender address has null MX"),
            // Codes of another class than the reply's, and what only looks like a code.
            (550, "4.1.1 Bad destination mailbox address"),
            (550, "5.1.11 unassigned"),
            (550, "5.01.1 with a leading zero"),
            (550, "15.1.1"),
            (550, "<ada@b.example> 5.1.1"),
        ] {
            assert!(matches!(refused(code, text), MailError::Refused(_)), "{code} {text}");
        }
        for (code, text) in [
            (450, "4.2.0 Mailbox busy"),
            (450, "5.1.1 Bad destination mailbox address"),
            (530, "5.7.0 Authentication required"),
            (535, "5.1.1 of a login"),
        ] {
            assert!(matches!(refused(code, text), MailError::Retry(_)), "{code} {text}");
        }
    }
}
