//! Logs of Inspect AI: one JSON document, or a zip archive (`.eval`) with the same in pieces.
//!
//! A log is one run; its samples are the tasks, its epochs the attempts.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Cursor, Read},
    path::PathBuf,
};

use clap::Args;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value, json};
use zip::{ZipArchive, result::ZipError};

use super::{
    listing::some_of,
    names::{self, LONGEST_NAME, slug},
    options::Provenance,
    plan::{Benchmark, Entry, Evidence, MOST_ATTEMPTS, Model, Plan, Run, Status, Submission, TaskResult},
    python_json::python_json,
    times::utc,
};

/// Which logs, and what of them.
#[derive(Args, Debug)]
pub struct Options {
    /// The logs, .json or .eval.
    #[arg(required = true)]
    pub(super) files: Vec<PathBuf>,
    /// The scorer whose score counts, by default the log's first; NAME.KEY where it gives several values.
    #[arg(long, value_name = "NAME")]
    scorer: Option<String>,
    /// Id of the benchmark, by default the task's name.
    #[arg(long, value_name = "ID")]
    benchmark: Option<String>,
    /// Version of the benchmark, by default the task's.
    #[arg(long, value_name = "VERSION")]
    benchmark_version: Option<String>,
    #[command(flatten)]
    provenance: Provenance,
}

const HEADER: &str = "header.json";
/// What a log has that was never finished.
const START: &str = "_journal/start.json";
const SAMPLES: &str = "samples/";

/// Interfaces that serve the models of others: the vendor is named behind them.
const HOSTS: &[&str] = &[
    "azureai",
    "bedrock",
    "cf",
    "fireworks",
    "groq",
    "hf",
    "llama-cpp-python",
    "ollama",
    "openai-api",
    "openrouter",
    "sagemaker",
    "sambanova",
    "sglang",
    "together",
    "vertex",
    "vllm",
];

/// Members of a generation configuration that say nothing of the model's behaviour, or may hold what is secret.
const PRIVATE_CONFIG: &[&str] = &["extra_headers", "extra_body", "system_message", "max_connections"];

#[derive(Deserialize)]
struct Document {
    #[serde(default = "started")]
    status: String,
    eval: Eval,
    #[serde(default)]
    plan: Solvers,
    #[serde(default)]
    stats: Stats,
    #[serde(default)]
    invalidated: bool,
    #[serde(default)]
    samples: Option<Vec<Sample>>,
}

fn started() -> String {
    "started".to_owned()
}

#[derive(Deserialize)]
struct Eval {
    #[serde(default)]
    eval_id: String,
    #[serde(default)]
    run_id: String,
    created: String,
    task: String,
    #[serde(default)]
    task_id: String,
    #[serde(default)]
    task_version: Value,
    task_display_name: Option<String>,
    #[serde(default)]
    dataset: Dataset,
    model: String,
    #[serde(default)]
    model_generate_config: Map<String, Value>,
    #[serde(default)]
    config: Config,
    revision: Option<Revision>,
    #[serde(default)]
    packages: BTreeMap<String, String>,
    scorers: Option<Vec<Scorer>>,
}

#[derive(Default, Deserialize)]
struct Dataset {
    name: Option<String>,
    samples: Option<usize>,
    sample_ids: Option<Vec<Value>>,
}

#[derive(Default, Deserialize)]
struct Config {
    epochs: Option<u32>,
    epochs_reducer: Option<Vec<String>>,
    message_limit: Option<u64>,
    token_limit: Option<u64>,
    time_limit: Option<u64>,
    working_limit: Option<u64>,
}

#[derive(Deserialize)]
struct Revision {
    commit: String,
    dirty: Option<bool>,
}

#[derive(Deserialize)]
struct Scorer {
    name: String,
}

#[derive(Default, Deserialize)]
struct Solvers {
    #[serde(default)]
    steps: Vec<Step>,
    #[serde(default)]
    config: Map<String, Value>,
}

#[derive(Deserialize)]
struct Step {
    solver: String,
}

#[derive(Default, Deserialize)]
struct Stats {
    started_at: Option<String>,
    completed_at: Option<String>,
}

#[derive(Deserialize)]
struct Sample {
    id: Value,
    epoch: u32,
    #[serde(default)]
    scores: Option<Map<String, Value>>,
    #[serde(default)]
    model_usage: BTreeMap<String, Usage>,
    working_time: Option<f64>,
    total_time: Option<f64>,
    error: Option<IgnoredAny>,
    limit: Option<Limit>,
    invalidation: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    input_tokens_cache_write: Option<u64>,
    input_tokens_cache_read: Option<u64>,
    total_cost: Option<f64>,
}

#[derive(Deserialize)]
struct Limit {
    #[serde(rename = "type")]
    kind: String,
}

