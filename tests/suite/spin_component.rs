//! What the Spin component does with its host, seen on the stand-in, which lets a test look.

use aibaas_spin_host::{Dependency, Fault, InstanceLimits, SpinHost};
use aibaas_tests::{
    User, eventually,
    host::{Host, Setup, spin},
};
use futures_util::future::join_all;
use serde_json::Value;

/// Sessions that are ended at once.
const SESSIONS: usize = 16;

async fn start(
    folder: &tempfile::TempDir,
    requests_at_once: usize,
    more: &[(&'static str, &str)],
) -> Result<(SpinHost, Host), String> {
    let mut variables = Setup::KeepsMail.variables();
    variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let limits = InstanceLimits { requests_at_once, ..InstanceLimits::default() };
    spin::stand_in(folder.path(), variables, limits).await
}

async fn stop(spin: SpinHost) -> Result<(), String> {
    tokio::task::spawn_blocking(|| spin.shutdown()).await.map_err(|error| error.to_string())
}

fn folder() -> Result<tempfile::TempDir, String> {
    tempfile::tempdir().map_err(|error| error.to_string())
}

/// Someone with many sessions, and the paths of those.
async fn with_sessions(host: &Host) -> (User, Vec<String>) {
    let user = User::verified(host).await;
    for _ in 0..SESSIONS {
        user.login_from(&host.client()).await;
    }
    let paths = sessions(&user).await.into_iter().filter(|(_, current)| !current).map(|(path, _)| path).collect();
    (user, paths)
}

/// Live sessions, and whether it is the caller's own.
async fn sessions(user: &User) -> Vec<(String, bool)> {
    let listed = user.api.get("/api/v1/auth/sessions?limit=100").await.expect(200);
    let session = |session: &Value| {
        let id = session["id"].as_str().expect("an id");
        (format!("/api/v1/auth/sessions/{id}"), session["current"] == true)
    };
    listed["data"].as_array().expect("a list").iter().map(session).collect()
}

/// Ends sessions while a write hangs, so that they wait and are written as a group, whose COMMIT meets the fault. Returns
/// for each the status that was answered, and whether the session is still there.
async fn end_together(spin: &SpinHost, host: &Host, fault: Fault) -> Vec<(u16, bool)> {
    let (user, paths) = with_sessions(host).await;
    let other = User::verified(host).await;
    let other_reads = host.client();
    spin.faults().set(Dependency::Database, Fault::HangsToTell, 1);
    let hanging = async { other.api.post("/api/v1/auth/logout").await };
    let met = async || (spin.faults().left() == 0).then_some(());
    let ending = async {
        eventually("a write that hangs", met).await;
        let asking = async {
            let ending = paths.iter().map(|path| user.api.delete(path).into_future());
            join_all(ending).await
        };
        // Once so many reads were answered after them, they have come to wait; any that has not is in a later group.
        let replacing = async {
            for _ in 0..SESSIONS {
                other_reads.get("/health").await.expect(200);
            }
            spin.faults().replace(Dependency::Database, fault, 1);
        };
        tokio::join!(asking, replacing).0
    };
    let (ended, answers) = tokio::join!(hanging, ending);
    ended.expect(204);
    eventually("the fault", met).await;
    spin.faults().heal();
    let left = sessions(&user).await;
    let is_left = |path: &String| left.iter().any(|(one, _)| one == path);
    answers.iter().zip(&paths).map(|(answer, path)| (answer.status.as_u16(), is_left(path))).collect()
}

/// Where a group cannot be committed and nothing of it was, each of its writes has its own chance.
pub async fn a_group_that_is_not_committed_is_written_one_by_one() -> Result<(), String> {
    let folder = folder()?;
    let (spin, host) = start(&folder, 64, &[("RATE_LIMIT_LOGIN", "100000/1")]).await?;
    let round = async || {
        let ended = end_together(&spin, &host, Fault::RefusesToCommit("database or disk is full")).await;
        for (status, is_left) in &ended {
            assert!(matches!((status, is_left), (204, false) | (503, true)), "{ended:?}");
        }
        // A write that was alone has no other chance.
        ended.iter().all(|(status, _)| *status == 204).then_some(())
    };
    eventually("a group that fails", round).await;
    stop(spin).await
}

/// Where nobody knows whether a group was committed, nothing of it is done again: who asked hears that it is not known.
pub async fn what_becomes_of_a_group_is_not_guessed() -> Result<(), String> {
    let folder = folder()?;
    let (spin, host) = start(&folder, 64, &[("RATE_LIMIT_LOGIN", "100000/1")]).await?;
    let round = async || {
        let ended = end_together(&spin, &host, Fault::BreaksOff("connection lost")).await;
        for (status, is_left) in &ended {
            assert!(matches!((status, is_left), (204 | 503, false)), "{ended:?}");
        }
        (ended.iter().filter(|(status, _)| *status == 503).count() > 1).then_some(())
    };
    eventually("a group that breaks off", round).await;
    stop(spin).await
}
