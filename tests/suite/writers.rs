//! Many who write at once: each gets its turn, and what one is refused undoes nothing of the others.

use aibaas_tests::{User, cases, host::Host};
use futures_util::future::join_all;
use serde_json::json;

cases![KeepsMail: many_writers_at_once_all_get_their_turn, a_refused_write_undoes_itself_alone];

const PATH: &str = "/api/v1/users/me";

async fn many_writers_at_once_all_get_their_turn(host: Host) {
    let user = User::verified(&host).await;
    let names = (0..64).map(|number| format!("Name {number}")).collect::<Vec<_>>();
    let renaming = names.iter().map(|name| user.api.patch(PATH).json(json!({ "fullName": name })).into_future());
    for answer in join_all(renaming).await {
        answer.expect(200);
    }
    let told = user.api.get(PATH).await.expect(200);
    assert!(names.iter().any(|name| told["fullName"] == **name), "{told}");
}

async fn a_refused_write_undoes_itself_alone(host: Host) {
    let user = User::verified(&host).await;
    let ended = user.login_from(&user.api).await;
    ended.api.post("/api/v1/auth/logout").await.expect(204);
    // Each of them changes another row, and every second one is refused by the database itself.
    let mut keys = Vec::new();
    for number in 0..16 {
        keys.push(user.key(json!({ "name": format!("key {number}"), "scopes": ["models:write"] })).await);
    }
    let paths = keys.iter().map(|key| format!("/api/v1/api-keys/{}", key["apiKey"]["id"].as_str().expect("an id")));
    let paths = paths.collect::<Vec<_>>();
    let changing = paths.iter().enumerate().map(|(number, path)| {
        let api = if number % 2 == 0 { &user.api } else { &ended.api };
        api.patch(path).json(json!({ "name": "changed" })).into_future()
    });
    for (number, answer) in join_all(changing).await.into_iter().enumerate() {
        answer.expect(if number % 2 == 0 { 200 } else { 401 });
    }
    for (number, path) in paths.iter().enumerate() {
        let name = user.api.get(path).await.expect(200)["name"].clone();
        let expected = if number % 2 == 0 { "changed".to_owned() } else { format!("key {number}") };
        assert_eq!(name, json!(expected), "key {number}");
    }
}
