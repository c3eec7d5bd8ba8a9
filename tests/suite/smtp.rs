//! Mail by SMTP, which the native host speaks: to the servers of `tests/smtp`.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use aibaas_tests::{
    Client, User, eventually,
    fixtures::{PASSWORD, token_in, unique},
    host::{
        Host, Kind, MAIL_FROM, Setup, TICK_SECRET,
        native::{self, Server},
    },
    plain_client, tools,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

const USER: &str = "ada@a.example";
const SMTP_PASSWORD: &str = "p@ss/w:rd";

/// SMTP servers, and who vouches for their certificate.
struct SmtpServers {
    child: Child,
    ports: Value,
    folder: tempfile::TempDir,
}

impl SmtpServers {
    fn start() -> Result<Self, String> {
        let failed = |error: rcgen::Error| error.to_string();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(failed)?).map_err(failed)?;
        let key = KeyPair::generate().map_err(failed)?;
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).map_err(failed)?;
        let certificate = leaf.signed_by(&key, &authority).map_err(failed)?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        std::fs::write(folder.path().join("ca.pem"), authority.pem()).map_err(|error| error.to_string())?;

        tools::locked_npm_packages("tests/smtp")?;
        let options = json!({
            "key": key.serialize_pem(), "certificate": certificate.pem(), "user": USER, "password": SMTP_PASSWORD,
        });
        let mut command = Command::new(tools::node()?);
        command.arg("server.mjs").arg(options.to_string()).current_dir(tools::root().join("tests/smtp"));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let output = child.stdout.take().ok_or("no output")?;
        let line = BufReader::new(output).lines().next().and_then(Result::ok).ok_or("no SMTP server started")?;
        let ports = serde_json::from_str(&line).map_err(|error| error.to_string())?;
        Ok(Self { child, ports, folder })
    }

    /// The server that encrypts so, as `SMTP_URL`.
    fn url(&self, encryption: &str, password: &str) -> String {
        let scheme = if encryption == "implicit" { "smtps" } else { "smtp" };
        let encoded = |text: &str| text.replace('@', "%40").replace('/', "%2F");
        format!("{scheme}://{}:{}@localhost:{}", encoded(USER), encoded(password), self.ports[encryption])
    }

    fn variables(&self, encryption: &str) -> Vec<(&'static str, String)> {
        let mut variables = Setup::MovesTime.variables();
        variables.extend([
            ("MAIL_TRANSPORT", "smtp".to_owned()),
            ("SMTP_URL", self.url(encryption, SMTP_PASSWORD)),
            ("SMTP_CA_FILE", self.folder.path().join("ca.pem").display().to_string()),
            ("MAIL_FROM", MAIL_FROM.to_owned()),
        ]);
        variables
    }

    async fn said(&self) -> Value {
        let url = format!("http://127.0.0.1:{}/mails", self.ports["control"]);
        plain_client().get(url).send().await.expect("an answer").json().await.expect("JSON")
    }

    /// The mails to this address that the servers accepted.
    async fn mails_to(&self, address: &str) -> Vec<Value> {
        let said = self.said().await;
        said["mails"].as_array().expect("a list").iter().filter(|mail| mail["to"] == address).cloned().collect()
    }

    /// How often the address was named, or its mail given.
    async fn attempts(&self, address: &str) -> u64 {
        self.said().await["met"][address].as_u64().unwrap_or(0)
    }
}

