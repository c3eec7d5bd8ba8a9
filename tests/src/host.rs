//! The hosts that cases run against: each is built and started once in a process, on a fresh database, when the first
//! case asks for it.

pub mod cloudflare;
pub mod native;
pub mod spin;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{
    case::{skip, skip_part},
    client::Client,
    contract::Contract,
    eventually, eventually_blocking,
    keys::millis,
    provider::{Provider, SigningKey},
    tools,
};

/// Secret for `POST /internal/tick` on the hosts that the suite starts.
pub const TICK_SECRET: &str = "tick-4c1de0b2f3a54b6c8d7e9f";
/// API key of the mail provider on hosts that send mail.
pub const RESEND_API_KEY: &str = "re_suite_0123456789";
/// Secret with which Resend signs its webhooks on hosts that send mail.
pub const RESEND_WEBHOOK_SECRET: &str = "whsec_c3VpdGUtMDEyMzQ1Njc4OWFiY2RlZi1zdWl0ZQ==";
/// Key with which SendGrid signs its webhooks on hosts that send mail.
pub static SENDGRID_SIGNER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::new("sendgrid"));
/// Sender address on hosts that send mail.
pub const MAIL_FROM: &str = "AIBaaS <noreply@aibaas.example>";
/// Address of the administrator on the hosts that the suite starts.
pub const ADMIN_EMAIL: &str = "admin@example.com";
/// URL of the front end on hosts that send mail.
pub const APP_URL: &str = "https://app.aibaas.example";

/// The only origin that hosts with [`Setup::ListsOrigins`] allow.
pub const LISTED_ORIGIN: &str = "http://localhost:5173";

/// The kind of host that the application runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The native server.
    Native,
    /// The Spin component.
    Spin,
    /// The Worker, in workerd.
    Cloudflare,
    /// Any host that answers at `AIBAAS_TEST_URL`.
    Remote,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Spin => "spin",
            Self::Cloudflare => "cloudflare",
            Self::Remote => "remote",
        })
    }
}

/// How a host is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Setup {
    /// The development defaults: mail is kept and shown, everybody may publish.
    KeepsMail,
    /// Mail goes to a provider that the suite runs; publishing needs a role; mail links lead to a front end; and other
    /// settings differ from the default, too: symmetric access tokens, another cost of hashes, a look-up of breached
    /// passwords.
    SendsMail,
    /// Like [`Setup::KeepsMail`], with a clock that a case moves ([`Host::advance`]). Its cases run one at a time on
    /// each host, since all of them see the host's time.
    MovesTime,
    /// Like [`Setup::SendsMail`], with a clock that a case moves.
    SendsMailAndMovesTime,
    /// Like [`Setup::KeepsMail`], where only pages of [`LISTED_ORIGIN`] may call.
    ListsOrigins,
    /// Like [`Setup::KeepsMail`], with a log line for each request.
    Logs,
}

/// Returns the variables changed so that the host also logs its requests, and its start and stop.
#[must_use]
pub fn logging(mut variables: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    variables.retain(|(name, _)| *name != "LOG_LEVEL");
    variables.push(("LOG_LEVEL", "info".to_owned()));
    variables
}

impl Setup {
    /// Checks whether the setup's cases move the host's time.
    pub fn moves_time(self) -> bool {
        matches!(self, Self::MovesTime | Self::SendsMailAndMovesTime)
    }

    /// Checks whether mail goes to a provider.
    pub fn sends_mail(self) -> bool {
        matches!(self, Self::SendsMail | Self::SendsMailAndMovesTime)
    }

    /// Returns the setup's environment variables, the same for every host.
    pub fn variables(self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("ENVIRONMENT", "development".to_owned()),
            ("TICK_SECRET", TICK_SECRET.to_owned()),
            ("ADMIN_EMAILS", ADMIN_EMAIL.to_owned()),
            // Nearly as long as the suite waits, since everything takes long on a busy machine.
            ("REQUEST_DEADLINE_SECONDS", "170".to_owned()),
            // Without a line for each request.
            ("LOG_LEVEL", "warn".to_owned()),
        ];
        if self.moves_time() {
            variables.push(("DEV_CLOCK", "on".to_owned()));
            variables.push(("PACK_RESULTS_AFTER_HOURS", "24".to_owned()));
        }
        if self.sends_mail() {
            variables.extend([
                ("RESEND_API_KEY", RESEND_API_KEY.to_owned()),
                ("RESEND_WEBHOOK_SECRET", RESEND_WEBHOOK_SECRET.to_owned()),
                ("SENDGRID_WEBHOOK_KEY", SENDGRID_SIGNER.public_key()),
                ("MAIL_FROM", MAIL_FROM.to_owned()),
                ("APP_URL", APP_URL.to_owned()),
                ("PUBLISHING", "roles".to_owned()),
                ("JWT_ALGORITHM", "HS256".to_owned()),
                ("PASSWORD_ARGON2ID", "m=12288,t=3,p=1".to_owned()),
                // Webhooks are called at the suite's provider, as mail is handed over there.
                ("WEBHOOK_PRIVATE_TARGETS", "allow".to_owned()),
                // Outbound requests are redirected to the suite's provider; the native host is given its address
                // instead.
                ("BREACHED_PASSWORDS_URL", "https://api.pwnedpasswords.com/range".to_owned()),
            ]);
        }
        if self == Self::ListsOrigins {
            variables.push(("CORS_ORIGINS", LISTED_ORIGIN.to_owned()));
        }
        if self == Self::Logs { logging(variables) } else { variables }
    }

    /// Returns the variables of hosts that only cases use: most accounts are made there, so a password's hash is
    /// cheap. Its default cost is checked elsewhere.
    fn variables_for_cases(self) -> Vec<(&'static str, String)> {
        let mut variables = self.variables();
        if matches!(self, Self::KeepsMail | Self::MovesTime) {
            variables.push(("PASSWORD_ARGON2ID", "m=1024,t=1,p=1".to_owned()));
        }
        variables
    }
}

