//! What only the Worker can meet: a trap, a schedule, hashing in objects, variables of its own.

use std::{collections::BTreeMap, time::Duration};

use aibaas_tests::{
    Publisher, User,
    fixtures::{PASSWORD, new_address},
    host::{
        Host, Kind, Setup,
        cloudflare::{self, Workerd},
    },
    provider::Provider,
};
use futures_util::future::join_all;
use serde_json::json;

/// A trap costs the requests that were under way; the next one is answered as ever.
pub async fn goes_on_after_a_trap() -> Result<(), String> {
    let workerd = Workerd::start(&Setup::KeepsMail.variables(), None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let publisher = Publisher::new(&host).await;
    let plain = plain_client();
    for n in 0..3 {
        let trapped =
            plain.get(format!("{}/health", host.url())).header("x-request-id", format!("trap-{n}")).send().await;
        let trapped = trapped.expect("even a trap is answered");
        assert!(trapped.status().is_server_error(), "{trapped:?}");
        host.client().get("/health").await.expect(200);
        publisher.user.api.get("/api/v1/users/me").await.expect(200);
    }
    // A trap in the Durable Object must not leave its caller hanging.
    let path = format!("{}/api/v1/models/{}/m", host.url(), publisher.provider);
    let key = publisher.api.credential().expect("a key");
    let body = json!({ "displayName": "M" }).to_string();
    let put = plain.put(path).bearer_auth(key).header("content-type", "application/json").body(body);
    let trapped = put.header("x-trap-admission", "1").send().await.expect("an answer");
    assert!(trapped.status().is_server_error() || trapped.status().is_success(), "{trapped:?}");
    publisher.model("after").await;
    Ok(())
}

/// Passwords are hashed in Durable Objects, in turn; one that traps or has too much to do costs one login, answered.
pub async fn hashes_in_durable_objects() -> Result<(), String> {
    let mut variables = Setup::KeepsMail.variables();
    variables.extend(cloudflare::hashing_objects(4));
    let workerd = Workerd::start(&variables, None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let plain = plain_client();
    let hashes = async || {
        let answer = plain.get(format!("{}/hashes", workerd.control)).send().await.expect("an answer");
        answer.json::<BTreeMap<String, u32>>().await.expect("a number for each object")
    };

    // Two of them: more attempts at once would be taken for guesses.
    let users = [User::verified(&host).await, User::verified(&host).await];
    let before = hashes().await.values().sum::<u32>();
    assert!(before >= 4, "registering and logging in are not hashed in an object");
    let logins = (0..8).map(async |n| drop(User::login(&host.client(), &users[n % 2].email).await));
    join_all(logins).await;
    let after = hashes().await;
    assert_eq!(after.values().sum::<u32>(), before + 8, "{after:?}");
    assert_eq!(after.len(), 4, "{after:?}");
    assert!(after.values().all(|hashed| (after["0"].abs_diff(*hashed)) <= 1), "not in turn: {after:?}");

    let login = |user: &User, header: &'static str| {
        let body = json!({ "email": user.email, "password": PASSWORD }).to_string();
        let login = plain.post(format!("{}/api/v1/auth/login", host.url())).header("content-type", "application/json");
        async move {
            let answer = login.header(header, "1").body(body).send().await.expect("even a trap is answered");
            let (status, retry) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
            let body = answer.text().await.expect("a whole answer");
            assert!(!body.contains(PASSWORD), "{body}");
            (status, retry, body)
        }
    };
    for _ in 0..3 {
        let (status, _, body) = login(&users[0], "x-trap-hash").await;
        assert_eq!(status, 500, "{body}");
        User::login(&host.client(), &users[0].email).await;
    }
    let (status, retry, body) = login(&users[1], "x-busy-hash").await;
    assert!(status == 503 && retry, "{status} {body}");
    User::login(&host.client(), &users[1].email).await;
    let logged = plain.get(format!("{}/logs", workerd.control)).send().await.expect("an answer");
    let logged = logged.text().await.expect("the log");
    assert!(logged.contains("replaced") && !logged.contains(PASSWORD), "{logged}");
    Ok(())
}

/// A mistake in what only this host reads is told together with the others, and nothing is served.
pub async fn tells_its_own_mistakes() -> Result<(), String> {
    let mistakes = [("PASSWORD_HASHING", "elsewhere"), ("PASSWORD_HASHER_OBJECTS", "65"), ("PUBLISHING", "perhaps")];
    let variables = mistakes.map(|(name, value)| (name, value.to_owned()));
    let workerd = Workerd::start(&[&Setup::KeepsMail.variables()[..], &variables].concat(), None)?;
    let plain = plain_client();
    let answer = plain.get(format!("{}/health", workerd.url)).send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
    let logged = plain.get(format!("{}/logs", workerd.control)).send().await.expect("an answer");
    let logged = logged.text().await.expect("the log");
    assert!(logged.contains("3 mistake(s)"), "{logged}");
    for (name, _) in mistakes {
        assert!(logged.contains(name), "{name}: {logged}");
    }
    Ok(())
}

fn plain_client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(Duration::from_secs(20));
    builder.build().expect("a client")
}

/// The cron trigger sends what could not be sent at once.
pub async fn its_schedule_sends_mail() -> Result<(), String> {
    let provider = Provider::start().await.map_err(|error| error.to_string())?;
    let workerd = Workerd::start(&cloudflare::variables(Setup::SendsMail), Some(provider.url()))?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), Some(provider.clone()));
    let email = new_address();
    provider.fail(&email, 1);
    host.client().post("/api/v1/auth/register").json(json!({ "email": email, "password": PASSWORD })).await.expect(202);
    provider.wait_for(&email, 1).await;
    let plain = plain_client();
    for _ in 0..240 {
        if provider.calls_to(&email).len() > 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        let fired = plain.post(format!("{}/cron", workerd.control)).send().await.expect("an answer");
        assert!(fired.status().is_success(), "{fired:?}");
    }
    let answered = provider.calls_to(&email).iter().map(|call| call.answered).collect::<Vec<_>>();
    assert_eq!(answered, [503, 200]);
    let token = User::verification_token(&host, &email).await;
    host.client().post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
    Ok(())
}
