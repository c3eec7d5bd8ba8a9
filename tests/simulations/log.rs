//! The log of changes as a Merkle tree, while its sequencer dies, runs twice at once, and meets a failing database.

use aibaas_core::domain::{
    jws::Verifier,
    log_record::{from_hex, hex, note},
    merkle::{leaf_hash, root, verify_consistency, verify_inclusion},
};
use aibaas_tests::simulation::{Failure, Simulation};
use axum::http::Method;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::{FutureExt as _, future::join};
use serde_json::{Value, json};

use super::leaderboard::Publisher;

const FAILURES: [Failure; 4] = [Failure::Refused, Failure::Unheard, Failure::Slow, Failure::SlowToTell];

async fn get(simulation: &Simulation, path: &str) -> Value {
    let (status, value) = simulation.call(Method::GET, path, None, None).await;
    assert_eq!(status, 200, "{path}: {value}");
    value
}

fn hash(value: &Value) -> [u8; 32] {
    from_hex(value.as_str().expect("a hash")).expect("a hash")
}

fn hashes(value: &Value) -> Vec<[u8; 32]> {
    value.as_array().expect("hashes").iter().map(hash).collect()
}

/// Checks the whole tree against the log of changes: every line has one leaf, in its order, the head is signed, its
/// root is that of the leaves, and proofs hold. Returns the number of leaves, and the root.
async fn check(simulation: &Simulation) -> (u64, [u8; 32]) {
    let leaves = get(simulation, "/api/v1/log/leaves?limit=100").await["data"].as_array().expect("leaves").clone();
    let mut changes = get(simulation, "/api/v1/changes?limit=100").await["data"].as_array().expect("lines").clone();
    changes.reverse();
    assert_eq!(leaves.len(), changes.len());
    for (index, (leaf, change)) in leaves.iter().zip(&changes).enumerate() {
        assert_eq!((&leaf["index"], &leaf["change"]), (&json!(index), &change["id"]));
        let text = leaf["leaf"].as_str().expect("nothing is hidden");
        assert_eq!(hash(&leaf["hash"]), leaf_hash(text.as_bytes()));
        assert_eq!(&serde_json::from_str::<Value>(text).expect("JSON")["change"], change);
    }
    let tree = leaves.iter().map(|leaf| hash(&leaf["hash"])).collect::<Vec<_>>();
    let size = u64::try_from(tree.len()).expect("few");
    let head = get(simulation, "/api/v1/log/head").await;
    assert_eq!((&head["size"], hash(&head["rootHash"])), (&json!(size), root(&tree)));
    let keys = get(simulation, "/.well-known/log-keys.json").await;
    let key = keys["keys"].as_array().expect("keys").iter().find(|key| key["kid"] == head["keyId"]).expect("its key");
    let bytes = |value: &Value| BASE64_URL_SAFE_NO_PAD.decode(value.as_str().expect("base64url")).expect("base64url");
    let note = note(size, &hex(&root(&tree)), head["timestamp"].as_str().expect("a time"));
    let verifier = Verifier::ed_dsa(&bytes(&key["x"])).expect("a key");
    assert!(verifier.verify(note.as_bytes(), &bytes(&head["signature"])), "{head}");
    for (index, leaf) in tree.iter().enumerate() {
        let proof = get(simulation, &format!("/api/v1/log/proof/inclusion?index={index}&size={size}")).await;
        assert!(verify_inclusion(index as u64, size, leaf, &hashes(&proof["path"]), &root(&tree)), "{proof}");
        let proof = get(simulation, &format!("/api/v1/log/proof/consistency?from={index}&to={size}")).await;
        let before = root(&tree[..index]);
        assert!(verify_consistency((index as u64, &before), (size, &root(&tree)), &hashes(&proof["path"])), "{proof}");
    }
    (size, root(&tree))
}

#[tokio::test]
async fn a_sequencer_that_fails_or_dies_at_any_call_leaves_the_tree_right() {
    let publisher = Publisher::new(3).await;
    let simulation = &publisher.simulation;
    publisher.model("m").await;
    let mut number = 0_usize;
    for failure in FAILURES {
        for dies in [false, true] {
            for calls in 0..5 {
                let run = publisher.uploaded("m", number % 4, 3).await;
                number += 1;
                let path = format!("/api/v1/runs/{run}/publish");
                let request = axum::http::Request::post(&path);
                let answer = simulation.answer(request, Some(&publisher.key), None).await;
                assert_eq!(answer.status(), 200);
                simulation.break_after(calls, failure);
                // Nothing here waits but what the failure makes slow, and that dies.
                let ended = simulation.complete_background().now_or_never();
                simulation.heal();
                if dies || ended.is_none() {
                    simulation.die();
                }
                let leaves = simulation.count("SELECT count(*) FROM log_leaves");
                let nodes = simulation.count("SELECT count(*) FROM log_nodes WHERE level = 0");
                let size = simulation.count("SELECT coalesce(max(size), 0) FROM log_heads");
                assert_eq!((leaves, leaves), (nodes, size), "{failure:?} at call {calls}: all or nothing");
                if calls % 2 == 0 {
                    aibaas_core::tick(&simulation.app).await;
                    assert_eq!(check(simulation).await.0, number as u64);
                }
            }
        }
    }
    aibaas_core::tick(&simulation.app).await;
    assert_eq!(check(simulation).await.0, number as u64);
}

