//! An agent with a model, and all runs of it on one dataset.

use std::collections::BTreeMap;

use aibaas_core::{
    domain::{BenchmarkId, VersionName, measure::Metric, strict_json::StrictObject, system::Agent},
    wire::{BenchmarkVersionPut, ResultInput, RunCreate, TaskInput},
};
use serde_json::{Map, Value};

use super::{
    Options,
    document::{Metadata, Recorded, Trial},
};
use crate::import::{
    listing::some_of,
    names::{self, LONGEST_NAME, slug},
    plan::{Benchmark, Evidence, MOST_ATTEMPTS, Model, Submission},
    times::{local_as_utc, utc},
};

/// Properties that runs of the same system share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    dataset: String,
    dataset_version: String,
    pub agent: Agent,
    pub model: String,
}

impl Key {
    /// Determines the properties from a run's files and the options.
    ///
    /// # Errors
    /// A text that names what neither tells.
    pub fn of(metadata: &Metadata, options: &Options) -> Result<Self, String> {
        let agent = options.agent.as_ref().or(metadata.agent_name.as_ref());
        let model = options.model.as_ref().or(metadata.model_name.as_ref());
        let version = || metadata.agent_kwargs.as_ref()?.get("version")?.as_str().map(str::to_owned);
        Ok(Self {
            dataset: metadata.dataset_name.clone().unwrap_or_else(|| "terminal-bench".to_owned()),
            dataset_version: metadata.dataset_version.clone().unwrap_or_else(|| "0".to_owned()),
            agent: Agent {
                name: agent.ok_or("names no agent: give --agent")?.clone(),
                version: options.agent_version.clone().or_else(version),
            },
            model: model.ok_or("names no model: give --model PROVIDER/NAME")?.clone(),
        })
    }
}

/// Creates the benchmark version and the run from a system's runs, and lists what has no place in it.
///
/// # Errors
/// A text that says why it would be wrong to publish them.
pub fn submission(
    key: &Key,
    runs: &[&Recorded],
    options: &Options,
) -> Result<(Benchmark, Submission, Vec<String>), String> {
    let mut unmapped = Vec::new();
    let mut tasks = BTreeMap::<String, Vec<ResultInput>>::new();
    for trial in runs.iter().flat_map(|run| &run.results.results) {
        let task = trial.task_id.trim();
        if !(1..=200).contains(&task.chars().count()) {
            return Err(format!("trial {}: task_id is {task:?}, which makes no task id", trial.trial_name));
        }
        let results = tasks.entry(task.to_owned()).or_default();
        let attempt = u32::try_from(results.len()).unwrap_or(u32::MAX).saturating_add(1);
        results.push(trial.result(attempt));
    }
    let most = tasks.values().map(Vec::len).max().unwrap_or(0);
    let uneven: Vec<_> = tasks.iter().filter(|(_, results)| results.len() < most).map(|(task, _)| task).collect();
    if !uneven.is_empty() {
        return Err(format!("{} have fewer than the {most} attempts of other tasks", some_of(&uneven)));
    }
    let attempts = u32::try_from(most).unwrap_or(u32::MAX).min(MOST_ATTEMPTS);
    if most > attempts.try_into().unwrap_or(usize::MAX) {
        unmapped
            .push(format!("attempts after the tenth: the API takes {MOST_ATTEMPTS} at a task, and there are {most}"));
    }

    let size = runs.iter().filter_map(|run| run.metadata.dataset_size).max().unwrap_or(0);
    let count = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
    let whole = format!("{}-{attempts}-attempts", slug(&key.dataset_version, LONGEST_NAME - 40));
    let (mut version, mut whole_task_count) = (whole.clone(), None);
    if count < size {
        let reason = format!("{count} of {size} tasks were tried");
        if !options.accept_incomplete {
            return Err(format!("{reason}; --accept-incomplete publishes what is there"));
        }
        version = format!("{whole}-{count}-of-{size}");
        unmapped.push(format!("{reason}: what is there stands as version {version}"));
        whole_task_count = Some(size);
    }
    let id = options.benchmark.clone().unwrap_or_else(|| slug(&key.dataset, LONGEST_NAME));
    let version = options.benchmark_version.clone().unwrap_or(version);
    let (id, version) = (BenchmarkId::from(id), VersionName::from(version));
    let body = BenchmarkVersionPut {
        description: Some("Tasks that an agent has to carry out in a terminal, judged by tests.".to_owned()),
        tasks: Some(tasks.keys().map(|id| TaskInput::new(id.as_str())).collect()),
        attempts_per_task: attempts,
        whole_task_count,
        homepage: Some("https://www.tbench.ai".to_owned()),
        ..BenchmarkVersionPut::of_results(key.dataset.as_str(), Metric::PassRate)
    };
    let results = tasks.into_values().flatten().filter(|result| result.attempt <= attempts.into()).collect();
    let unjudged = runs.iter().flat_map(|run| &run.results.results).filter(|trial| trial.is_resolved.is_none()).count();
    if unjudged > 0 {
        unmapped.push(format!("trials without is_resolved: {unjudged}; they count as 0, with status error or timeout"));
    }
    let (told, name) = names::vendor_and_name(&key.model);
    let model = Model::named(options.naming.provider(told, name)?, name)?;
    let run = run(key, runs, (&id, &version), &model, options)?;
    let benchmark = Benchmark { id, version, body };
    Ok((benchmark, Submission { model, run, evidence: Evidence::Results(results) }, unmapped))
}

