//! What only the Worker can meet: a trap, and a schedule.

use std::time::Duration;

use aibaas_tests::{
    Publisher, User,
    fixtures::{PASSWORD, new_address},
    host::{Host, Kind, Setup, cloudflare::Workerd},
    provider::Provider,
};
use serde_json::json;

/// A trap costs the requests that were under way; the next one is answered as ever.
pub async fn goes_on_after_a_trap() -> Result<(), String> {
    let workerd = Workerd::start(&Setup::KeepsMail.variables(), None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let publisher = Publisher::new(&host).await;
    let plain = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .timeout(Duration::from_secs(20))
        .build()
        .expect("a client");
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

/// The cron trigger sends what could not be sent at once.
pub async fn its_schedule_sends_mail() -> Result<(), String> {
    let provider = Provider::start().await.map_err(|error| error.to_string())?;
    let workerd = Workerd::start(&Setup::SendsMail.variables(), Some(provider.url()))?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), Some(provider.clone()));
    let email = new_address();
    provider.fail(&email, 1);
    host.client().post("/api/v1/auth/register").json(json!({ "email": email, "password": PASSWORD })).await.expect(202);
    provider.wait_for(&email, 1).await;
    let plain = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
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