#[tokio::test]
async fn two_sequencers_at_once_give_each_change_one_leaf() {
    let publisher = Publisher::new(2).await;
    let simulation = &publisher.simulation;
    publisher.model("m").await;
    for calls in 0..8 {
        for _ in 0..3 {
            let run = publisher.uploaded("m", 1, 2).await;
            let request = axum::http::Request::post(format!("/api/v1/runs/{run}/publish"));
            assert_eq!(simulation.answer(request, Some(&publisher.key), None).await.status(), 200);
            simulation.die();
        }
        let before = simulation.count("SELECT count(*) FROM log_leaves");
        // The first sequencer stands still at a call, and the second overtakes it.
        simulation.break_after(calls, Failure::Slow);
        let mut both = Box::pin(join(aibaas_core::tick(&simulation.app), aibaas_core::tick(&simulation.app)));
        let ended = (0..100).any(|_| both.as_mut().now_or_never().is_some());
        assert!(ended && !simulation.heal(), "at call {calls}");
        assert_eq!(simulation.count("SELECT count(*) FROM log_leaves"), before + 3, "at call {calls}");
        check(simulation).await;
    }
}

#[tokio::test]
async fn a_backlog_is_bounded_per_round_and_comes_to_an_end() {
    let publisher = Publisher::new(2).await;
    let simulation = &publisher.simulation;
    publisher.model("m").await;
    for _ in 0..30 {
        let run = publisher.uploaded("m", 1, 2).await;
        let request = axum::http::Request::post(format!("/api/v1/runs/{run}/publish"));
        assert_eq!(simulation.answer(request, Some(&publisher.key), None).await.status(), 200);
        simulation.die();
    }
    assert_eq!(simulation.call(Method::GET, "/api/v1/log/head", None, None).await.0, 404);
    aibaas_core::tick(&simulation.app).await;
    let after_one = simulation.count("SELECT count(*) FROM log_leaves");
    assert!((1..30).contains(&after_one), "{after_one} at once");
    aibaas_core::tick(&simulation.app).await;
    assert_eq!(check(simulation).await.0, 30);
    // A head is signed only once.
    let head = get(simulation, "/api/v1/log/head").await;
    simulation.pass_seconds(3600);
    aibaas_core::tick(&simulation.app).await;
    assert_eq!(get(simulation, "/api/v1/log/head").await, head);
}

#[tokio::test]
async fn after_a_change_of_the_secret_the_same_size_is_signed_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("data.db");
    let (old, new) = ("old-secret-".repeat(4), "new-secret-".repeat(4));
    let first = Simulation::in_file(&file, &[("JWT_SECRET", &old), ("ADMIN_EMAILS", "root@example.com")]).await;
    let publisher = Publisher::on(first, 2).await;
    publisher.model("m").await;
    let run = publisher.uploaded("m", 1, 2).await;
    let path = format!("/api/v1/runs/{run}/publish");
    assert_eq!(publisher.simulation.call(Method::POST, &path, Some(&publisher.key), None).await.0, 200);
    let before = check(&publisher.simulation).await;
    let signed = get(&publisher.simulation, "/api/v1/log/head").await;
    drop(publisher);

    let second = Simulation::in_file(&file, &[("JWT_SECRET", &new), ("JWT_SECRET_PREVIOUS", &old)]).await;
    assert_eq!(get(&second, "/api/v1/log/head").await, signed, "its key is still published");
    assert_eq!(check(&second).await, before);
    aibaas_core::tick(&second.app).await;
    let anew = get(&second, "/api/v1/log/head").await;
    assert_ne!(anew["keyId"], signed["keyId"]);
    assert_eq!((&anew["size"], &anew["rootHash"]), (&signed["size"], &signed["rootHash"]));
    drop(second);

    let third = Simulation::in_file(&file, &[("JWT_SECRET", &new)]).await;
    assert_eq!(get(&third, "/api/v1/log/head").await, anew);
    assert_eq!(check(&third).await, before);
}
