//! The native server, killed in the middle of its work: what was answered stands.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aibaas_tests::{
    Client, Publisher, User,
    fixtures::{PASSWORD, new_address, passes, row, token_in},
    host::{Host, Kind, Setup, native::Server},
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
        tokio::time::sleep(Duration::from_millis(1200)).await;
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
