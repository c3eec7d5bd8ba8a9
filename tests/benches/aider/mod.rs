//! The Aider leaderboard, as a benchmark publishes it on a host.

use std::process::Command;

use aibaas_tests::{Host, User, tools};
use serde_json::json;

use crate::hosts::{Outcome, binary};

/// The path of its board.
pub const BOARD: &str = "/api/v1/leaderboard?benchmark=aider-polyglot";
/// The same as a page.
pub const PAGE: &str = "/leaderboard?benchmark=aider-polyglot";

/// Publishes it with a key of the person.
pub async fn publish(host: &Host, person: &User) -> Outcome<()> {
    let scopes = ["results:write", "models:write"];
    let key = person.key(json!({ "name": "import", "scopes": scopes, "rateLimit": 100_000 })).await;
    let mut import = Command::new(binary("aibaas-client"));
    import.args(["import", "aider"]).arg(tools::root().join("data/aider/polyglot_leaderboard.yml"));
    import.args(["--url", host.url(), "--api-key", key["key"].as_str().ok_or("no key")?]);
    tools::run(&mut import, "it was built a moment ago")?;
    Ok(())
}