/// One log, as far as it can be understood without the others.
#[derive(Debug)]
pub(super) struct Log {
    id: String,
    version: String,
    title: String,
    description: String,
    tasks: Vec<String>,
    attempts: u32,
    model: Model,
    run: Run,
    results: Vec<TaskResult>,
    unmapped: Vec<String>,
}

impl Log {
    /// Reads a log of either kind.
    ///
    /// # Errors
    /// Why it would be wrong to publish it, or what of it is not understood.
    pub fn read(bytes: &[u8], options: &Options) -> Result<Self, String> {
        let document = if bytes.starts_with(b"PK\x03\x04") { from_archive(bytes)? } else { python_json(bytes)? };
        document.into_log(options)
    }
}

/// Pieces of the archive; where a name stands twice, the later one counts, as for Inspect itself.
fn from_archive(bytes: &[u8]) -> Result<Document, String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
    let names = archive.file_names().map(|name| name.map(|name| name.into_owned())).collect::<Result<BTreeSet<_>, _>>();
    let names = names.map_err(|error| error.to_string())?;
    let header = if names.contains(HEADER) { HEADER } else { START };
    let mut document: Document =
        python_json(&piece(&mut archive, header)?).map_err(|error| format!("{header}: {error}"))?;
    let mut samples = Vec::new();
    for name in names.iter().filter(|name| name.starts_with(SAMPLES) && name.ends_with(".json")) {
        samples.push(python_json(&piece(&mut archive, name)?).map_err(|error| format!("{name}: {error}"))?);
    }
    document.samples = Some(samples);
    Ok(document)
}

fn piece(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Result<Vec<u8>, String> {
    let mut file = archive.by_name(name).map_err(|error| match error {
        ZipError::FileNotFound => format!("{name} is missing: this is no log of Inspect"),
        error => format!("{name}: {error}"),
    })?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|error| format!("{name}: {error}"))?;
    Ok(bytes)
}

impl Document {
    fn into_log(self, options: &Options) -> Result<Log, String> {
        let Self { status, eval, plan, stats, invalidated, samples } = self;
        let samples = samples.unwrap_or_default();
        if invalidated || samples.iter().any(|sample| sample.invalidation.is_some()) {
            return Err("the log was invalidated".to_owned());
        }
        if samples.is_empty() {
            return Err(format!("status is {status}, and no sample is there"));
        }
        let coverage = Coverage::of(&samples, &eval)?;
        let incomplete = coverage.lacks(&status);
        if let Some(reason) = &incomplete
            && !options.provenance.accept_incomplete
        {
            return Err(format!("{reason}; --accept-incomplete publishes what is there"));
        }
        if coverage.tasks.is_empty() {
            return Err("no sample has all its epochs".to_owned());
        }
        let scorer = ScorerName::of(options.scorer.as_deref(), &eval, &samples)?;
        let version = match &eval.task_version {
            Value::String(version) => version.clone(),
            Value::Null => "0".to_owned(),
            version => version.to_string(),
        };
        let mut version = options.benchmark_version.clone().unwrap_or_else(|| slug(&version, LONGEST_NAME));
        if incomplete.is_some() && options.benchmark_version.is_none() {
            version = format!("{version}-{}-of-{}", coverage.tasks.len(), coverage.whole);
        }
        let id = options.benchmark.clone().unwrap_or_else(|| slug(&eval.task, LONGEST_NAME));
        let mut unmapped = vec![
            "input, target, output, messages, events, store and metadata of samples: a result has no place for them"
                .to_owned(),
            "model_args, task_args and solver parameters: not published, since they may hold what is private"
                .to_owned(),
        ];
        if let Some(reason) = incomplete {
            unmapped.push(format!("{reason}: what is there stands as version {version}"));
        }
        let results = results(&samples, &coverage, &scorer, &eval.model, &mut unmapped)?;
        if let Some(epochs) = eval.config.epochs.filter(|epochs| *epochs > MOST_ATTEMPTS) {
            let first = MOST_ATTEMPTS.saturating_add(1);
            unmapped.push(format!("epochs {first} to {epochs}: the API takes {MOST_ATTEMPTS} attempts at a task"));
        }
        let reducers = eval.config.epochs_reducer.iter().flatten().filter(|reducer| *reducer != "mean");
        let reducers: Vec<_> = reducers.map(String::as_str).collect();
        if coverage.epochs > 1 && !reducers.is_empty() {
            unmapped.push(format!("epochs_reducer {}: a task's score is the mean of its attempts", some_of(&reducers)));
        }
        let model = model(&eval.model)?;
        let run = run(&eval, &plan, &stats, &scorer, [&id, &version], &model, &options.provenance)?;
        let dataset = eval.dataset.name.as_deref().unwrap_or("without a name");
        Ok(Log {
            description: format!("Task {} of Inspect AI, data set {dataset}, scored by {}.", eval.task, scorer.shown),
            title: eval.task_display_name.unwrap_or(eval.task),
            id,
            version,
            tasks: coverage.tasks.into_iter().map(TaskId::into_text).collect(),
            attempts: coverage.epochs.min(MOST_ATTEMPTS),
            model,
            run,
            results,
            unmapped,
        })
    }
}

