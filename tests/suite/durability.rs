//! Hosts that end in the middle of their work: what was answered stands.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use aibaas_tests::{
    Client, Publisher, User, eventually,
    fixtures::{PASSWORD, new_address, passes, row, token_in},
    host::{
        Host, Kind, Setup,
        cloudflare::{self, Workerd},
        native::Server,
        spin::Spin,
    },
};
use futures_util::future::join_all;
use serde_json::json;

/// What the server has answered 2xx.
#[derive(Default)]
struct Acknowledged {
    addresses: Mutex<Vec<String>>,
    /// Models with a run that was opened, had its results taken or was published, and how far it came.
    runs: Mutex<Vec<Run>>,
}

#[derive(Clone)]
struct Run {
    model: String,
    id: String,
    correct: usize,
    published: bool,
}

const TASKS: usize = 4;

/// Kills the server twice in the middle of sixteen clients, and looks for everything that it had acknowledged.
pub async fn what_was_answered_survives_sigkill() {
    let data = tempfile::tempdir().expect("a folder");
    let variables = Setup::KeepsMail.variables();
    let mut server = Server::start(data.path(), &variables).expect("it starts");
    let mut host = Host::at(Kind::Native, server.url.clone(), None);
    let publisher = Publisher::new(&host).await;
    publisher.tasks(TASKS).await;
    let acknowledged = Arc::new(Acknowledged::default());

    for round in 0..2 {
        let stopped = Arc::new(AtomicBool::new(false));
        let before = acknowledged.runs.lock().expect("no panic").len();
        let clients = (0..16).map(|n| {
            let (host, stopped, acknowledged) = (host.clone(), Arc::clone(&stopped), Arc::clone(&acknowledged));
            let publisher = moved(&publisher, &host);
            tokio::spawn(async move {
                for step in 0.. {
                    let goes_on = match n % 2 {
                        0 => register(&host, &acknowledged).await,
                        _ => publish(&publisher, &format!("m-{round}-{n}-{step}"), &acknowledged).await,
                    };
                    if goes_on.is_none() || stopped.load(Ordering::Relaxed) {
                        break;
                    }
                }
            })
        });
        let clients = clients.collect::<Vec<_>>();
        eventually("some of each were answered", async || {
            let registered = acknowledged.addresses.lock().expect("no panic").len();
            let runs = acknowledged.runs.lock().expect("no panic");
            let published = runs.iter().skip(before).filter(|run| run.published).count();
            (registered > 8 && published > 8).then_some(())
        })
        .await;
        server.kill();
        stopped.store(true, Ordering::Relaxed);
        for client in join_all(clients).await {
            client.expect("a client saw an answer that breaks the contract");
        }
        server = Server::start(data.path(), &variables).expect("it starts again");
        host = Host::at(Kind::Native, server.url.clone(), None);
        verify(&host, &moved(&publisher, &host), &acknowledged).await;
    }
}

/// The publisher, calling the host where it listens now.
fn moved(publisher: &Publisher, host: &Host) -> Publisher {
    let api = host.client();
    let moved = |client: &Client| client.credential().map_or_else(|| api.clone(), |credential| api.with(credential));
    let user = User { api: moved(&publisher.user.api), ..publisher.user.clone() };
    Publisher { user, api: moved(&publisher.api), ..publisher.clone() }
}

/// Registers somebody; nothing where the server is gone.
async fn register(host: &Host, acknowledged: &Acknowledged) -> Option<()> {
    let email = new_address();
    let request = host.client().post("/api/v1/auth/register").json(json!({ "email": email, "password": PASSWORD }));
    request.try_send().await.ok()?.expect(202);
    acknowledged.addresses.lock().expect("no panic").push(email);
    Some(())
}

/// Publishes a run of a new model, writing down how far it came; nothing where the server is gone.
async fn publish(publisher: &Publisher, name: &str, acknowledged: &Acknowledged) -> Option<()> {
    let api = &publisher.api;
    let model = format!("{}/{name}", publisher.provider);
    let correct = name.len() % (TASKS + 1);
    api.put(format!("/api/v1/models/{model}")).json(json!({ "displayName": name })).try_send().await.ok()?.expect(201);
    let run = api.post("/api/v1/runs").json(publisher.run_body(&model)).try_send().await.ok()?.expect(201);
    let id = run["id"].as_str().expect("an id").to_owned();
    let place = {
        let mut runs = acknowledged.runs.lock().expect("no panic");
        runs.push(Run { model, id: id.clone(), correct, published: false });
        runs.len() - 1
    };
    let results = api.post(format!("/api/v1/runs/{id}/results")).json(passes(correct, TASKS));
    results.try_send().await.ok()?.expect(200);
    api.post(format!("/api/v1/runs/{id}/publish")).try_send().await.ok()?.expect(200);
    acknowledged.runs.lock().expect("no panic")[place].published = true;
    Some(())
}

