//! The peer, as a benchmark builds it.

use std::{path::PathBuf, process::Command};

use aibaas_tests::tools;
use serde_json::Value;

use crate::hosts::Outcome;

/// Builds the peer, and tells where it is.
pub fn built() -> Outcome<PathBuf> {
    let folder = tools::root().join("tests/benches/peers");
    let packages = tools::locked_npm_packages("tests/benches/peers")?;
    let package: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("package.json"))?)?;
    let build = package["scripts"]["build"].as_str().ok_or("no build script")?;
    let mut words = build.split(' ');
    let mut esbuild = Command::new(packages.join(".bin").join(words.next().ok_or("no program")?));
    tools::run(esbuild.args(words).current_dir(&folder), "npm installs it")?;
    Ok(folder.join("build"))
}