/// A host that answers requests; cheap to clone.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    kind: Kind,
    url: String,
    direct: Option<String>,
    provider: Option<Provider>,
    contract: OnceCell<Contract>,
}

/// The process or task that keeps a started host running.
pub enum Running {
    /// A process of its own.
    Process(std::process::Child),
    /// The stand-in for Spin, in this process.
    Spin(aibaas_spin_host::SpinHost),
}

/// A host that has started: where it listens, and what keeps it running.
pub struct Started {
    url: String,
    /// Base URL without an edge in between, where that is another one.
    direct: Option<String>,
    running: Running,
    /// Folder with the host's data, deleted when dropped.
    folder: tempfile::TempDir,
}

static RUNNING: Mutex<Vec<(Running, tempfile::TempDir)>> = Mutex::new(Vec::new());

impl Host {
    /// Returns the host of this kind and setup, and starts it at the first call.
    ///
    /// # Errors
    /// Returns why the host does not start.
    pub async fn of(kind: Kind, setup: Setup) -> Result<Self, String> {
        type Cell = Arc<OnceCell<Result<Host, String>>>;
        static HOSTS: Mutex<Option<HashMap<(Kind, Setup), Cell>>> = Mutex::new(None);
        let cell =
            Arc::clone(HOSTS.lock().expect("no panic").get_or_insert_default().entry((kind, setup)).or_default());
        cell.get_or_init(|| Self::start(kind, setup)).await.clone()
    }

    async fn start(kind: Kind, setup: Setup) -> Result<Self, String> {
        if kind == Kind::Remote {
            let url = std::env::var("AIBAAS_TEST_URL").map_err(|_| "AIBAAS_TEST_URL is not set".to_owned())?;
            return Ok(Self::at(kind, url.trim_end_matches('/').to_owned(), None));
        }
        let provider = match setup.sends_mail() {
            false => None,
            true => Some(Provider::start().await.map_err(|error| error.to_string())?),
        };
        let mail = provider.clone();
        let started = tokio::task::spawn_blocking(move || {
            let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
            let provider = mail.as_ref().map(Provider::url);
            match kind {
                Kind::Native => native::start(setup, provider, folder),
                Kind::Spin => spin::start(setup, provider, folder),
                Kind::Cloudflare => cloudflare::start(setup, provider, folder),
                Kind::Remote => Err("a remote host is not started".to_owned()),
            }
        });
        let started = started.await.map_err(|error| error.to_string()).flatten();
        let Started { url, direct, running, folder } =
            started.map_err(|error| format!("{kind} does not start: {error}"))?;
        RUNNING.lock().expect("no panic").push((running, folder));
        Ok(Self(Arc::new(Inner { kind, url, direct, provider, contract: OnceCell::new() })))
    }

    /// Wraps a host that was started elsewhere.
    pub fn at(kind: Kind, url: String, provider: Option<Provider>) -> Self {
        Self(Arc::new(Inner { kind, url, direct: None, provider, contract: OnceCell::new() }))
    }

    /// Returns the kind of host.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns the host's base URL.
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Returns the base URL whose connections end at the host itself: those to a Worker's base URL end at the edge
    /// before it.
    pub fn direct_url(&self) -> &str {
        self.0.direct.as_deref().unwrap_or(&self.0.url)
    }

    /// Checks whether the host sends mail, rather than keep and show it.
    pub fn sends_mail(&self) -> bool {
        self.0.provider.is_some()
    }

    /// Returns the mail provider that the host sends with; panics where it keeps mail.
    pub fn provider(&self) -> &Provider {
        self.0.provider.as_ref().expect("the case asks for a host that sends mail")
    }

    /// Returns the URL of a webhook that arrives at this path of the provider. Hosts whose outbound requests are
    /// redirected there can be given any domain.
    pub fn hook_url(&self, path: &str) -> String {
        match self.kind() {
            Kind::Native => format!("{}{path}", self.provider().url()),
            Kind::Spin | Kind::Cloudflare | Kind::Remote => format!("https://hooks.example.org{path}"),
        }
    }