/// Ids as Inspect has them: numbers by size, then texts. The order in a log may be that of completion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum TaskId {
    Number(i64),
    Text(String),
}

impl TaskId {
    fn of(value: &Value) -> Result<Self, String> {
        match value {
            Value::Number(number) if number.is_i64() => Ok(Self::Number(number.as_i64().unwrap_or_default())),
            Value::String(text) if (1..=200).contains(&text.trim().chars().count()) => {
                Ok(Self::Text(text.trim().to_owned()))
            }
            other => Err(format!("the sample id {other} makes no task id: 1 to 200 characters or a number")),
        }
    }

    fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// What of the data set a log has.
struct Coverage {
    /// Those with all epochs, in order.
    tasks: BTreeSet<TaskId>,
    /// Those without some epoch.
    partial: Vec<String>,
    /// Ids that the log promised.
    absent: Vec<String>,
    epochs: u32,
    /// Samples of the data set.
    whole: usize,
}

impl Coverage {
    fn of(samples: &[Sample], eval: &Eval) -> Result<Self, String> {
        let epochs = eval.config.epochs.unwrap_or(1).max(1);
        let mut seen = BTreeMap::<TaskId, BTreeSet<u32>>::new();
        let mut texts = BTreeSet::new();
        for sample in samples {
            let id = TaskId::of(&sample.id)?;
            if !(1..=epochs).contains(&sample.epoch) {
                return Err(format!("sample {} has epoch {} of {epochs}", id.into_text(), sample.epoch));
            }
            if !texts.insert((id.clone().into_text(), sample.epoch)) {
                return Err(format!("sample {} stands twice in epoch {}", id.into_text(), sample.epoch));
            }
            seen.entry(id).or_default().insert(sample.epoch);
        }
        let promised = eval.dataset.sample_ids.iter().flatten().filter_map(|id| TaskId::of(id).ok());
        let absent: Vec<_> = promised.filter(|id| !seen.contains_key(id)).map(TaskId::into_text).collect();
        let whole = eval.dataset.samples.unwrap_or(0).max(seen.len().saturating_add(absent.len()));
        let required = usize::try_from(epochs).unwrap_or(usize::MAX);
        let (mut tasks, mut partial) = (BTreeSet::new(), Vec::new());
        for (id, epochs) in seen {
            if epochs.len() == required {
                tasks.insert(id);
            } else {
                partial.push(id.into_text());
            }
        }
        Ok(Self { tasks, partial, absent, epochs, whole })
    }

    /// Why the log is not the whole evaluation.
    fn lacks(&self, status: &str) -> Option<String> {
        let mut lacks = Vec::new();
        if status != "success" {
            lacks.push(format!("status is {status}"));
        }
        if self.tasks.len() < self.whole {
            lacks.push(format!("{} of {} samples are there", self.tasks.len(), self.whole));
        }
        if !self.absent.is_empty() {
            lacks.push(format!("missing are {}", some_of(&self.absent)));
        }
        if !self.partial.is_empty() {
            lacks.push(format!("without all {} epochs are {}", self.epochs, some_of(&self.partial)));
        }
        (!lacks.is_empty()).then(|| lacks.join(", "))
    }
}

/// Which of a sample's scores counts.
struct ScorerName {
    name: String,
    /// The member, where the score has several values.
    key: Option<String>,
    shown: String,
}

impl ScorerName {
    fn of(asked: Option<&str>, eval: &Eval, samples: &[Sample]) -> Result<Self, String> {
        let mut scored = Vec::<&str>::new();
        for name in samples.iter().filter_map(|sample| sample.scores.as_ref()).flat_map(|scores| scores.keys()) {
            if !scored.contains(&name.as_str()) {
                scored.push(name);
            }
        }
        let Some(asked) = asked else {
            let declared = eval.scorers.iter().flatten().map(|scorer| scorer.name.as_str());
            let first = declared.into_iter().find(|name| scored.contains(name)).or(scored.first().copied());
            let name = first.ok_or("no sample has a score")?.to_owned();
            return Ok(Self { shown: name.clone(), key: None, name });
        };
        let (name, key) = match asked.rsplit_once('.') {
            _ if scored.contains(&asked) => (asked, None),
            Some((name, key)) if scored.contains(&name) => (name, Some(key.to_owned())),
            _ => return Err(format!("no sample has a score by {asked}; there are {}", some_of(&scored))),
        };
        Ok(Self { name: name.to_owned(), key, shown: asked.to_owned() })
    }

