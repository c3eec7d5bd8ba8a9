//! The sources that can be imported, and how their files are read.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Subcommand;

use super::{
    aider, evalperf, every_eval_ever, helm, inputs, inspect, live_code_bench, lm_eval,
    options::{Inputs, Target},
    plan::Plan,
    publish::publish,
    swe_bench, terminal_bench,
};
use crate::error::CliError;

/// What to import.
#[derive(Debug, Subcommand)]
pub enum Source {
    /// Publish leaderboards of Aider: polyglot_leaderboard.yml, edit_leaderboard.yml, refactor_leaderboard.yml.
    Aider {
        #[command(flatten)]
        options: aider::Options,
        #[command(flatten)]
        target: Target,
    },
    /// Publish EvalPerf's results task by task, evalperf_per_task.csv.
    Evalperf {
        #[command(flatten)]
        options: evalperf::Options,
        #[command(flatten)]
        target: Target,
    },
    /// Publish evaluations in the schema of Every Eval Ever, .json, with the samples beside them.
    EveryEvalEver {
        #[command(flatten)]
        options: every_eval_ever::Options,
        #[command(flatten)]
        target: Target,
    },
    /// Publish runs of HELM: directories with run_spec.json and stats.json.
    Helm {
        #[command(flatten)]
        options: helm::Options,
        #[command(flatten)]
        target: Target,
    },
    /// Publish logs of Inspect AI, .json or .eval.
    Inspect {
        #[command(flatten)]
        options: inspect::Options,
        #[command(flatten)]
        target: Target,
    },
    /// Publish LiveCodeBench's performances, performances_….json.
    LiveCodeBench {
        #[command(flatten)]
        options: live_code_bench::Options,
        #[command(flatten)]
        target: Target,
    },
    /// Publish results of lm-evaluation-harness, results_….json, with their samples.
    LmEval {
        #[command(flatten)]
        options: lm_eval::Options,
        #[command(flatten)]
        target: Target,
    },
    /// Publish SWE-bench's leaderboards.json.
    SweBench {
        #[command(flatten)]
        options: swe_bench::Options,
        #[command(flatten)]
        target: Target,
    },
    /// Publish runs of Terminal-Bench: results.json, with run_metadata.json beside it where it was kept.
    TerminalBench {
        #[command(flatten)]
        options: terminal_bench::Options,
        #[command(flatten)]
        target: Target,
    },
}

/// Imports the source. The exit code is 0 where something is published or was there already, 1 where something failed,
/// 3 where all was refused.
///
/// [`CliError`] when a file does not exist or cannot be read.
pub async fn import(source: Source) -> Result<ExitCode, CliError> {
    match source {
        Source::Aider { options, target } => {
            let plan = each(&options.inputs, has_extension(&["yml", "yaml"]), |path, bytes| {
                let document = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
                aider::plan(inputs::name(path), document, &options)
            });
            publish(plan.await?, &target).await
        }
        Source::Evalperf { options, target } => {
            let plan = each(&options.inputs, has_extension(&["csv"]), |_, bytes| evalperf::plan(bytes, &options));
            publish(plan.await?, &target).await
        }
        Source::EveryEvalEver { options, target } => import_every_eval_ever(&options, &target).await,
        Source::Helm { options, target } => import_helm(&options, &target).await,
        Source::Inspect { options, target } => import_inspect(&options, &target).await,
        Source::LiveCodeBench { options, target } => {
            let wanted =
                |path: &Path| inputs::name(path).starts_with("performances_") && has_extension(&["json"])(path);
            let plan =
                each(&options.inputs, wanted, |path, bytes| live_code_bench::plan(inputs::name(path), bytes, &options));
            publish(plan.await?, &target).await
        }
        Source::LmEval { options, target } => import_lm_eval(&options, &target).await,
        Source::SweBench { options, target } => {
            let plan =
                each(&options.inputs, is_named("leaderboards.json"), |_, bytes| swe_bench::plan(bytes, &options));
            publish(plan.await?, &target).await
        }
        Source::TerminalBench { options, target } => import_terminal_bench(&options, &target).await,
    }
}

/// Creates a plan of every file by itself. A file that is not understood is refused, and the others are published.
async fn each(
    given: &Inputs,
    wanted: impl Fn(&Path) -> bool,
    plan: impl Fn(&Path, &[u8]) -> Result<Plan, String>,
) -> Result<Plan, CliError> {
    let files = inputs::files(&given.files, wanted)?;
    let mut whole = Plan::default();
    for file in &files {
        let planned = plan(file, &read(file).await?);
        add(&mut whole, file, files.len() > 1, planned);
    }
    Ok(whole)
}

/// Adds the plan of a file; among several files, the file's name precedes that of each run.
fn add(whole: &mut Plan, file: &Path, is_one_of_several: bool, planned: Result<Plan, String>) {
    match planned {
        Ok(mut plan) => {
            if is_one_of_several {
                for entry in &mut plan.entries {
                    entry.name = format!("{}: {}", file.display(), entry.name);
                }
            }
            whole.add(plan);
        }
        Err(reason) => whole.refuse(file.display().to_string(), reason),
    }
}