    /// Returns the host's time, in milliseconds since the epoch. Needs a setup that moves time, such as
    /// [`Setup::MovesTime`].
    pub async fn now_ms(&self) -> u64 {
        millis(self.client().get("/dev/clock").await.expect(200)["now"].as_str().expect("a time"))
    }

    /// Moves the host's time forward, for everything that it decides. Needs a setup that moves time, such as
    /// [`Setup::MovesTime`].
    pub async fn advance(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).expect("less than 584 million years");
        self.client().post("/dev/clock").json(json!({ "advanceMs": ms })).await.expect(200);
    }

    /// Stops the host's time: however long what follows takes, no time passes for the host until the case moves it.
    /// Needs a setup that moves time, such as [`Setup::MovesTime`].
    pub async fn stop_time(&self) {
        self.client().post("/dev/clock").json(json!({ "stopped": true })).await.expect(200);
    }

    /// Lets the host's time pass again, from where it stands.
    pub async fn let_time_pass(&self) {
        self.client().post("/dev/clock").json(json!({ "stopped": false })).await.expect(200);
    }

    /// Checks whether the host is on loopback, so that a client may call it from any loopback address.
    pub fn is_loopback(&self) -> bool {
        ["http://127.0.0.1", "http://localhost"].iter().any(|local| self.url().starts_with(local))
    }

    /// Checks whether clients have addresses of their own; where not, notes that this part of the case is not looked
    /// at.
    pub fn has_addresses(&self) -> bool {
        if !self.is_loopback() {
            skip_part("what depends on the client's address");
        }
        self.is_loopback()
    }

    /// Ends the case as not looked at where clients have no addresses of their own: what is counted by address would
    /// be counted for all together.
    pub fn needs_addresses(&self) {
        if !self.is_loopback() {
            skip("from here every client has the same address");
        }
    }

    /// Creates a client of the host without a credential, from an address of its own.
    pub fn client(&self) -> Client {
        Client::new(self)
    }

    /// Returns the OpenAPI document that answers are checked against: the project's, or the host's own where it is
    /// remote.
    pub async fn contract(&self) -> &Contract {
        let read = || async {
            let text = if self.kind() == Kind::Remote {
                let answer = reqwest::get(format!("{}/openapi.json", self.url())).await.expect("the document");
                answer.text().await.expect("the document")
            } else {
                std::fs::read_to_string(tools::root().join("core/openapi.json")).expect("core/openapi.json")
            };
            Contract::new(serde_json::from_str(&text).expect("the OpenAPI document is JSON"))
        };
        self.0.contract.get_or_init(read).await
    }

    /// Returns the mails to this address, newest first, once there are at least `count`.
    pub async fn mails_to(&self, address: &str, count: usize) -> Vec<Value> {
        self.mails_that(address, count, |_| true).await
    }

    /// Returns the mails to this address whose text `passes`, newest first, once there are at least `count`.
    pub async fn mails_that(&self, address: &str, count: usize, passes: impl Fn(&str) -> bool) -> Vec<Value> {
        let client = self.client();
        let mails = async || {
            let mut mails = self.mails_now(&client, address).await;
            mails.retain(|mail| passes(mail["text"].as_str().unwrap_or_default()));
            Some(mails).filter(|mails| mails.len() >= count)
        };
        eventually(&format!("{count} such mails to {address}"), mails).await
    }

    async fn mails_now(&self, client: &Client, address: &str) -> Vec<Value> {
        if self.sends_mail() {
            return self.provider().calls_to(address).into_iter().rev().map(|call| call.body).collect();
        }
        let kept = client.get(format!("/dev/mail?to={address}")).header("Accept", "application/json").await.expect(200);
        kept["data"].as_array().cloned().unwrap_or_default()
    }
}

/// Number of last lines of a host's log that are shown after a failure.
const LINES_SHOWN: usize = 200;

/// Ends every host that was started; where cases failed, shows the last lines of the hosts that run in this process.
/// The others print where the suite does.
pub fn stop_all(show_logs: bool) {
    for (running, _folder) in RUNNING.lock().expect("no panic").drain(..) {
        match running {
            Running::Process(child) => end(child),
            Running::Spin(host) => {
                if show_logs {
                    let log = host.log();
                    let lines = log.lines().collect::<Vec<_>>();
                    let shown = lines.split_at(lines.len().saturating_sub(LINES_SHOWN)).1;
                    eprintln!("the last of what the component printed:\n{}", shown.join("\n"));
                }
                drop(host);
            }
        }
    }
}

/// Ends a process: by closing its input where it has one, so that it can end its own children, else by killing it.
pub(crate) fn end(mut child: std::process::Child) {
    if child.stdin.take().is_some()
        && eventually_blocking(|| matches!(child.try_wait(), Ok(Some(_))).then_some(())).is_some()
    {
        return;
    }
    _ = child.kill();
    _ = child.wait();
}