    /// The score; none where there is none, or NaN, by which Inspect says that nobody could tell.
    fn score(&self, sample: &Sample) -> Result<Option<f64>, String> {
        let value = sample.scores.as_ref().and_then(|scores| scores.get(&self.name)?.get("value"));
        let value = match (value, &self.key) {
            (Some(Value::Object(members)), Some(key)) => members.get(key),
            (value, _) => value,
        };
        let score = match value {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Bool(passed)) => f64::from(u8::from(*passed)),
            Some(Value::Number(number)) => number.as_f64().unwrap_or(f64::NAN),
            Some(Value::String(text)) => grade(text).ok_or_else(|| format!("the score {text:?} is no number"))?,
            Some(Value::Object(members)) => {
                let keys: Vec<_> = members.keys().collect();
                return Err(format!("{} gives several values: name one of {}", self.name, some_of(&keys)));
            }
            Some(Value::Array(_)) => return Err(format!("{} gives a list of values", self.name)),
        };
        let possible = (0.0..=1.0).contains(&score);
        if possible { Ok(Some(score)) } else { Err(format!("the score {score} is not between 0 and 1")) }
    }
}

/// Inspect's own reading of texts: correct, partial, incorrect, no answer; yes and no; numbers.
fn grade(text: &str) -> Option<f64> {
    match text {
        "C" => return Some(1.0),
        "P" => return Some(0.5),
        "I" | "N" => return Some(0.0),
        _ => {}
    }
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" => Some(1.0),
        "no" | "false" => Some(0.0),
        number => number.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// A result for each attempt at the tasks that are covered.
fn results(
    samples: &[Sample],
    coverage: &Coverage,
    scorer: &ScorerName,
    model: &str,
    unmapped: &mut Vec<String>,
) -> Result<Vec<TaskResult>, String> {
    let mut results = BTreeMap::new();
    let (mut broken, mut unscored) = (0_usize, 0_usize);
    let mut others = BTreeSet::new();
    for sample in samples.iter().filter(|sample| sample.epoch <= MOST_ATTEMPTS) {
        let id = TaskId::of(&sample.id)?;
        if !coverage.tasks.contains(&id) {
            continue;
        }
        let task = id.clone().into_text();
        let score = scorer.score(sample).map_err(|reason| format!("sample {task}: {reason}"))?;
        let timed = |limit: &Limit| ["time", "working"].contains(&limit.kind.as_str());
        let status = match score {
            None if sample.error.is_some() => {
                broken = broken.saturating_add(1);
                Status::Error
            }
            None => {
                unscored = unscored.saturating_add(1);
                Status::Error
            }
            Some(0.0) if sample.error.is_some() => Status::Error,
            Some(0.0) if sample.limit.as_ref().is_some_and(timed) => Status::Timeout,
            Some(score) => Status::of(score),
        };
        let usage = sample.model_usage.get(model);
        others.extend(sample.model_usage.keys().filter(|name| *name != model).map(String::as_str));
        let seconds = sample.working_time.or(sample.total_time).filter(|seconds| *seconds >= 0.0);
        let input = |usage: &Usage| {
            let cached = [usage.input_tokens_cache_read, usage.input_tokens_cache_write];
            cached.into_iter().flatten().fold(usage.input_tokens, u64::saturating_add)
        };
        let result = TaskResult {
            status,
            latency_ms: seconds.map(|seconds| (seconds * 1000.0).round()),
            input_tokens: usage.map(input),
            output_tokens: usage.map(|usage| usage.output_tokens),
            cost_usd: usage.and_then(|usage| usage.total_cost).filter(|cost| *cost >= 0.0),
            ..TaskResult::scored(task, sample.epoch, score.unwrap_or(0.0))
        };
        results.insert((id, sample.epoch), result);
    }
    let names: BTreeSet<_> =
        samples.iter().filter_map(|sample| sample.scores.as_ref()).flat_map(|scores| scores.keys()).collect();
    let names: Vec<_> = names.into_iter().filter(|name| **name != scorer.name).collect();
    if !names.is_empty() {
        unmapped.push(format!("scores by {}: {} counts", some_of(&names), scorer.shown));
    }
    if broken > 0 {
        unmapped.push(format!("attempts that broke: {broken}; they count as 0, Inspect leaves them out of its mean"));
    }
    if unscored > 0 {
        unmapped.push(format!("attempts without a score, or NaN: {unscored}; they count as 0 with status error, Inspect leaves them out of its mean"));
    }
    if !others.is_empty() {
        let others: Vec<_> = others.into_iter().collect();
        unmapped.push(format!("tokens of {}: a result has those of the evaluated model", some_of(&others)));
    }
    if unscored.saturating_add(broken) == results.len() {
        return Err(format!("no attempt has a score by {}", scorer.shown));
    }
    Ok(results.into_values().collect())
}

/// `openai/gpt-4o` is that vendor's; of `hf/meta-llama/Llama-3.1-8B` and `openai/azure/gpt-4o` the last part is the
/// name, and the vendor is the part before it where the first one serves everybody's models, else the first.
fn model(text: &str) -> Result<Model, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let display_name = parts.last().copied().unwrap_or(text).to_owned();
    let provider = match parts.as_slice() {
        [host, rest @ ..] if HOSTS.contains(host) => match rest {
            [.., vendor, _] => names::vendor(vendor),
            _ => names::family(&display_name).map(str::to_owned).or_else(|| names::vendor(host)),
        },
        [vendor, _, ..] => names::vendor(vendor),
        _ => names::family(&display_name).map(str::to_owned),
    };
    let name = slug(&display_name, LONGEST_NAME);
    if name.is_empty() {
        return Err(format!("model is {text:?}, which makes no identifier"));
    }
    Ok(Model { provider: provider.unwrap_or_else(|| names::UNKNOWN.to_owned()), name, display_name })
}

