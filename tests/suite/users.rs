//! The person's own profile.

use aibaas_tests::{User, cases, host::Host};
use serde_json::{Value, json};

cases![KeepsMail: profile_needs_a_person, profile_changes, profile_refuses_what_is_not_its_own];

async fn profile_needs_a_person(host: Host) {
    let user = User::verified(&host).await;
    user.api.anonymous().get("/api/v1/users/me").await.problem(401, "missing_credentials");
    user.api
        .anonymous()
        .patch("/api/v1/users/me")
        .json(json!({ "fullName": "Nobody" }))
        .await
        .problem(401, "missing_credentials");
    let me = user.api.get("/api/v1/users/me").await.expect(200);
    assert_eq!(me["fullName"], "Ada Lovelace");
}

async fn profile_changes(host: Host) {
    let user = User::verified(&host).await;
    let patch = |body: Value| user.api.patch("/api/v1/users/me").json(body);
    for name in ["Ada", "Ada 🦀 King", "Zoë Ünïcødé", "O'Brien; DROP TABLE users;--"] {
        assert_eq!(patch(json!({ "fullName": name })).await.expect(200)["fullName"], name);
        assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["fullName"], name);
    }
    // Nothing to change changes nothing.
    assert_eq!(patch(json!({})).await.expect(200)["fullName"], "O'Brien; DROP TABLE users;--");
    assert_eq!(patch(json!({ "fullName": null })).await.expect(200)["fullName"], Value::Null);
}

async fn profile_refuses_what_is_not_its_own(host: Host) {
    let user = User::verified(&host).await;
    for member in ["role", "email", "emailVerified", "id", "mfaEnabled", "passwordHash"] {
        let mut body = json!({ "fullName": "Mallory" });
        body[member] = json!("admin");
        user.api.patch("/api/v1/users/me").json(body).await.invalid(&format!("/{member}"));
    }
    assert_eq!(user.api.get("/api/v1/users/me").await.expect(200)["fullName"], "Ada Lovelace");
}
