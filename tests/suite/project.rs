//! What holds for the project itself.

use std::process::Command;

use aibaas_tests::{host::cloudflare, tools};

/// The application names no host: it builds where there is no operating system, and in a component.
pub fn core_builds_for_every_host() -> Result<(), String> {
    for target in ["wasm32-unknown-unknown", "wasm32-wasip2"] {
        tools::rust_target(target)?;
        tools::cargo(&["check", "--quiet", "-p", "aibaas-core", "--target", target])?;
    }
    Ok(())
}

/// `wrangler deploy --dry-run`: the Worker deploys, and wrangler knows every key of its configuration.
pub fn the_worker_deploys() -> Result<(), String> {
    let (node, _) = cloudflare::built()?;
    // It builds the Worker once more, in the same folder.
    let _writing = cloudflare::BUNDLE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let output = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut wrangler = Command::new(node);
    wrangler
        .arg("tests/cloudflare/node_modules/wrangler/bin/wrangler.js")
        .args(["deploy", "--dry-run", "--outdir"])
        .arg(output.path());
    let quiet = [
        ("WRANGLER_SEND_METRICS", "false"),
        ("WRANGLER_SEND_ERROR_REPORTS", "false"),
        ("WRANGLER_HIDE_BANNER", "true"),
        ("CLOUDFLARE_CF_FETCH_ENABLED", "false"),
        ("CI", "1"),
    ];
    let output = wrangler.envs(quiet).current_dir(tools::root()).output().map_err(|error| error.to_string())?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() || said.contains("Unexpected fields") {
        return Err(said);
    }
    let size = said.lines().find(|line| line.contains("Total Upload")).ok_or("no upload size")?;
    println!("{size}");
    Ok(())
}