fn run(
    eval: &Eval,
    plan: &Solvers,
    stats: &Stats,
    scorer: &ScorerName,
    [id, version]: [&String; 2],
    model: &Model,
    provenance: &Provenance,
) -> Result<Run, String> {
    let commit = provenance.commit.clone().or_else(|| eval.revision.as_ref().map(|revision| revision.commit.clone()));
    let commit = commit.ok_or("the log tells no revision: give --commit")?;
    let harness_version = eval.packages.get("inspect_ai").ok_or("packages.inspect_ai is missing")?.clone();
    let time = |text: &Option<String>| {
        let text = text.as_deref().filter(|text| !text.is_empty());
        text.map(utc).transpose()
    };
    let started_at = time(&stats.started_at)?;
    let started_at = started_at.map_or_else(|| utc(&eval.created), Ok)?;
    let mut config = eval.model_generate_config.clone();
    config.extend(plan.config.clone());
    config.retain(|name, value| !value.is_null() && !PRIVATE_CONFIG.contains(&name.as_str()));
    let limits = [
        ("message_limit", eval.config.message_limit),
        ("token_limit", eval.config.token_limit),
        ("time_limit", eval.config.time_limit),
        ("working_limit", eval.config.working_limit),
    ];
    for (name, limit) in limits {
        if let Some(limit) = limit {
            config.insert(name.to_owned(), limit.into());
        }
    }
    let solvers: Vec<&str> = plan.steps.iter().map(|step| step.solver.as_str()).collect();
    if !solvers.is_empty() {
        config.insert("solvers".to_owned(), solvers.into());
    }
    let eval_id = match eval.eval_id.as_str() {
        "" => names::external_id(&[&eval.run_id, &eval.task_id, &eval.created]),
        eval_id => eval_id.to_owned(),
    };
    Ok(Run {
        model: format!("{}/{}", model.provider, model.name),
        benchmark: id.clone(),
        version: version.clone(),
        harness: "inspect_ai".to_owned(),
        harness_version,
        commit,
        dirty: eval.revision.as_ref().and_then(|revision| revision.dirty).unwrap_or(false),
        generation_config: config,
        evaluator_relationship: provenance.evaluator,
        started_at: Some(started_at),
        completed_at: time(&stats.completed_at)?,
        external_id: names::external_id(&["inspect", id, version, &scorer.shown, &eval_id]),
        ..Run::default()
    })
}

/// What the logs come to. Of one benchmark version all must have the same tasks; its metric is the rate of passes
/// where every score in all of them is 0 or 1.
pub(super) fn plan(logs: Vec<(String, Result<Log, String>)>, options: &Options) -> Plan {
    let mut plan = Plan::default();
    let mut definitions = BTreeMap::<(String, String), Definition>::new();
    for log in logs.iter().filter_map(|(_, log)| log.as_ref().ok()) {
        let definition = definitions
            .entry((log.id.clone(), log.version.clone()))
            .or_insert_with(|| Definition { body: log.body(), graded: options.provenance.graded });
        definition.graded |= log.results.iter().any(|result| result.score != 0.0 && result.score != 1.0);
    }
    let mut unmapped = Vec::<(String, Vec<String>)>::new();
    for (file, log) in logs {
        let submission = log.and_then(|log| {
            let definition = definitions.get(&(log.id.clone(), log.version.clone()));
            if definition.is_some_and(|definition| definition.body != log.body()) {
                let Log { id, version, .. } = log;
                return Err(format!(
                    "its tasks, epochs, data set or scorer are not those of the first log of {id}, version {version}"
                ));
            }
            for reason in log.unmapped {
                match unmapped.iter_mut().find(|(other, _)| *other == reason) {
                    Some((_, files)) => files.push(file.clone()),
                    None => unmapped.push((reason, vec![file.clone()])),
                }
            }
            Ok(Submission { model: log.model, run: log.run, evidence: Evidence::Results(log.results) })
        });
        plan.entries.push(Entry { name: file, submission });
    }
    let sound = plan.entries.iter().filter(|entry| entry.submission.is_ok()).count();
    let of_files = |(reason, files): (String, Vec<String>)| {
        if files.len() == sound { reason } else { format!("{reason} ({})", some_of(&files)) }
    };
    plan.unmapped = unmapped.into_iter().map(of_files).collect();
    for ((id, version), Definition { mut body, graded }) in definitions {
        if let Value::Object(members) = &mut body {
            members.insert("metric".to_owned(), if graded { "score" } else { "pass_rate" }.into());
        }
        plan.benchmarks.push(Benchmark { id, version, body });
    }
    plan
}