fn has_extension(extensions: &'static [&'static str]) -> impl Fn(&Path) -> bool {
    |path| path.extension().and_then(|extension| extension.to_str()).is_some_and(|own| extensions.contains(&own))
}

fn is_named(name: &'static str) -> impl Fn(&Path) -> bool {
    move |path| inputs::name(path) == name
}

async fn import_every_eval_ever(options: &every_eval_ever::Options, target: &Target) -> Result<ExitCode, CliError> {
    let files = inputs::files(&options.inputs.files, has_extension(&["json"]))?;
    let mut whole = Plan::default();
    for file in &files {
        let planned = match every_eval_ever::Document::read(&read(file).await?) {
            Err(reason) => Err(reason),
            Ok(document) => {
                let samples = match document.samples_paths(file).into_iter().find(|path| path.is_file()) {
                    Some(path) => Some(read(&path).await?),
                    None => None,
                };
                every_eval_ever::plan(&document, samples.as_deref(), options)
            }
        };
        add(&mut whole, file, files.len() > 1, planned);
    }
    publish(whole, target).await
}

/// Imports runs of HELM, each named by its directory or its run_spec.json.
async fn import_helm(options: &helm::Options, target: &Target) -> Result<ExitCode, CliError> {
    let files = inputs::files(&options.inputs.files, is_named(helm::SPEC))?;
    let mut whole = Plan::default();
    for file in &files {
        let spec = read(file).await?;
        let planned = match read_beside(file, helm::STATS).await? {
            None => Err(format!("{} is not beside it", helm::STATS)),
            Some(stats) => {
                let instances = read_beside(file, helm::INSTANCES).await?;
                helm::RunFiles::read(&spec, &stats, instances.as_deref()).and_then(|run| helm::plan(&run, options))
            }
        };
        add(&mut whole, file, files.len() > 1, planned);
    }
    publish(whole, target).await
}

/// Imports runs of Terminal-Bench, which are planned together. In a directory, files of single trials are skipped.
async fn import_terminal_bench(options: &terminal_bench::Options, target: &Target) -> Result<ExitCode, CliError> {
    let is_run = |path: &Path| {
        is_named(terminal_bench::RESULTS)(path)
            && (path.with_file_name(terminal_bench::METADATA).is_file() || !terminal_bench::is_of_trial(path))
    };
    let mut runs = Vec::new();
    for file in inputs::files(&options.inputs.files, is_run)? {
        let metadata = read_beside(&file, terminal_bench::METADATA).await?;
        let run = terminal_bench::Recorded::read(&read(&file).await?, metadata.as_deref());
        runs.push((file.display().to_string(), run));
    }
    publish(terminal_bench::plan(runs, options), target).await
}

/// Imports logs of Inspect, which are planned together.
async fn import_inspect(options: &inspect::Options, target: &Target) -> Result<ExitCode, CliError> {
    let mut logs = Vec::new();
    for file in inputs::files(&options.inputs.files, has_extension(&["json", "eval"]))? {
        logs.push((file.display().to_string(), inspect::Log::read(&read(&file).await?, options)));
    }
    publish(inspect::plan(logs, options), target).await
}

async fn import_lm_eval(options: &lm_eval::Options, target: &Target) -> Result<ExitCode, CliError> {
    let files = inputs::files(&options.inputs.files, lm_eval::is_results)?;
    let given =
        if options.samples.is_empty() { Vec::new() } else { inputs::files(&options.samples, lm_eval::is_samples)? };
    let mut whole = Plan::default();
    for file in &files {
        let beside = if given.is_empty() && options.inputs.files.iter().any(|path| path.is_dir()) {
            samples_beside(file)?
        } else {
            given.clone()
        };
        // Of several evaluations, each has the samples of its own date.
        let is_own = |samples: &Path| files.len() == 1 || lm_eval::date(samples) == lm_eval::date(file);
        let mut samples = Vec::new();
        for path in beside.iter().filter(|path| is_own(path)) {
            samples.push((inputs::name(path).to_owned(), read(path).await?));
        }
        let planned = lm_eval::plan(&read(file).await?, &samples, options);
        add(&mut whole, file, files.len() > 1, planned);
    }
    publish(whole, target).await
}

/// Finds the samples in the directory of the results that are of the same date.
fn samples_beside(results: &Path) -> Result<Vec<PathBuf>, CliError> {
    let directory = results.parent().unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(directory).map_err(|error| unreadable(directory, error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let mut paths = paths.map_err(|error| unreadable(directory, error))?;
    paths.retain(|path| lm_eval::is_samples(path) && lm_eval::date(path) == lm_eval::date(results));
    paths.sort();
    Ok(paths)
}

/// Reads the file of this name in the same directory; `None` where there is none.
async fn read_beside(file: &Path, name: &str) -> Result<Option<Vec<u8>>, CliError> {
    let beside = file.with_file_name(name);
    if beside.is_file() { read(&beside).await.map(Some) } else { Ok(None) }
}

/// Reads the file, without a byte order mark that an editor may have added.
async fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    let mut bytes = tokio::fs::read(file).await.map_err(|error| unreadable(file, error))?;
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes.drain(.."\u{feff}".len());
    }
    Ok(bytes)
}

fn unreadable(file: &Path, error: impl Display) -> CliError {
    CliError::usage(format!("cannot read {}: {error}", file.display()))
}