async fn verify(host: &Host, publisher: &Publisher, acknowledged: &Acknowledged) {
    let addresses = std::mem::take(&mut *acknowledged.addresses.lock().expect("no panic"));
    assert!(addresses.len() > 3, "only {} registered before the kill", addresses.len());
    let kept = host.client().get("/dev/mail").header("Accept", "application/json").await.expect(200);
    for email in &addresses {
        let mail = kept["data"].as_array().expect("mails").iter().find(|mail| mail["to"] == **email);
        let mail = mail.unwrap_or_else(|| panic!("the mail of {email} is lost"));
        let api = host.client();
        let token = token_in(mail["text"].as_str().expect("a text"));
        api.post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
        User::login(&api, email).await;
    }

    let runs = acknowledged.runs.lock().expect("no panic").clone();
    assert!(runs.iter().filter(|run| run.published).count() > 3, "too few published before the kill");
    let mut unfinished = Vec::new();
    for run in &runs {
        let stored = publisher.api.get(format!("/api/v1/runs/{}", run.id)).await.expect(200);
        assert!(!run.published || stored["status"] == "published", "{} was published: {stored}", run.id);
        if stored["status"] == "open" {
            unfinished.push(run.clone());
        }
    }
    // What was not finished goes on: the same results are taken again, and the run is published.
    for run in &unfinished {
        publisher.upload(&run.id, passes(run.correct, TASKS)).await;
        publisher.publish(&run.id).await;
    }
    for run in acknowledged.runs.lock().expect("no panic").iter_mut() {
        run.published = true;
    }
    for run in &runs {
        let path = format!("{}&q={}", publisher.leaderboard_path(), run.model.rsplit('/').next().unwrap_or_default());
        let leaderboard = host.client().get(path).await.expect(200);
        let row = row(&leaderboard, &run.model);
        assert_eq!((&row["runId"], &row["correct"]), (&json!(run.id), &json!(run.correct)));
    }
    println!("{} accounts and {} runs were there, {} runs went on", addresses.len(), runs.len(), unfinished.len());
}

/// A host over a folder of its own, to be ended at any moment.
enum Ended {
    Native(Server),
    Spin(Spin),
    Workerd(Workerd),
}

impl Ended {
    fn start(kind: Kind, data: &Path) -> Result<(Self, Host), String> {
        let (started, url) = match kind {
            Kind::Spin => {
                let (spin, url) = Spin::start(Setup::KeepsMail, None, data)?;
                (Self::Spin(spin), url)
            }
            Kind::Cloudflare => {
                let workerd = Workerd::start_over(Some(data), &cloudflare::variables(Setup::KeepsMail), None)?;
                let url = workerd.url.clone();
                (Self::Workerd(workerd), url)
            }
            Kind::Native | Kind::Remote => {
                let server = Server::start(data, &Setup::KeepsMail.variables())?;
                let url = server.url.clone();
                (Self::Native(server), url)
            }
        };
        Ok((started, Host::at(kind, url, None)))
    }

    /// As abruptly as the host allows: SIGKILL for the native server and for the `spin` program.
    fn end(self) {
        match self {
            Self::Native(server) => server.kill(),
            Self::Spin(spin) => spin.kill(),
            Self::Workerd(workerd) => drop(workerd),
        }
    }
}

/// The host goes while a run's results are uploaded, and again when it was published: the run goes on, and stands.
///
/// # Errors
/// Why the host does not start.
pub async fn a_run_outlives_its_host(kind: Kind) -> Result<(), String> {
    let data = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = Arc::new(data.path().to_owned());
    let start = async || {
        let folder = Arc::clone(&folder);
        let started = tokio::task::spawn_blocking(move || Ended::start(kind, &folder));
        started.await.map_err(|error| error.to_string()).flatten()
    };
    let end =
        async |running: Ended| tokio::task::spawn_blocking(|| running.end()).await.map_err(|error| error.to_string());
    let (running, host) = start().await?;
    let publisher = Publisher::new(&host).await;
    publisher.tasks(TASKS).await;
    let model = publisher.model("m").await;
    let earlier = publisher.published(&model, 1, TASKS).await;
    let run = publisher.run(&model).await;
    let all = passes(3, TASKS);
    publisher.upload(&run, json!([all[0], all[1]])).await;
    end(running).await?;

    let (running, host) = start().await?;
    let publisher = moved(&publisher, &host);
    let shown = publisher.api.get(format!("/api/v1/runs/{run}")).await.expect(200);
    assert_eq!((&shown["status"], &shown["aggregates"]), (&json!("open"), &json!(null)));
    assert_eq!(row(&publisher.leaderboard().await, &model)["runId"], *earlier);
    publisher.api.post(format!("/api/v1/runs/{run}/publish")).await.problem(422, "incomplete_run");
    let answer = publisher.api.post(format!("/api/v1/runs/{run}/results")).json(all).await.expect(200);
    assert_eq!(answer, json!({ "accepted": TASKS - 2, "repeated": 2 }));
    let published = publisher.publish(&run).await;
    end(running).await?;

    let (running, host) = start().await?;
    let publisher = moved(&publisher, &host);
    let leaderboard = publisher.leaderboard().await;
    assert_eq!(leaderboard["snapshotId"], published["snapshotId"]);
    let standing = row(&leaderboard, &model);
    assert_eq!((&standing["runId"], &standing["correct"]), (&json!(run), &json!(3)));
    assert_eq!(publisher.publish(&run).await, published, "asked for once more");
    let changes = publisher.changes().await;
    assert_eq!(changes.iter().map(|change| &change["runId"]).collect::<Vec<_>>(), [&json!(run), &json!(earlier)]);
    end(running).await
}