impl Drop for SmtpServers {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

async fn register(host: &Host, local: &str) -> String {
    let address = format!("{}@example.com", unique(local));
    let body = json!({ "email": address, "password": PASSWORD });
    host.client().post("/api/v1/auth/register").json(body).await.expect(202);
    address
}

/// Over TLS from the beginning, and after STARTTLS.
pub async fn mail_arrives() -> Result<(), String> {
    let servers = SmtpServers::start()?;
    for encryption in ["implicit", "starttls"] {
        let data = tempfile::tempdir().map_err(|error| error.to_string())?;
        let server = Server::start(data.path(), &servers.variables(encryption))?;
        let host = Host::at(Kind::Native, server.url.clone(), None);
        let address = register(&host, encryption).await;
        let mail = eventually("the mail", async || servers.mails_to(&address).await.pop()).await;
        assert_eq!((&mail["user"], &mail["encrypted"]), (&json!(USER), &json!(true)), "{mail}");
        assert_eq!(mail["headerTo"], address);
        assert!(mail["from"].as_str().is_some_and(|from| from.contains("noreply@aibaas.example")), "{mail}");
        assert!(mail["subject"].as_str().is_some_and(|subject| !subject.is_empty()), "{mail}");
        assert!(mail["messageId"].as_str().is_some_and(|id| id.ends_with("@aibaas.example>")), "{mail}");
        assert_eq!(mail["autoSubmitted"], "auto-generated");
        let [text, html] = ["text", "html"].map(|part| mail[part].as_str().expect("a part"));
        assert_eq!(token_in(text), token_in(html));
        let body = json!({ "token": token_in(text), "password": PASSWORD });
        host.client().post("/api/v1/auth/verify-email").json(body).await.expect(200);
    }
    Ok(())
}

/// A mailbox that does not exist is tried once, a refusal that does not say so a few times, and whatever may pass until it
/// has; none holds up the others.
pub async fn replies_decide_what_becomes_of_a_mail() -> Result<(), String> {
    let servers = SmtpServers::start()?;
    let data = tempfile::tempdir().map_err(|error| error.to_string())?;
    let server = Server::start(data.path(), &servers.variables("implicit"))?;
    let host = Host::at(Kind::Native, server.url.clone(), None);
    let mut addresses = Vec::new();
    for local in ["gone", "refused", "later", "lost", "silent", "usual"] {
        addresses.push(register(&host, local).await);
    }
    let [gone, refused, later, lost, silent, usual] = addresses.as_slice() else { return Err("six".to_owned()) };
    for (address, least) in [(usual, 1), (later, 0), (lost, 1), (silent, 0), (refused, 0), (gone, 0)] {
        let tried = async || {
            let is_tried = servers.attempts(address).await > 0 && servers.mails_to(address).await.len() >= least;
            is_tried.then_some(())
        };
        eventually("the first attempt", tried).await;
    }
    // What came of each is written down before it is due again.
    for _ in 0..5 {
        let line = server.wait_for_line("a mail was not sent");
        assert!(!line.contains("example.com"), "no address is logged: {line}");
    }
    // Once: a mail that is due again while it is being sent is sent twice.
    host.advance(Duration::from_secs(600)).await;
    for address in [later, lost, silent] {
        let accepted = if address == lost { 2 } else { 1 };
        let arrives = async || {
            host.client().with(TICK_SECRET).post("/internal/tick").await.expect(204);
            Some(servers.mails_to(address).await).filter(|mails| mails.len() >= accepted)
        };
        let mails = eventually(&format!("the mail to {address}"), arrives).await;
        assert!(mails.iter().all(|mail| mail["messageId"] == mails[0]["messageId"]), "a mailbox can tell: {mails:?}");
    }
    // Days later what is refused has been given up.
    for _ in 0..40 {
        host.advance(Duration::from_secs(4 * 3600)).await;
        host.client().with(TICK_SECRET).post("/internal/tick").await.expect(204);
    }
    let given_up = servers.attempts(refused).await;
    assert!((2..=10).contains(&given_up), "{given_up}");
    assert_eq!(servers.attempts(gone).await, 1);
    Ok(())
}

/// Where a mailbox exists no longer, its person is told as by a provider's webhook, and what they do not ask for is not
/// tried again.
pub async fn a_mailbox_that_is_gone_gets_no_more_mail() -> Result<(), String> {
    let servers = SmtpServers::start()?;
    let data = tempfile::tempdir().map_err(|error| error.to_string())?;
    let server = Server::start(data.path(), &servers.variables("implicit"))?;
    let host = Host::at(Kind::Native, server.url.clone(), None);
    let address = register(&host, "moved").await;
    let mail = eventually("the mail", async || servers.mails_to(&address).await.pop()).await;
    let body = json!({ "token": token_in(mail["text"].as_str().expect("a text")), "password": PASSWORD });
    host.client().post("/api/v1/auth/verify-email").json(body).await.expect(200);
    let from = host.client();
    let login = async || {
        let tokens = User::login(&from, &address).await;
        from.with(tokens["accessToken"].as_str().expect("an access token"))
    };
    let pass_hours = async || {
        host.advance(Duration::from_secs(5 * 3600)).await;
        host.client().with(TICK_SECRET).post("/internal/tick").await.expect(204);
    };
    let told = async |api: &Client| api.get("/api/v1/users/me").await.expect(200)["undeliverable"].clone();
    let notice = async |api: &Client| {
        let body = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
        api.post("/api/v1/auth/password/change").json(body).await.expect(204);
    };
    let events = async |api: &Client| {
        let log = api.get("/api/v1/users/me/audit-log?limit=100").await.expect(200);
        let events = log["data"].as_array().expect("a list").iter();
        let events = events.filter(|event| event["event"] == "address_undeliverable");
        events.map(|event| event["details"].clone()).collect::<Vec<_>>()
    };
    let api = login().await;
    assert_eq!(told(&api).await, Value::Null);
    notice(&api).await;
    let is_told = async || Some(told(&api).await).filter(|told| !told.is_null());
    let told_of = eventually("the person is told", is_told).await;
    assert_eq!(told_of["cause"], "bounce");
    assert_eq!(servers.attempts(&address).await, 2);
    assert_eq!(events(&api).await, [json!({ "cause": "bounce", "provider": "smtp" })]);

    notice(&api).await;
    pass_hours().await;
    assert_eq!(servers.attempts(&address).await, 2);
    // A mail that the person asks for is tried, and bounces as well: that tells nothing new.
    login().await.post("/api/v1/users/me/email/verification").await.expect(202);
    eventually("the third attempt", async || (servers.attempts(&address).await == 3).then_some(())).await;
    pass_hours().await;
    assert_eq!(servers.attempts(&address).await, 3);
    let api = login().await;
    assert_eq!(told(&api).await["since"], told_of["since"]);
    assert_eq!(events(&api).await.len(), 1);
    assert_eq!(servers.mails_to(&address).await.len(), 1);
    Ok(())
}

/// Nothing is sent in clear, to who cannot prove to be the server, or with a password that is wrong; the log says why,
/// without the password.
pub async fn a_server_that_is_not_ours_gets_nothing() -> Result<(), String> {
    let servers = SmtpServers::start()?;
    let without_authority = |mut variables: Vec<(&'static str, String)>| {
        variables.retain(|(name, _)| *name != "SMTP_CA_FILE");
        variables
    };
    let with_url = |url: String| {
        let mut variables = servers.variables("implicit");
        variables.retain(|(name, _)| *name != "SMTP_URL");
        variables.push(("SMTP_URL", url));
        variables
    };
    for (variables, reason) in [
        (servers.variables("clear"), "STARTTLS"),
        (without_authority(servers.variables("implicit")), "certificate"),
        (without_authority(servers.variables("starttls")), "certificate"),
        (with_url(servers.url("implicit", "wr0ng-s3cret")), "535"),
        (with_url(servers.url("implicit", SMTP_PASSWORD).replace("localhost", "127.0.0.1")), "certificate"),
    ] {
        let data = tempfile::tempdir().map_err(|error| error.to_string())?;
        let server = Server::start(data.path(), &variables)?;
        let host = Host::at(Kind::Native, server.url.clone(), None);
        register(&host, "nobody").await;
        let line = server.wait_for_line("a mail was not sent");
        assert!(line.contains(reason), "{reason} in {line}");
        assert!(!line.contains("wr0ng-s3cret") && !line.contains(SMTP_PASSWORD), "{line}");
    }
    assert_eq!(servers.said().await["mails"], json!([]));
    Ok(())
}

/// `aibaas doctor` logs in as for a mail, says why where it cannot, and sends none.
pub async fn doctor_logs_in_and_sends_nothing() -> Result<(), String> {
    let servers = SmtpServers::start()?;
    let wrong = servers.url("implicit", "wr0ng-s3cret");
    for (encryption, url, status, part) in [
        ("implicit", None, "ok", "lets us in"),
        ("starttls", None, "ok", "lets us in"),
        ("clear", None, "failed", "STARTTLS"),
        ("implicit", Some(&wrong), "failed", "535"),
    ] {
        let data = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut command = native::command()?;
        command.args(["doctor", "--json", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
        command.envs(servers.variables(encryption));
        command.envs(url.map(|url| ("SMTP_URL", url)));
        let output = command.output().map_err(|error| error.to_string())?;
        let told: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
        let mail = told["findings"].as_array().and_then(|all| all.iter().find(|finding| finding["about"] == "mail"));
        let mail = mail.ok_or("nothing about mail")?;
        assert_eq!(mail["status"], status, "{mail}");
        assert!(mail["found"].as_str().is_some_and(|found| found.contains(part)), "{part} in {mail}");
        let said = told.to_string();
        assert!(!said.contains("wr0ng-s3cret") && !said.contains(SMTP_PASSWORD), "{said}");
    }
    assert_eq!(servers.said().await["mails"], json!([]));
    Ok(())
}