struct Definition {
    body: Value,
    /// Whether scores other than 0 and 1 are possible.
    graded: bool,
}

impl Log {
    /// The benchmark version, but for its metric.
    fn body(&self) -> Value {
        let tasks = self.tasks.iter().map(|task| json!({"id": task}));
        json!({
            "title": self.title,
            "description": self.description,
            "tasks": tasks.collect::<Vec<_>>(),
            "attemptsPerTask": self.attempts,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clap::Parser;
    use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

    use super::*;

    const LOG: &str = include_str!("../../../../data/inspect/inspect_popularity.json");

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn options(arguments: &[&str]) -> Options {
        Command::parse_from([&["", "a.json"], arguments].concat()).options
    }

    /// The plan of one log.
    fn read(log: &[u8], arguments: &[&str]) -> Plan {
        let options = options(arguments);
        plan(vec![("a.json".to_owned(), Log::read(log, &options))], &options)
    }

    fn refusal(log: &Value, arguments: &[&str]) -> String {
        read(log.to_string().as_bytes(), arguments).entries.remove(0).submission.unwrap_err()
    }

    fn sound(plan: &Plan) -> (&Run, &[TaskResult]) {
        let submission = plan.entries[0].submission.as_ref().unwrap();
        match &submission.evidence {
            Evidence::Results(results) => (&submission.run, results),
            Evidence::Counts(_) => panic!("no results"),
        }
    }

    /// A log that was finished: two samples, two epochs.
    fn finished() -> Value {
        let sample = |id: i64, epoch: u32, value: Value| json!({"id": id, "epoch": epoch, "scores": {"match": {"value": value}, "other": {"value": 7}}});
        json!({
            "version": 2, "status": "success",
            "eval": {
                "eval_id": "e", "created": "2025-01-01T00:00:00Z", "task": "pkg/My Task", "task_version": "1-A",
                "dataset": {"name": "d", "samples": 2, "sample_ids": [10, 9]}, "model": "hf/meta-llama/Llama-3.1-8B",
                "config": {"epochs": 2, "epochs_reducer": ["mean"]}, "packages": {"inspect_ai": "0.3"},
                "revision": {"type": "git", "origin": "o", "commit": "abc", "dirty": true},
                "scorers": [{"name": "match"}],
            },
            "plan": {"steps": [{"solver": "generate"}], "config": {"temperature": 0.5, "top_p": null, "extra_headers": {"x": "y"}}},
            "samples": [sample(10, 1, json!("C")), sample(10, 2, json!("I")), sample(9, 1, json!("P")), sample(9, 2, json!(true))],
        })
    }

    fn archive(log: &Value, method: CompressionMethod) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(method);
        let mut header = log.clone();
        let samples = header.as_object_mut().unwrap().remove("samples").unwrap();
        let mut add = |name: &str, value: &Value| {
            zip.start_file(name, options).unwrap();
            zip.write_all(value.to_string().as_bytes()).unwrap();
        };
        add(START, &json!({"version": 2, "eval": header["eval"], "plan": header["plan"]}));
        for sample in samples.as_array().unwrap() {
            add(&format!("samples/{}_epoch_{}.json", sample["id"], sample["epoch"]), sample);
        }
        add("summaries.json", &json!([]));
        if header["status"] != "started" {
            add(HEADER, &header);
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn the_real_log_is_refused_unless_its_gaps_are_accepted() {
        let refused = read(LOG.as_bytes(), &[]);
        assert!(refused.benchmarks.is_empty());
        assert_eq!(
            refused.entries[0].submission.as_ref().unwrap_err(),
            "status is cancelled, 3 of 100 samples are there; --accept-incomplete publishes what is there"
        );

        let plan = read(LOG.as_bytes(), &["--accept-incomplete"]);
        let (run, results) = sound(&plan);
        assert_eq!(
            serde_json::to_value(run).unwrap(),
            json!({
                "model": "openai/gpt-4o-mini", "benchmark": "popularity", "version": "0-3-of-100",
                "harness": "inspect_ai", "harnessVersion": "0.3.95.dev16+g6527d0861", "commit": "e9a9d7161",
                "dirty": false, "generationConfig": {"solvers": ["system_message", "generate"]},
                "evaluatorRelationship": "third_party", "startedAt": "2025-05-13T00:28:13.000Z",
                "completedAt": "2025-05-13T00:28:15.000Z",
                "externalId": "inspect/popularity/0-3-of-100/match/VnKtvCqGnnegLQ7qSBFDzx",
            })
        );
        assert_eq!(
            serde_json::to_value(results).unwrap(),
            json!([
                {"task": "1", "attempt": 1, "status": "success", "score": 1.0, "latencyMs": 546.0, "inputTokens": 64, "outputTokens": 2},
                {"task": "2", "attempt": 1, "status": "success", "score": 1.0, "latencyMs": 1659.0, "inputTokens": 58, "outputTokens": 2},
                {"task": "3", "attempt": 1, "status": "failed", "score": 0.0, "latencyMs": 528.0, "inputTokens": 70, "outputTokens": 2},
            ])
        );
        assert_eq!(plan.benchmarks[0].body["metric"], "pass_rate");
        assert_eq!(plan.benchmarks[0].body["tasks"], json!([{"id": "1"}, {"id": "2"}, {"id": "3"}]));
        let said = "status is cancelled, 3 of 100 samples are there: what is there stands as version 0-3-of-100";
        assert!(plan.unmapped.iter().any(|line| line == said), "{:?}", plan.unmapped);
    }

    #[test]
    fn archives_are_read_as_documents_are() {
        let plain = read(finished().to_string().as_bytes(), &[]);
        let (run, results) = sound(&plain);
        assert_eq!((run.model.as_str(), run.benchmark.as_str()), ("meta/llama-3.1-8b", "pkg-my-task"));
        assert_eq!((run.version.as_str(), run.dirty), ("1-a", true));
        assert_eq!(json!(run.generation_config), json!({"temperature": 0.5, "solvers": ["generate"]}));
        let scores: Vec<_> = results.iter().map(|r| (r.task.as_str(), r.attempt, r.score)).collect();
        assert_eq!(scores, [("9", 1, 0.5), ("9", 2, 1.0), ("10", 1, 1.0), ("10", 2, 0.0)]);
        assert_eq!(plain.benchmarks[0].body["metric"], "score");
        assert_eq!(plain.benchmarks[0].body["attemptsPerTask"], 2);
        assert!(plain.unmapped.iter().any(|line| line == "scores by other: match counts"));

        for method in [CompressionMethod::Deflated, CompressionMethod::Zstd, CompressionMethod::Stored] {
            let plan = read(&archive(&finished(), method), &[]);
            assert_eq!(sound(&plan).1, results);
        }
        // A log that never came to its end has no header.
        let mut log = finished();
        log["status"] = json!("started");
        let zip = archive(&log, CompressionMethod::Zstd);
        let reason = read(&zip, &[]).entries.remove(0).submission.unwrap_err();
        assert!(reason.starts_with("status is started;"), "{reason}");
        assert!(read(&zip, &["--accept-incomplete"]).entries[0].submission.is_ok());
        let other = ZipWriter::new(Cursor::new(Vec::new())).finish().unwrap().into_inner();
        assert!(Log::read(&other, &options(&[])).is_err());
    }

    #[test]
    fn what_inspect_leaves_out_counts_as_nothing_and_is_told() {
        let mut log = finished();
        log["samples"][0]["scores"]["match"]["value"] = json!("NAN");
        log["samples"][1] = json!({"id": 10, "epoch": 2, "error": {"message": "m"}});
        log["samples"][2]["scores"]["match"]["value"] = json!(0);
        log["samples"][2]["limit"] = json!({"type": "time", "limit": 5.0});
        // As Python writes it.
        let log = log.to_string().replace("\"NAN\"", "NaN");
        let plan = read(log.as_bytes(), &[]);
        let statuses: Vec<_> = sound(&plan).1.iter().map(|result| (result.status, result.score)).collect();
        assert_eq!(
            statuses,
            [(Status::Timeout, 0.0), (Status::Success, 1.0), (Status::Error, 0.0), (Status::Error, 0.0)]
        );
        let said = plan.unmapped.join("\n");
        assert!(
            said.contains("attempts that broke: 1;") && said.contains("attempts without a score, or NaN: 1;"),
            "{said}"
        );
        assert_eq!(plan.benchmarks[0].body["metric"], "pass_rate");
        assert_eq!(read(log.as_bytes(), &["--graded"]).benchmarks[0].body["metric"], "score");
    }

    #[test]
    fn what_is_wrong_is_said() {
        type Spoil = fn(&mut Value);
        let cases: [(Spoil, &str); 10] = [
            (
                |log| log["samples"][0]["scores"]["match"]["value"] = json!("?"),
                "sample 10: the score \"?\" is no number",
            ),
            (
                |log| log["samples"][0]["scores"]["match"]["value"] = json!(2),
                "sample 10: the score 2 is not between 0 and 1",
            ),
            (
                |log| log["samples"][0]["scores"]["match"]["value"] = json!([1]),
                "sample 10: match gives a list of values",
            ),
            (|log| log["samples"][0]["epoch"] = json!(2), "sample 10 stands twice in epoch 2"),
            (|log| log["samples"][0]["epoch"] = json!(3), "sample 10 has epoch 3 of 2"),
            (|log| log["eval"]["revision"] = Value::Null, "the log tells no revision: give --commit"),
            (|log| log["eval"]["packages"] = json!({}), "packages.inspect_ai is missing"),
            (|log| log["invalidated"] = json!(true), "the log was invalidated"),
            (|log| log["samples"] = json!([]), "status is success, and no sample is there"),
            (
                |log| log["eval"]["dataset"]["sample_ids"] = json!([9, 10, 11]),
                "2 of 3 samples are there, missing are 11; --accept-incomplete publishes what is there",
            ),
        ];
        for (spoil, reason) in cases {
            let mut log = finished();
            spoil(&mut log);
            assert_eq!(refusal(&log, &[]), reason);
        }
        let mut log = finished();
        log["samples"].as_array_mut().unwrap().pop();
        assert_eq!(
            refusal(&log, &[]),
            "1 of 2 samples are there, without all 2 epochs are 9; --accept-incomplete publishes what is there"
        );
        let partial = read(log.to_string().as_bytes(), &["--accept-incomplete"]);
        assert_eq!(sound(&partial).1.len(), 2);
        assert_eq!(
            refusal(&log, &["--scorer", "third", "--accept-incomplete"]),
            "no sample has a score by third; there are match, other"
        );
        assert!(refusal(&finished(), &["--scorer", "other"]).contains("the score 7 is not between 0 and 1"));
        assert!(Log::read(b"{}", &options(&[])).is_err());
    }

    #[test]
    fn one_value_of_several_can_be_named() {
        let mut log = finished();
        for sample in log["samples"].as_array_mut().unwrap() {
            sample["scores"]["match"]["value"] = json!({"f1": 0.25, "em": "C"});
        }
        assert_eq!(refusal(&log, &[]), "sample 10: match gives several values: name one of f1, em");
        let plan = read(log.to_string().as_bytes(), &["--scorer", "match.f1"]);
        assert!(sound(&plan).1.iter().all(|result| result.score == 0.25));
    }

    #[test]
    fn attempts_beyond_the_tenth_are_left_out() {
        let mut log = finished();
        log["eval"]["config"]["epochs"] = json!(11);
        let samples = (1..=11)
            .flat_map(|epoch| [9, 10].map(|id| json!({"id": id, "epoch": epoch, "scores": {"match": {"value": "C"}}})));
        log["samples"] = samples.collect();
        let plan = read(log.to_string().as_bytes(), &[]);
        assert_eq!(sound(&plan).1.len(), 20);
        assert_eq!(plan.benchmarks[0].body["attemptsPerTask"], 10);
        assert!(plan.unmapped.iter().any(|line| line.starts_with("epochs 11 to 11:")), "{:?}", plan.unmapped);
    }

    #[test]
    fn logs_of_one_benchmark_have_one_definition() {
        let options = options(&[]);
        let log = |model: &str, dataset: &str| {
            let mut log = finished();
            log["eval"]["model"] = json!(model);
            log["eval"]["dataset"]["name"] = json!(dataset);
            (model.to_owned(), Log::read(log.to_string().as_bytes(), &options))
        };
        let broken = ("c".to_owned(), Log::read(b"", &options));
        let plan = plan(vec![log("a/b", "d"), log("b/b", "d"), broken, log("d/b", "other")], &options);
        assert_eq!(plan.benchmarks.len(), 1);
        assert_eq!(
            plan.entries.iter().map(|entry| entry.submission.is_ok()).collect::<Vec<_>>(),
            [true, true, false, false]
        );
        assert!(plan.unmapped.iter().all(|line| !line.ends_with(')')), "of both logs: {:?}", plan.unmapped);
    }

    #[test]
    fn vendors_stand_behind_those_who_serve_them() {
        for (text, id) in [
            ("openai/gpt-4o-mini", "openai/gpt-4o-mini"),
            ("openai/azure/gpt-4o", "openai/gpt-4o"),
            ("anthropic/bedrock/claude-3-5-sonnet", "anthropic/claude-3-5-sonnet"),
            ("openrouter/x-ai/grok-4", "xai/grok-4"),
            ("together/meta-llama/Llama-3-70b", "meta/llama-3-70b"),
            ("groq/llama-3.1-70b", "meta/llama-3.1-70b"),
            ("ollama/phi3:mini", "ollama/phi3-mini"),
            ("mockllm/model", "mockllm/model"),
            ("gpt-4", "openai/gpt-4"),
        ] {
            let model = model(text).unwrap();
            assert_eq!(format!("{}/{}", model.provider, model.name), id);
        }
    }
}
