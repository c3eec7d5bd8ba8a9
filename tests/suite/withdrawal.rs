//! Runs that are taken back, by who published them or by an administrator, and what stands after it.

use aibaas_tests::{
    Publisher, User, cases,
    fixtures::{admin, passes, row},
    host::Host,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![KeepsMail:
    the_row_falls_back_to_the_run_before,
    the_last_run_takes_the_row_with_it,
    a_run_that_is_not_the_current_one_leaves_the_row,
    a_reason_is_needed_and_public,
    twice_is_as_good_as_once,
    only_its_owner_and_only_once_published,
    several_at_once,
    publishing_goes_on_after_it,
    administrators_reject,
    rejecting_is_for_administrators,
    a_rejected_run_stays_so;
SendsMail: who_lost_the_role_withdraws_nothing];

/// One model that moved, which is a system of its own.
fn moved(model: &str, from: usize, to: usize) -> Value {
    json!([{ "model": model, "systemId": model, "agent": null, "configuration": null, "from": from, "to": to }])
}

async fn get(publisher: &Publisher, run: &str) -> Value {
    publisher.api.anonymous().get(format!("/api/v1/runs/{run}")).await.expect(200)
}

fn models(leaderboard: &Value) -> usize {
    leaderboard["data"].as_array().expect("rows").len()
}

async fn the_row_falls_back_to_the_run_before(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    let (model, rival) = (publisher.model("m").await, publisher.model("rival").await);
    let first = publisher.published(&model, 4, 4).await;
    publisher.published(&rival, 3, 4).await;
    let before = publisher.leaderboard().await;
    let second = publisher.published(&model, 1, 4).await;
    assert_eq!(row(&publisher.leaderboard().await, &model)["rank"], 2);

    let withdrawn = publisher.withdraw(&second, "the tasks were shown to the model").await.expect(200);
    assert_eq!((&withdrawn["id"], &withdrawn["status"]), (&json!(second), &json!("withdrawn")));
    let after = publisher.leaderboard().await;
    assert_eq!(after["data"], before["data"], "as it was");
    assert_ne!(after["snapshotId"], before["snapshotId"], "in a snapshot of its own");
    let change = &publisher.changes().await[0];
    assert_eq!((&change["id"], &change["kind"]), (&after["snapshotId"], &json!("withdrawn")));
    assert_eq!((&change["runId"], &change["model"]), (&json!(second), &json!(model)));
    assert_eq!((&change["previousRunId"], &change["currentRunId"]), (&json!(second), &json!(first)));
    assert_eq!((&change["rankBefore"], &change["rankAfter"]), (&json!(2), &json!(1)));
    assert_eq!(change["moved"], moved(&rival, 1, 2));
    assert_eq!(change["reason"], "the tasks were shown to the model");
}

async fn the_last_run_takes_the_row_with_it(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    let (model, rival) = (publisher.model("m").await, publisher.model("rival").await);
    let run = publisher.published(&model, 4, 4).await;
    publisher.published(&rival, 3, 4).await;
    publisher.withdraw(&run, "a mistake").await.expect(200);
    let after = publisher.leaderboard().await;
    assert_eq!((models(&after), &row(&after, &rival)["rank"]), (1, &json!(1)));
    let change = &publisher.changes().await[0];
    assert_eq!((&change["currentRunId"], &change["rankAfter"]), (&Value::Null, &Value::Null));
    assert_eq!((&change["previousRunId"], &change["rankBefore"]), (&json!(run), &json!(1)));
    assert_eq!(change["moved"], moved(&rival, 2, 1));
    // Its results and its numbers stay readable, and so does the reason.
    let shown = get(&publisher, &run).await;
    assert_eq!((&shown["status"], &shown["aggregates"]["score"]), (&json!("withdrawn"), &json!(1.0)));
    let results = publisher.api.anonymous().get(format!("/api/v1/runs/{run}/results")).await.expect(200);
    assert_eq!(results["data"].as_array().map(Vec::len), Some(4));
}

async fn a_run_that_is_not_the_current_one_leaves_the_row(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    let model = publisher.model("m").await;
    let mut runs = Vec::new();
    for correct in [1, 2, 3] {
        runs.push(publisher.published(&model, correct, 4).await);
    }
    publisher.withdraw(&runs[1], "a wrong prompt").await.expect(200);
    assert_eq!(row(&publisher.leaderboard().await, &model)["runId"], *runs[2]);
    let change = &publisher.changes().await[0];
    assert_eq!((&change["kind"], &change["runId"]), (&json!("withdrawn"), &json!(runs[1])));
    assert_eq!(
        (&change["currentRunId"], &change["rankBefore"], &change["rankAfter"]),
        (&json!(runs[2]), &json!(1), &json!(1))
    );
    assert_eq!(change["moved"], json!([]));
    // What it falls back to is not the withdrawn one between.
    publisher.withdraw(&runs[2], "another").await.expect(200);
    assert_eq!(row(&publisher.leaderboard().await, &model)["runId"], *runs[0]);
    publisher.withdraw(&runs[0], "the last").await.expect(200);
    assert_eq!(models(&publisher.leaderboard().await), 0);
    let kinds = publisher.changes().await;
    let kinds = kinds.iter().map(|change| change["kind"].as_str().unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(kinds, ["withdrawn", "withdrawn", "withdrawn", "rescored", "rescored", "published"]);
}

async fn a_reason_is_needed_and_public(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let run = publisher.published(&publisher.model("m").await, 2, 2).await;
    let path = format!("/api/v1/runs/{run}/withdraw");
    for body in [json!({}), json!({ "reason": "" }), json!({ "reason": "  " }), json!({ "reason": null })] {
        publisher.api.post(&path).json(body).await.invalid("/reason");
    }
    publisher.withdraw(&run, &"x".repeat(1001)).await.invalid("/reason");
    assert_eq!(get(&publisher, &run).await["status"], "published");
    let reason = "Häufige Fehler: <b>\"t1\" & 't2'</b> 🦀";
    publisher.withdraw(&run, reason).await.expect(200);
    let shown = get(&publisher, &run).await;
    assert_eq!((&shown["reason"], &shown["withdrawnAt"].is_string()), (&json!(reason), &true));
    assert!(shown["publishedAt"].is_string(), "when it was published is not forgotten");
    assert_eq!(publisher.changes().await[0]["reason"], reason);

    let longest = publisher.published(&format!("{}/m", publisher.provider), 1, 2).await;
    publisher.withdraw(&longest, &"🦀".repeat(1000)).await.expect(200);
}

async fn twice_is_as_good_as_once(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let run = publisher.published(&publisher.model("m").await, 2, 2).await;
    let first = publisher.withdraw(&run, "a mistake").await.expect(200);
    let again = publisher.withdraw(&run, "another reason").await.expect(200);
    assert_eq!(again, first, "unchanged");
    assert_eq!(publisher.changes().await.len(), 2);
    // Not even eight at once are more than one.
    let run = publisher.published(&format!("{}/m", publisher.provider), 1, 2).await;
    let answers = join_all((0..8).map(|_| publisher.withdraw(&run, "a mistake"))).await;
    let answers = answers.iter().map(|answer| answer.expect(200)).collect::<Vec<_>>();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(publisher.changes().await.len(), 4);
}

async fn only_its_owner_and_only_once_published(host: Host) {
    let (publisher, stranger) = (Publisher::new(&host).await, Publisher::new(&host).await);
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let run = publisher.published(&model, 2, 2).await;
    stranger.withdraw(&run, "I do not like it").await.problem(403, "not_owner");
    let unable = publisher.user.key_client(&["models:write"]).await;
    let path = format!("/api/v1/runs/{run}/withdraw");
    let body = json!({ "reason": "a mistake" });
    unable.post(&path).json(body.clone()).await.problem(403, "insufficient_scope");
    publisher.api.anonymous().post(&path).json(body.clone()).await.problem(401, "missing_credentials");
    assert_eq!(get(&publisher, &run).await["status"], "published");

    let open = publisher.run(&model).await;
    publisher.withdraw(&open, "never mind").await.problem(409, "run_not_published");
    stranger.withdraw(&open, "never mind").await.problem(403, "not_owner");
    assert_eq!(get(&publisher, &open).await["status"], "open");
    for unknown in ["01939f41-5a00-7f3e-a7b8-c9d0e1f2a3b4", "nonsense"] {
        publisher.withdraw(unknown, "a mistake").await.problem(404, "not_found");
    }
    assert_eq!(publisher.changes().await.len(), 1, "nothing of this is a change");
}

async fn several_at_once(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    let model = publisher.model("m").await;
    let mut runs = Vec::new();
    for correct in 0..5 {
        runs.push(publisher.published(&model, correct, 4).await);
    }
    // All but the first, while another model is published.
    let rival = publisher.model("rival").await;
    let withdrawals = join_all(runs[1..].iter().map(|run| publisher.withdraw(run, "a mistake")));
    let (answers, _) = futures_util::future::join(withdrawals, publisher.published(&rival, 2, 4)).await;
    answers.iter().for_each(|answer| drop(answer.expect(200)));
    let leaderboard = publisher.leaderboard().await;
    assert_eq!((models(&leaderboard), &row(&leaderboard, &model)["runId"]), (2, &json!(runs[0])));
    let changes = publisher.changes().await;
    assert_eq!(changes.len(), 5 + 1 + 4);
    // The log is one story: each begins where the one before of the same model ended.
    let mut standing = Value::Null;
    for change in changes.iter().rev().filter(|change| change["model"] == model) {
        assert_eq!(change["previousRunId"], standing, "{change}");
        standing = change["currentRunId"].clone();
    }
    assert_eq!(standing, runs[0]);
}

async fn publishing_goes_on_after_it(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let run = publisher.published(&model, 2, 2).await;
    publisher.withdraw(&run, "a mistake").await.expect(200);
    for (path, body) in [("publish", None), ("results", Some(passes(2, 2)))] {
        let request = publisher.api.post(format!("/api/v1/runs/{run}/{path}"));
        let request = if let Some(body) = body { request.json(body) } else { request };
        request.await.problem(409, "run_not_open");
    }
    let second = publisher.published(&model, 1, 2).await;
    assert_eq!(row(&publisher.leaderboard().await, &model)["runId"], *second);
    let change = &publisher.changes().await[0];
    assert_eq!((&change["kind"], &change["previousRunId"]), (&json!("published"), &Value::Null), "it stood nowhere");
    // The same evidence may be uploaded anew, in a run of its own.
    let third = publisher.published(&model, 2, 2).await;
    assert_eq!(row(&publisher.leaderboard().await, &model)["runId"], *third);
}

async fn reject(admin: &User, run: &str, reason: &str) -> aibaas_tests::Answer {
    admin.api.post(format!("/api/v1/admin/runs/{run}/reject")).json(json!({ "reason": reason })).await
}

async fn administrators_reject(host: Host) {
    let (admin, publisher) = (admin(&host).await, Publisher::new(&host).await);
    publisher.tasks(4).await;
    let (model, rival) = (publisher.model("m").await, publisher.model("rival").await);
    let first = publisher.published(&model, 1, 4).await;
    publisher.published(&rival, 2, 4).await;
    let second = publisher.published(&model, 4, 4).await;
    let before = publisher.leaderboard().await["snapshotId"].as_str().expect("a snapshot").to_owned();
    let body = publisher.snapshot(&before).await;
    let rejected = reject(&admin, &second, "the results were made up").await.expect(200);
    assert_eq!((&rejected["status"], &rejected["reason"]), (&json!("rejected"), &json!("the results were made up")));
    assert_eq!(get(&publisher, &second).await["reason"], "the results were made up");
    assert_eq!(row(&publisher.leaderboard().await, &model)["runId"], *first);
    assert_eq!(publisher.snapshot(&before).await, body, "history is not written anew");
    let change = &publisher.changes().await[0];
    assert_eq!((&change["kind"], &change["reason"]), (&json!("rejected"), &json!("the results were made up")));
    assert_eq!((&change["rankBefore"], &change["rankAfter"]), (&json!(1), &json!(2)));
    assert_eq!(change["moved"], moved(&rival, 2, 1));

    // An open run changes no leaderboard, and so there is no snapshot of it.
    let changes = publisher.changes().await.len();
    let open = publisher.run(&model).await;
    publisher.upload(&open, passes(4, 4)).await;
    assert_eq!(reject(&admin, &open, "spam").await.expect(200)["status"], "rejected");
    assert_eq!(publisher.changes().await.len(), changes);
    assert_eq!(get(&publisher, &open).await["reason"], "spam");
}

async fn rejecting_is_for_administrators(host: Host) {
    let (admin, publisher) = (admin(&host).await, Publisher::new(&host).await);
    publisher.tasks(2).await;
    let run = publisher.published(&publisher.model("m").await, 2, 2).await;
    reject(&publisher.user, &run, "mine").await.problem(403, "role_required");
    let path = format!("/api/v1/admin/runs/{run}/reject");
    let body = json!({ "reason": "a mistake" });
    publisher.api.post(&path).json(body.clone()).await.problem(403, "user_token_required");
    publisher.api.anonymous().post(&path).json(body).await.problem(401, "missing_credentials");
    for reason in ["", " ", &"x".repeat(1001)] {
        reject(&admin, &run, reason).await.invalid("/reason");
    }
    reject(&admin, "01939f41-5a00-7f3e-a7b8-c9d0e1f2a3b4", "a mistake").await.problem(404, "not_found");
    assert_eq!(get(&publisher, &run).await["status"], "published");
    assert_eq!(publisher.changes().await.len(), 1);
}

async fn a_rejected_run_stays_so(host: Host) {
    let (admin, publisher) = (admin(&host).await, Publisher::new(&host).await);
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let run = publisher.published(&model, 2, 2).await;
    let first = reject(&admin, &run, "made up").await.expect(200);
    assert_eq!(reject(&admin, &run, "another reason").await.expect(200), first);
    let withdrawn = publisher.withdraw(&run, "I withdraw it myself").await;
    withdrawn.problem(409, "run_not_published");
    let open = publisher.run(&model).await;
    publisher.upload(&open, passes(1, 2)).await;
    reject(&admin, &open, "spam").await.expect(200);
    for (path, body) in [("publish", None), ("results", Some(passes(1, 2)))] {
        let request = publisher.api.post(format!("/api/v1/runs/{open}/{path}"));
        let request = if let Some(body) = body { request.json(body) } else { request };
        request.await.problem(409, "run_not_open");
    }
    let other = publisher.published(&model, 1, 2).await;
    publisher.withdraw(&other, "a mistake").await.expect(200);
    let again = reject(&admin, &other, "made up").await;
    assert_eq!(again.status, 409, "{again}");
    assert_eq!(get(&publisher, &other).await["reason"], "a mistake");
    // Withdrawn and rejected at once: one of them, whole.
    let run = publisher.published(&model, 2, 2).await;
    let both = futures_util::future::join(publisher.withdraw(&run, "withdrawn"), reject(&admin, &run, "rejected"));
    let (withdrawn, rejected) = both.await;
    assert_eq!([&withdrawn, &rejected].iter().filter(|answer| answer.status == 200).count(), 1);
    let shown = get(&publisher, &run).await;
    assert_eq!(shown["status"], shown["reason"]);
    assert_eq!(publisher.changes().await.iter().filter(|change| change["runId"] == *run).count(), 2);
}

/// Where publishing needs a role, so does taking back what was published with it.
async fn who_lost_the_role_withdraws_nothing(host: Host) {
    let admin = admin(&host).await;
    let user = User::verified(&host).await;
    let role = async |role: &str| {
        let path = format!("/api/v1/admin/users/{}", user.id());
        admin.api.patch(path).json(json!({ "role": role })).await.expect(200);
    };
    role("publisher").await;
    let publisher = Publisher::of(user.clone()).await;
    publisher.tasks(2).await;
    let run = publisher.published(&publisher.model("m").await, 2, 2).await;
    role("user").await;
    publisher.withdraw(&run, "a mistake").await.problem(403, "role_required");
    role("publisher").await;
    publisher.withdraw(&run, "a mistake").await.expect(200);
}