fn run(
    key: &Key,
    runs: &[&Recorded],
    (id, version): (&BenchmarkId, &VersionName),
    model: &Model,
    options: &Options,
) -> Result<RunCreate, String> {
    let commits: Vec<&str> = runs
        .iter()
        .filter_map(|run| run.metadata.commit_hash.as_deref())
        .filter(|commit| !["", "unknown"].contains(commit))
        .collect();
    let mut config = Map::new();
    if let Some(concurrent) = runs.iter().filter_map(|run| run.metadata.n_concurrent_trials).max() {
        config.insert("concurrentTrials".to_owned(), concurrent.into());
    }
    let mut others: Vec<&str> = commits.clone();
    others.dedup();
    if others.len() > 1 {
        config.insert("commits".to_owned(), others.into_iter().map(Value::from).collect());
    }
    let ends = runs.iter().map(|run| times(run)).collect::<Result<Vec<_>, _>>()?;
    let mut names: Vec<&str> = runs
        .iter()
        .filter_map(|run| run.metadata.uuid.as_ref().or(run.results.id.as_ref()).or(run.metadata.run_id.as_ref()))
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    if names.len() < runs.len() {
        return Err("a run has neither id nor run_id".to_owned());
    }
    let parts = [&["terminal-bench", id.as_str(), version.as_str()], names.as_slice()].concat();
    let harness_version = options.code.harness_version.as_str();
    Ok(RunCreate {
        commit: options.code.commit.clone().or_else(|| commits.first().map(|commit| (*commit).to_owned())),
        generation_config: StrictObject(config),
        started_at: ends.iter().filter_map(|(started, _)| started.clone()).min(),
        completed_at: ends.into_iter().filter_map(|(_, ended)| ended).max(),
        external_id: Some(names::external_id(&parts)),
        agent: Some(key.agent.clone()),
        ..RunCreate::new(model.id(), id.clone(), version.clone(), "terminal-bench", harness_version)
    })
}

/// Returns when a run began and ended: from its metadata, else from its first and its last trial.
fn times(run: &Recorded) -> Result<(Option<String>, Option<String>), String> {
    let time = |text: &String| utc(text).or_else(|_| local_as_utc(text));
    let of = |told: Option<&String>, trials: fn(&Trial) -> Option<&String>| match told {
        Some(told) => time(told).map(|time| vec![time]),
        None => run.results.results.iter().filter_map(trials).map(time).collect(),
    };
    let started = of(run.metadata.start_time.as_ref(), |trial| trial.trial_started_at.as_ref())?;
    let ended = of(run.metadata.end_time.as_ref(), |trial| trial.trial_ended_at.as_ref())?;
    Ok((started.into_iter().min(), ended.into_iter().max()))
}
