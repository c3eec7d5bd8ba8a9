//! What accounts store is counted, and bounded.

use aibaas_tests::{
    Publisher, User, cases,
    fixtures::{admin, passes, tasks},
    host::Host,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![KeepsMail:
    what_is_stored_is_counted,
    nothing_is_stored_beyond_the_quota,
    two_at_once_do_not_both_take_the_last_of_it,
    administrators_set_the_quota,
];

/// What a result of a task of this name takes.
const RESULT: i64 = 64;

async fn used(user: &User) -> i64 {
    user.api.get("/api/v1/users/me/storage").await.expect(200)["usedBytes"].as_i64().unwrap()
}

async fn set_quota(admin: &User, user: &User, quota: Value) -> Value {
    let path = format!("/api/v1/admin/users/{}", user.id());
    admin.api.patch(path).json(json!({ "storageQuotaBytes": quota })).await.expect(200)
}

async fn what_is_stored_is_counted(host: Host) {
    let publisher = Publisher::new(&host).await;
    let user = &publisher.user;
    let storage = user.api.get("/api/v1/users/me/storage").await.expect(200);
    assert_eq!(storage, json!({ "usedBytes": 0, "quotaBytes": 1 << 30, "leftBytes": 1 << 30 }));
    let path = format!("/api/v1/benchmarks/{}/versions/1", publisher.benchmark);
    let put = |count| {
        let body = json!({ "title": "B", "metric": "pass_rate", "tasks": tasks(count) });
        publisher.api.put(&path).json(body)
    };
    put(3).await.expect(201);
    let of_three = used(user).await;
    put(3).await.expect(200);
    assert_eq!(used(user).await, of_three, "the same again");
    put(9).await.expect(200);
    let of_nine = used(user).await;
    assert!(of_nine > of_three);
    put(3).await.expect(200);
    assert_eq!(used(user).await, of_three, "a shorter one gives back");
    put(9).await.expect(200);

    let model = publisher.model("m").await;
    let body = publisher.run_body(&model);
    let run = publisher.api.post("/api/v1/runs").json(body.clone()).await.expect(201);
    let run = run["id"].as_str().unwrap();
    let with_run = used(user).await;
    assert!(with_run >= of_nine + i64::try_from(body.to_string().len()).unwrap(), "{with_run}");
    publisher.upload(run, passes(1, 4)).await;
    assert_eq!(used(user).await, with_run + 4 * (RESULT + 2));
    publisher.upload(run, passes(1, 9)).await;
    assert_eq!(used(user).await, with_run + 9 * (RESULT + 2), "of what was there before, nothing");
    publisher.publish(run).await;
    assert_eq!(used(user).await, with_run + 9 * (RESULT + 2));
}

async fn nothing_is_stored_beyond_the_quota(host: Host) {
    let (publisher, admin) = (Publisher::new(&host).await, admin(&host).await);
    publisher.tasks(5).await;
    let model = publisher.model("m").await;
    let run = publisher.run(&model).await;
    publisher.upload(&run, passes(1, 2)).await;
    let before = used(&publisher.user).await;
    let quota = before + 2 * (RESULT + 2) - 1;
    set_quota(&admin, &publisher.user, json!(quota)).await;
    let upload = |count| publisher.api.post(format!("/api/v1/runs/{run}/results")).json(passes(1, count));

    let refused = upload(4).await.problem(409, "storage_quota_exceeded");
    let left = quota - before;
    assert_eq!([&refused["usedBytes"], &refused["quotaBytes"], &refused["leftBytes"]], [before, quota, left]);
    let results = publisher.api.get(format!("/api/v1/runs/{run}/results")).await.expect(200);
    assert_eq!(results["data"].as_array().unwrap().len(), 2, "all or nothing");
    upload(2).await.expect(200);
    assert_eq!(upload(3).await.expect(200)["accepted"], 1, "what there is room for");
    publisher.api.post("/api/v1/runs").json(publisher.run_body(&model)).await.problem(409, "storage_quota_exceeded");
    let version = format!("/api/v1/benchmarks/{}/versions/2", publisher.benchmark);
    let body = json!({ "title": "B", "metric": "pass_rate", "tasks": tasks(1) });
    publisher.api.put(&version).json(body.clone()).await.problem(409, "storage_quota_exceeded");
    publisher.api.get(format!("{version}/tasks")).await.problem(404, "not_found");
    assert_eq!(used(&publisher.user).await, before + RESULT + 2);

    set_quota(&admin, &publisher.user, json!(quota + 10_000)).await;
    upload(5).await.expect(200);
    publisher.api.put(&version).json(body).await.expect(201);
    // What is there stays, whatever the quota becomes.
    set_quota(&admin, &publisher.user, json!(0)).await;
    publisher.publish(&run).await;
    upload(5).await.problem(409, "run_not_open");
    publisher.tasks_again(5).await.expect(200);
}

async fn two_at_once_do_not_both_take_the_last_of_it(host: Host) {
    let (publisher, admin) = (Publisher::new(&host).await, admin(&host).await);
    publisher.tasks(8).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let before = used(&publisher.user).await;
    set_quota(&admin, &publisher.user, json!(before + 3 * (RESULT + 2))).await;
    let uploads = (1..=8).map(|n| {
        let result = json!([{ "task": format!("t{n}"), "attempt": 1, "status": "success", "score": 1 }]);
        publisher.api.post(format!("/api/v1/runs/{run}/results")).json(result)
    });
    let answers = join_all(uploads.map(|upload| async { upload.await })).await;
    let stored = answers.iter().filter(|answer| answer.status == 200).count();
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.problem(409, "storage_quota_exceeded");
    }
    assert_eq!(stored, 3);
    assert_eq!(used(&publisher.user).await, before + 3 * (RESULT + 2));
}

async fn administrators_set_the_quota(host: Host) {
    let (user, admin) = (User::verified(&host).await, admin(&host).await);
    let shown = set_quota(&admin, &user, json!(5000)).await;
    assert_eq!(shown["storage"], json!({ "usedBytes": 0, "quotaBytes": 5000 }));
    assert_eq!(user.api.get("/api/v1/users/me/storage").await.expect(200)["leftBytes"], 5000);
    let path = format!("/api/v1/admin/users/{}", user.id());
    for odd in [json!(-1), json!(9_007_199_254_740_992_i64), json!("much"), json!(1.5)] {
        let answer = admin.api.patch(&path).json(json!({ "storageQuotaBytes": odd })).await;
        answer.invalid("/storageQuotaBytes");
    }
    let kept = admin.api.patch(&path).json(json!({ "role": "publisher" })).await.expect(200);
    assert_eq!(kept["storage"]["quotaBytes"], 5000, "what is not given stays");
    let shown = set_quota(&admin, &user, Value::Null).await;
    assert_eq!(shown["storage"]["quotaBytes"], 1 << 30, "the deployment's again");
}
