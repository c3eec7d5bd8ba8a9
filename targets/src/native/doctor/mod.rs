//! `aibaas doctor`: checks whether a server would run well on this machine, as it is configured, and says what to do
//! where not.

mod clock;
mod configuration;
mod database;
mod finding;
mod listener;
mod mail;
mod outbound;
mod probe;

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{error::CliError, output::print_line, serve};
use finding::{Finding, Status};

/// What is looked at, and how that is told.
// The group of serve's options has this name already.
#[derive(Args, Debug)]
#[group(skip)]
pub struct Options {
    /// Tell what was found as one JSON object.
    #[arg(long)]
    json: bool,
    /// Ask no other machine: neither for mail, nor for lists, nor for the time.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    serve: serve::Options,
}

/// Runs all checks; sends nothing and changes nothing. Returns exit code 1 where something failed.
///
/// # Errors
/// [`CliError`] when the checks cannot run at all.
pub async fn run(options: Options) -> Result<ExitCode, CliError> {
    let directory = &options.serve.data.directory;
    let (config, mut findings) = configuration::check(options.serve.listen);
    let (config, nightly) = config.unzip();
    let outbound = async {
        match config.as_ref().filter(|_| !options.offline) {
            Some(config) => outbound::check(config).await,
            None => outbound::ProbeResults::default(),
        }
    };
    let (of_database, of_listener, of_outbound) =
        tokio::join!(database::check(directory), listener::check(options.serve.listen), outbound);
    findings.extend(of_database);
    findings.extend(nightly.and_then(|nightly| configuration::backups(nightly.as_ref(), config.as_ref()?)));
    findings.push(of_listener);
    if config.is_none() {
        let found = "no other machine was asked: the configuration has to be right first";
        findings.push(Finding::warning("outbound", found, "correct it, and run this again"));
    } else if options.offline {
        findings.push(Finding::warning(
            "outbound",
            "--offline: no other machine was asked",
            "run this again without it",
        ));
    }
    findings.extend(of_outbound.findings);
    findings.push(clock::check(&of_outbound.dates, &database::written_at(directory)));
    report(&findings, options.json);
    let failed = findings.iter().any(|finding| finding.status == Status::Failed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn report(findings: &[Finding], json: bool) {
    let count = |status| findings.iter().filter(|finding| finding.status == status).count();
    let (failed, warnings) = (count(Status::Failed), count(Status::Warning));
    if json {
        let told = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "failed": failed,
            "warnings": warnings,
            "findings": findings.iter().map(Finding::to_json).collect::<Vec<_>>(),
        });
        return print_line(&told.to_string());
    }
    for finding in findings {
        print_line(&finding.to_string());
    }
    print_line(&format!("looked at {} things: {failed} failed, {warnings} warnings", findings.len()));
}
