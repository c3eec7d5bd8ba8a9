//! `spin up --build` for those without `spin`: builds and serves the project's `spin.toml` on 127.0.0.1:3000, with
//! its state in `.spin/` and variables from `SPIN_VARIABLE_…`, until Ctrl-C. `--from` names another folder that has both.
//!
//! `cargo run -p aibaas-spin-host --example spin-up [-- [ADDRESS] [--no-build] [--from FOLDER]]`

use std::{collections::BTreeMap, path::Path, process::Command};

use aibaas_spin_host::{InstanceLimits, Manifest, Options, SpinHost};
use anyhow::{Context as _, Result, ensure};

fn main() -> Result<()> {
    let mut listen = "127.0.0.1:3000".to_owned();
    let mut build = true;
    let mut root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--no-build" => build = false,
            "--from" => root = arguments.next().context("--from needs a folder")?.into(),
            _ => listen = argument,
        }
    }
    let listen = listen.parse().context("usage: spin-up [ADDRESS] [--no-build] [--from FOLDER]")?;
    let root = root.canonicalize()?;
    let manifest = root.join("spin.toml");
    let variables: BTreeMap<_, _> = std::env::vars()
        .filter_map(|(name, value)| Some((name.strip_prefix("SPIN_VARIABLE_")?.to_ascii_lowercase(), value)))
        .collect();

    if build && let Some(command) = Manifest::load(&manifest, &variables)?.build_command {
        println!("{command}");
        let status = Command::new("sh").arg("-c").arg(&command).current_dir(&root).status()?;
        ensure!(status.success(), "the build failed");
    }
    let host = SpinHost::start(Options {
        manifest,
        state_dir: root.join(".spin"),
        listen,
        variables,
        outbound_redirect: None,
        instance_limits: InstanceLimits::default(),
        flushes: true,
    })?;
    host.echo_log();
    println!("Serving http://{}", host.address());
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(tokio::signal::ctrl_c())?;
    drop(host);
    Ok(())
}
