//! Results of lm-evaluation-harness: one JSON document with the means of every task, and a file a task with its
//! samples, one a line.
//!
//! Each task becomes a run on a benchmark version of its own, its documents the version's tasks. A task whose samples
//! are not given can be published as counts where its mean is that of so many passes.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    listing::some_of,
    names::{self, LONGEST_NAME, slug},
    options::Provenance,
    plan::{Benchmark, Counts, Entry, Evidence, Model, Plan, Run, Submission, TaskResult},
    python_json::python_json,
    times::unix,
};

/// Which results, and what of them.
#[derive(Args, Debug)]
pub struct Options {
    /// The results, results_….json.
    pub(super) file: PathBuf,
    /// The samples of its tasks, samples_TASK_….jsonl.
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub(super) samples: Vec<PathBuf>,
    /// The metric that is the score, with its filter as in `exact_match,strict-match`; by default each task's first.
    #[arg(long, value_name = "METRIC[,FILTER]")]
    metric: Option<String>,
    /// The model, where the results name none, or a path.
    #[arg(long, value_name = "PROVIDER/NAME")]
    model: Option<String>,
    /// Version of every benchmark, by default each task's, with the number of its examples.
    #[arg(long, value_name = "VERSION")]
    benchmark_version: Option<String>,
    /// Version of the harness, where the results tell none.
    #[arg(long, value_name = "VERSION")]
    harness_version: Option<String>,
    #[command(flatten)]
    provenance: Provenance,
}

/// Means are written as they were computed; a sum in another order may differ by so much.
const ROUNDING: f64 = 1e-6;
/// How exactly a count must come to the rate.
const EXACT: f64 = 1e-9;
/// What of `model_args` says which weights ran, and nothing of the machine or its credentials.
const PUBLIC_ARGS: &[&str] = &["revision", "dtype", "peft", "delta", "load_in_8bit", "load_in_4bit", "max_length"];

#[derive(Deserialize)]
struct Document {
    results: Map<String, Value>,
    #[serde(default)]
    group_subtasks: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    configs: BTreeMap<String, TaskConfig>,
    #[serde(default)]
    versions: BTreeMap<String, Value>,
    #[serde(default, rename = "n-shot")]
    shots: BTreeMap<String, Value>,
    #[serde(default, rename = "n-samples")]
    counts: BTreeMap<String, SampleCount>,
    #[serde(default)]
    higher_is_better: BTreeMap<String, BTreeMap<String, Option<bool>>>,
    #[serde(default)]
    config: ModelConfig,
    git_hash: Option<String>,
    date: Option<f64>,
    lm_eval_version: Option<String>,
    model_source: Option<String>,
    model_name: Option<String>,
    system_instruction_sha: Option<String>,
    fewshot_as_multiturn: Option<bool>,
    chat_template_sha: Option<String>,
    #[serde(default)]
    task_hashes: BTreeMap<String, String>,
    total_evaluation_time_seconds: Option<String>,
}

#[derive(Default, Deserialize)]
struct TaskConfig {
    dataset_path: Option<String>,
    dataset_name: Option<String>,
    num_fewshot: Option<u32>,
    generation_kwargs: Option<Value>,
    #[serde(default)]
    metric_list: Vec<Metric>,
}

#[derive(Deserialize)]
struct Metric {
    metric: Value,
    aggregation: Option<Value>,
}

#[derive(Clone, Copy, Deserialize)]
struct SampleCount {
    original: u32,
    effective: u32,
}

#[derive(Default, Deserialize)]
struct ModelConfig {
    model: Option<String>,
    model_args: Option<Value>,
    model_dtype: Option<String>,
    model_revision: Option<String>,
    model_sha: Option<String>,
    gen_kwargs: Option<Value>,
    random_seed: Option<Value>,
    numpy_seed: Option<Value>,
    torch_seed: Option<Value>,
    fewshot_seed: Option<Value>,
}

/// Reads the results, and the samples with their files' names.
pub(super) fn plan(results: &[u8], samples: &[(String, Vec<u8>)], options: &Options) -> Result<Plan, String> {
    let document: Document = python_json(results)?;
    let model = document.model(options)?;
    let groups: BTreeSet<&str> = document
        .group_subtasks
        .iter()
        .filter(|(_, tasks)| !tasks.is_empty())
        .map(|(group, _)| group.as_str())
        .collect();
    let tasks: Vec<&String> = document.results.keys().filter(|name| !groups.contains(name.as_str())).collect();
    let mut unmapped = vec![
        "latency, tokens and cost: the harness tells none".to_owned(),
        "doc, arguments, resps and target of samples: a result has no place for them".to_owned(),
        "standard errors: they are computed anew".to_owned(),
    ];
    let private: Vec<String> = arguments(document.config.model_args.as_ref())
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !is_public(name))
        .collect();
    if !private.is_empty() {
        unmapped.push(format!("model_args {}: not published, since they may hold what is private", some_of(&private)));
    }
    if !groups.is_empty() {
        let groups: Vec<_> = groups.into_iter().collect();
        unmapped.push(format!("groups {}: their tasks stand for themselves", some_of(&groups)));
    }
    let strangers: Vec<_> =
        samples.iter().map(|(file, _)| file).filter(|file| !tasks.iter().any(|task| is_of(file, task))).collect();
    if !strangers.is_empty() {
        unmapped.push(format!("{}: of no task of the results", some_of(&strangers)));
    }

    let mut plan = Plan { unmapped, ..Plan::default() };
    for name in tasks {
        let task = Task { name, document: &document, options };
        let files: Vec<_> =
            samples.iter().filter(|(file, _)| is_of(file, name)).map(|(_, lines)| lines.as_slice()).collect();
        let submission = task.submission(&model, &files).map(|(benchmark, submission, unmapped)| {
            plan.benchmarks.push(benchmark);
            plan.unmapped.extend(unmapped.into_iter().map(|reason| format!("{name}: {reason}")));
            submission
        });
        plan.entries.push(Entry { name: name.clone(), submission });
    }
    Ok(plan)
}

/// Whether a file of this name has the samples of the task: `samples_TASK_DATE.jsonl`, and no date has a `_`.
fn is_of(file: &str, task: &str) -> bool {
    let rest = file.strip_prefix("samples_").and_then(|rest| rest.strip_prefix(task)?.strip_prefix('_'));
    rest.and_then(|rest| rest.strip_suffix(".jsonl")).is_some_and(|date| !date.contains('_'))
}

/// `pretrained=a,dtype=b`, or an object.
fn arguments(model_args: Option<&Value>) -> Vec<(String, Value)> {
    match model_args {
        Some(Value::String(text)) => text
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().into()))
            .collect(),
        Some(Value::Object(members)) => members.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        _ => Vec::new(),
    }
}

/// The model's name comes over anyway.
fn is_public(argument: &str) -> bool {
    PUBLIC_ARGS.contains(&argument) || ["pretrained", "model"].contains(&argument)
}

impl Document {
    fn model(&self, options: &Options) -> Result<Model, String> {
        let arguments = arguments(self.config.model_args.as_ref());
        let argument =
            |name: &str| arguments.iter().find(|(other, _)| other == name).and_then(|(_, value)| value.as_str());
        let named = options.model.as_deref().or(self.model_name.as_deref());
        let named = named.or_else(|| argument("pretrained")).or_else(|| argument("model"));
        let named = named.ok_or("the results name no model: give --model")?;
        let unclear = || format!("model_name is {named:?}, which names no model: give --model");
        let (provider, display_name) = match named.split_once('/') {
            Some((vendor, name)) if !name.contains('/') => (names::vendor(vendor).ok_or_else(unclear)?, name),
            Some(_) => return Err(unclear()),
            None => (names::family(named).unwrap_or(names::UNKNOWN).to_owned(), named),
        };
        let name = slug(display_name, LONGEST_NAME);
        if name.is_empty() || named.starts_with(['.', '~', '/']) {
            return Err(unclear());
        }
        Ok(Model { provider, name, display_name: display_name.to_owned() })
    }
}

struct Task<'a> {
    name: &'a str,
    document: &'a Document,
    options: &'a Options,
}

/// A metric of a filter's responses, as in `acc,none`.
struct Chosen {
    metric: String,
    filter: String,
    mean: f64,
    error: Option<f64>,
    /// The others.
    left: Vec<String>,
}

impl Task<'_> {
    fn submission(&self, model: &Model, samples: &[&[u8]]) -> Result<(Benchmark, Submission, Vec<String>), String> {
        let chosen = self.chosen()?;
        let mut unmapped = Vec::new();
        if !chosen.left.is_empty() {
            unmapped.push(format!("{}: the score is {}", some_of(&chosen.left), chosen.key()));
        }
        let count = self.document.counts.get(self.name).copied();
        let mut version = self.version();
        if let Some(SampleCount { original, effective }) = count.filter(|count| count.effective < count.original) {
            let reason = format!("{effective} of {original} documents were evaluated");
            if !self.options.provenance.accept_incomplete {
                return Err(format!("{reason}; --accept-incomplete publishes what is there"));
            }
            version = format!("{version}-{effective}-of-{original}");
            unmapped.push(format!("{reason}: they stand as version {version}"));
        }
        let (mut body, evidence) = match samples {
            [] => {
                version = format!("{version}-counts");
                unmapped.push(format!("no samples are given: only the number of passes stands, as version {version}"));
                self.counted(&chosen, count)?
            }
            [samples] => self.sampled(&chosen, samples, count, &mut unmapped)?,
            _ => return Err("several files of its samples are given".to_owned()),
        };
        if let Some(given) = &self.options.benchmark_version {
            given.clone_into(&mut version);
        }
        let id = slug(self.name, LONGEST_NAME);
        if id.is_empty() {
            return Err("the name makes no identifier".to_owned());
        }
        if let Value::Object(members) = &mut body {
            members.insert("title".to_owned(), self.name.into());
            members.insert("description".to_owned(), self.description(&chosen).into());
        }
        let run = self.run(&chosen, model, &id, &version)?;
        let model = Model {
            provider: model.provider.clone(),
            name: model.name.clone(),
            display_name: model.display_name.clone(),
        };
        Ok((Benchmark { id, version, body }, Submission { model, run, evidence }, unmapped))
    }

    fn config(&self) -> Option<&TaskConfig> {
        self.document.configs.get(self.name)
    }

    fn chosen(&self) -> Result<Chosen, String> {
        let means =
            self.document.results.get(self.name).and_then(Value::as_object).ok_or("its results are no object")?;
        let metrics: Vec<(&str, &str, Option<f64>)> = means
            .iter()
            .filter_map(|(key, value)| key.split_once(',').map(|(metric, filter)| (metric, filter, value.as_f64())))
            .filter(|(metric, ..)| !metric.ends_with("_stderr"))
            .collect();
        let keys: Vec<String> = metrics.iter().map(|(metric, filter, _)| format!("{metric},{filter}")).collect();
        let declared = self.config().and_then(|config| config.metric_list.first()?.metric.as_str());
        let asked = self.options.metric.as_deref();
        let found = match asked.map(|asked| asked.split_once(',').map_or((asked, None), |(m, f)| (m, Some(f)))) {
            Some((metric, filter)) => metrics
                .iter()
                .find(|(name, of, _)| *name == metric && filter.is_none_or(|filter| filter == *of))
                .ok_or_else(|| format!("has no metric {}; there are {}", asked.unwrap_or_default(), some_of(&keys)))?,
            None => {
                metrics.iter().find(|(name, ..)| Some(*name) == declared).or(metrics.first()).ok_or("has no metric")?
            }
        };
        let (metric, filter, mean) = *found;
        let better =
            self.document.higher_is_better.get(self.name).and_then(|better| better.get(metric).copied().flatten());
        if better == Some(false) {
            return Err(format!("of {metric}, less is better"));
        }
        let chosen = format!("{metric},{filter}");
        Ok(Chosen {
            metric: metric.to_owned(),
            filter: filter.to_owned(),
            mean: mean.ok_or_else(|| format!("{chosen} is no number"))?,
            error: means.get(&format!("{metric}_stderr,{filter}")).and_then(Value::as_f64),
            left: keys.into_iter().filter(|key| *key != chosen).collect(),
        })
    }

    fn shots(&self) -> Option<u64> {
        let told = self.document.shots.get(self.name).and_then(Value::as_u64);
        told.or_else(|| self.config().and_then(|config| config.num_fewshot).map(u64::from))
    }

    /// The task's own, and its number of examples: with another number it is another test.
    fn version(&self) -> String {
        let version = match self.document.versions.get(self.name) {
            Some(Value::String(version)) => slug(version, LONGEST_NAME),
            Some(Value::Number(version)) => version.to_string(),
            _ => String::new(),
        };
        let version = if version.is_empty() { "0".to_owned() } else { version };
        match self.shots() {
            Some(shots) => format!("{version}-{shots}-shot"),
            None => version,
        }
    }

    fn description(&self, chosen: &Chosen) -> String {
        let config = self.config();
        let path = config.and_then(|config| config.dataset_path.as_deref());
        let name = config.and_then(|config| config.dataset_name.as_deref());
        let dataset = [path, name].into_iter().flatten().collect::<Vec<_>>().join(", ");
        let dataset = if dataset.is_empty() { dataset } else { format!(" (data set {dataset})") };
        format!("Task {} of lm-evaluation-harness{dataset}, scored by {}.", self.name, chosen.key())
    }

    /// A result a document.
    fn sampled(
        &self,
        chosen: &Chosen,
        lines: &[u8],
        count: Option<SampleCount>,
        unmapped: &mut Vec<String>,
    ) -> Result<(Value, Evidence), String> {
        let mut scores = BTreeMap::new();
        let mut unscored = 0_usize;
        for (index, line) in lines.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            let at = |reason: String| format!("line {} of its samples: {reason}", index.saturating_add(1));
            let sample: Map<String, Value> = python_json(line).map_err(at)?;
            if sample.get("filter").and_then(Value::as_str).unwrap_or("none") != chosen.filter {
                continue;
            }
            let id = sample.get("doc_id").and_then(Value::as_u64).ok_or_else(|| at("doc_id is missing".to_owned()))?;
            let score = match sample.get(&chosen.metric) {
                Some(Value::Bool(passed)) => Some(f64::from(u8::from(*passed))),
                Some(Value::Number(number)) => number.as_f64(),
                Some(Value::Null) => None,
                Some(_) => {
                    return Err(at(format!(
                        "{} is no number: it is computed of all documents together",
                        chosen.metric
                    )));
                }
                None => return Err(at(format!("{} is missing", chosen.metric))),
            };
            if let Some(score) = score.filter(|score| !(0.0..=1.0).contains(score)) {
                return Err(at(format!("{} is {score}, which is not between 0 and 1", chosen.metric)));
            }
            unscored = unscored.saturating_add(usize::from(score.is_none()));
            if scores.insert(id, score.unwrap_or(0.0)).is_some() {
                return Err(at(format!("doc_id {id} stands twice")));
            }
        }
        let number = u32::try_from(scores.len()).unwrap_or(u32::MAX);
        if let Some(SampleCount { effective, .. }) = count.filter(|count| count.effective != number) {
            return Err(format!("the results are of {effective} documents, the samples of {number}"));
        }
        if unscored > 0 {
            unmapped.push(format!("documents whose {} is NaN: {unscored}; they count as 0", chosen.metric));
        }
        let mean = scores.values().sum::<f64>() / f64::from(number);
        let of_metric = self.config().and_then(|config| {
            let declared = config.metric_list.iter().find(|other| other.metric.as_str() == Some(&chosen.metric))?;
            declared.aggregation.as_ref()
        });
        let is_mean = of_metric.is_none_or(|aggregation| aggregation.as_str() == Some("mean"));
        let agrees = (mean - chosen.mean).abs() <= ROUNDING;
        if !agrees && is_mean && unscored == 0 {
            return Err(format!("the samples come to {} {mean}, the results say {}", chosen.key(), chosen.mean));
        } else if !agrees {
            unmapped.push(format!(
                "{} of the results is {}; the mean of its documents is {mean}",
                chosen.key(),
                chosen.mean
            ));
        }
        let graded = self.options.provenance.graded || scores.values().any(|score| *score != 0.0 && *score != 1.0);
        let tasks: Vec<Value> = scores.keys().map(|id| json!({"id": id.to_string()})).collect();
        let body = json!({ "metric": if graded { "score" } else { "pass_rate" }, "tasks": tasks });
        let results = scores.into_iter().map(|(id, score)| TaskResult::scored(id.to_string(), 1, score));
        Ok((body, Evidence::Results(results.collect())))
    }

    /// The number of passes, where the rate can only be that of passes.
    fn counted(&self, chosen: &Chosen, count: Option<SampleCount>) -> Result<(Value, Evidence), String> {
        let length = || self.document.results.get(self.name)?.get("sample_len")?.as_u64();
        let total = count.map(|count| count.effective).or_else(|| u32::try_from(length()?).ok());
        let total = total.filter(|total| *total > 0).ok_or("the number of documents is not told: give the samples")?;
        let (key, whole) = (chosen.key(), f64::from(total));
        let passes = (chosen.mean * whole).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a whole number of u32, or found out below"
        )]
        let correct = passes as u32;
        if correct > total || (f64::from(correct) / whole - chosen.mean).abs() > EXACT {
            return Err(format!(
                "{key} is {}, which no number of {total} passes comes to: give the samples",
                chosen.mean
            ));
        }
        let rate = f64::from(correct) / whole;
        let error = (rate * (1.0 - rate) / (whole - 1.0)).sqrt();
        if chosen.error.is_some_and(|told| total > 1 && (told - error).abs() > ROUNDING) {
            return Err(format!("the standard error of {key} is not that of passes: give the samples"));
        }
        let counts = Counts { total, correct_by_attempt: vec![correct], cost_usd: None, mean_latency_ms: None };
        let body = json!({"metric": "pass_rate", "evidence": "counts", "taskCount": total});
        Ok((body, Evidence::Counts(counts)))
    }

    fn run(&self, chosen: &Chosen, model: &Model, id: &str, version: &str) -> Result<Run, String> {
        let Self { document, options, .. } = self;
        let commit = options.provenance.commit.as_ref().or(document.git_hash.as_ref());
        let harness_version = options.harness_version.as_ref().or(document.lm_eval_version.as_ref());
        let date = document.date.ok_or("date is missing")?;
        let seconds = document.total_evaluation_time_seconds.as_deref().and_then(|text| text.parse::<f64>().ok());
        let model = format!("{}/{}", model.provider, model.name);
        Ok(Run {
            benchmark: id.to_owned(),
            version: version.to_owned(),
            harness: "lm-evaluation-harness".to_owned(),
            harness_version: harness_version.ok_or("lm_eval_version is missing: give --harness-version")?.clone(),
            commit: commit.ok_or("git_hash is missing: give --commit")?.clone(),
            prompt_hash: document.task_hashes.get(self.name).cloned(),
            generation_config: self.generation_config(chosen),
            evaluator_relationship: options.provenance.evaluator,
            started_at: Some(unix(date)?),
            completed_at: seconds.filter(|seconds| *seconds >= 0.0).map(|seconds| unix(date + seconds)).transpose()?,
            external_id: names::external_id(&["lm-eval", id, version, &chosen.key(), &model, &date.to_string()]),
            model,
            ..Run::default()
        })
    }

    fn generation_config(&self, chosen: &Chosen) -> Map<String, Value> {
        let Self { document, .. } = self;
        let config = &document.config;
        let text = |text: &Option<String>| text.clone().map(Value::String);
        let members = [
            ("modelSource", text(&document.model_source).or_else(|| text(&config.model))),
            ("modelDtype", text(&config.model_dtype)),
            ("modelRevision", text(&config.model_revision)),
            ("modelSha", text(&config.model_sha)),
            ("numFewshot", self.shots().map(Value::from)),
            ("filter", Some(chosen.filter.clone().into())),
            ("generationKwargs", self.config().and_then(|config| config.generation_kwargs.clone())),
            ("genKwargs", config.gen_kwargs.clone()),
            ("chatTemplateSha", text(&document.chat_template_sha)),
            ("systemInstructionSha", text(&document.system_instruction_sha)),
            ("fewshotAsMultiturn", document.fewshot_as_multiturn.map(Value::from)),
            ("randomSeed", config.random_seed.clone()),
            ("numpySeed", config.numpy_seed.clone()),
            ("torchSeed", config.torch_seed.clone()),
            ("fewshotSeed", config.fewshot_seed.clone()),
        ];
        let told = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|value| !value.is_null())?)));
        let arguments =
            arguments(config.model_args.as_ref()).into_iter().filter(|(name, _)| PUBLIC_ARGS.contains(&name.as_str()));
        told.chain(arguments).collect()
    }
}

impl Chosen {
    fn key(&self) -> String {
        format!("{},{}", self.metric, self.filter)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn options(arguments: &[&str]) -> Options {
        Command::parse_from([&["", "results.json"], arguments].concat()).options
    }

    /// Synthetic, by the format that lm_eval 0.4.13 writes: one task of passes with two filters, one of partial scores.
    fn results() -> Value {
        json!({
            "results": {
                "group": {"alias": "group", "acc,none": 0.5},
                "arith": {"name": "arith", "alias": "arith", "sample_len": 4,
                    "exact_match,strict-match": 0.5, "exact_match_stderr,strict-match": 0.288_675_134_594_812_9,
                    "exact_match,flexible-extract": 0.75, "exact_match_stderr,flexible-extract": 0.25},
                "summary": {"alias": "summary", "sample_len": 3, "rouge1,none": 0.5, "rouge1_stderr,none": "N/A"},
                "words": {"alias": "words", "sample_len": 3, "word_perplexity,none": 12.5},
            },
            "group_subtasks": {"group": ["arith"], "arith": []},
            "configs": {
                "arith": {"task": "arith", "dataset_path": "org/arith", "dataset_name": "main", "num_fewshot": 5,
                    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": true}],
                    "generation_kwargs": {"until": ["\n"], "do_sample": false, "temperature": 0.0}},
                "summary": {"task": "summary", "metric_list": [{"metric": "rouge1", "aggregation": "mean"}]},
            },
            "versions": {"arith": 3.0, "summary": "1-a", "words": 2},
            "n-shot": {"arith": 5, "summary": 0},
            "higher_is_better": {"arith": {"exact_match": true}, "words": {"word_perplexity": false}},
            "n-samples": {"arith": {"original": 4, "effective": 4}, "summary": {"original": 3, "effective": 3}},
            "config": {"model": "hf", "model_args": "pretrained=EleutherAI/pythia-160m,dtype=float16,token=hf_secret",
                "model_dtype": "torch.float16", "gen_kwargs": {}, "random_seed": 0, "limit": null},
            "git_hash": "a1b2c3d", "date": 1_729_355_280.5, "lm_eval_version": "0.4.13",
            "task_hashes": {"arith": "0f0f"}, "model_source": "hf", "model_name": "EleutherAI/pythia-160m",
            "chat_template": null, "chat_template_sha": null, "fewshot_as_multiturn": false,
            "total_evaluation_time_seconds": "12.25",
        })
    }

    /// Samples of one task, in the order of filters and then of documents, as the harness writes them.
    fn samples(task: &str, metric: &str, by_filter: &[(&str, &[Value])]) -> (String, Vec<u8>) {
        let mut lines = String::new();
        for (filter, scores) in by_filter {
            for (id, score) in scores.iter().enumerate() {
                let line = json!({
                    "doc_id": id, "doc": {"question": "?"}, "target": "1", "arguments": {"gen_args_0": {"arg_0": "?"}},
                    "resps": [["1"]], "filtered_resps": ["1"], "filter": filter, "metrics": [metric],
                    "doc_hash": "d", "prompt_hash": "p", "target_hash": "t", metric: score,
                });
                lines.push_str(&format!("{line}\n"));
            }
        }
        (format!("samples_{task}_2024-10-19T16-28-12.750000.jsonl"), lines.into_bytes())
    }

    fn arith() -> (String, Vec<u8>) {
        let (strict, flexible) = ([0, 1, 1, 0].map(Value::from), [1.0, 1.0, 1.0, 0.0].map(Value::from));
        samples("arith", "exact_match", &[("strict-match", &strict), ("flexible-extract", &flexible)])
    }

    fn read(results: &Value, samples: &[(String, Vec<u8>)], arguments: &[&str]) -> Plan {
        plan(results.to_string().as_bytes(), samples, &options(arguments)).unwrap()
    }

    fn of<'a>(plan: &'a Plan, task: &str) -> &'a Result<Submission, String> {
        &plan.entries.iter().find(|entry| entry.name == task).unwrap().submission
    }

    #[test]
    fn a_task_with_samples_becomes_a_run() {
        let summary = samples("summary", "rouge1", &[("none", &[json!(0.25), json!(0.5), json!(0.75)])]);
        let plan = read(&results(), &[arith(), summary], &[]);
        let submission = of(&plan, "arith").as_ref().unwrap();
        assert_eq!(
            serde_json::to_value(&submission.run).unwrap(),
            json!({
                "model": "eleutherai/pythia-160m", "benchmark": "arith", "version": "3.0-5-shot",
                "harness": "lm-evaluation-harness", "harnessVersion": "0.4.13", "commit": "a1b2c3d", "dirty": false,
                "promptHash": "0f0f",
                "generationConfig": {
                    "modelSource": "hf", "modelDtype": "torch.float16", "numFewshot": 5, "filter": "strict-match",
                    "generationKwargs": {"until": ["\n"], "do_sample": false, "temperature": 0.0}, "genKwargs": {},
                    "fewshotAsMultiturn": false, "randomSeed": 0, "dtype": "float16",
                },
                "evaluatorRelationship": "third_party", "startedAt": "2024-10-19T16:28:00.500Z",
                "completedAt": "2024-10-19T16:28:12.750Z",
                "externalId": "lm-eval/arith/3.0-5-shot/exact_match,strict-match/eleutherai/pythia-160m/1729355280.5",
            })
        );
        let expected =
            [0.0, 1.0, 1.0, 0.0].iter().enumerate().map(|(id, score)| TaskResult::scored(id.to_string(), 1, *score));
        assert_eq!(submission.evidence, Evidence::Results(expected.collect()));
        assert_eq!(
            plan.benchmarks[0].body,
            json!({
                "metric": "pass_rate", "tasks": [{"id": "0"}, {"id": "1"}, {"id": "2"}, {"id": "3"}], "title": "arith",
                "description": "Task arith of lm-evaluation-harness (data set org/arith, main), scored by exact_match,strict-match.",
            })
        );
        assert_eq!(plan.benchmarks[1].body["metric"], "score");
        assert_eq!((plan.benchmarks[1].id.as_str(), plan.benchmarks[1].version.as_str()), ("summary", "1-a-0-shot"));
        assert_eq!(of(&plan, "words").as_ref().unwrap_err(), "of word_perplexity, less is better");
        let said = plan.unmapped.join("\n");
        for line in [
            "model_args token: ",
            "groups group: ",
            "arith: exact_match,flexible-extract: the score is exact_match,strict-match",
        ] {
            assert!(said.contains(line), "{line} in {said}");
        }
        assert!(!said.contains("hf_secret"));
    }

    #[test]
    fn another_metric_or_filter_can_be_named() {
        let plan = read(&results(), &[arith()], &["--metric", "exact_match,flexible-extract"]);
        let Evidence::Results(results) = &of(&plan, "arith").as_ref().unwrap().evidence else { panic!("counts") };
        assert_eq!(results.iter().map(|result| result.score).sum::<f64>(), 3.0);
        assert_eq!(
            of(&plan, "summary").as_ref().unwrap_err(),
            "has no metric exact_match,flexible-extract; there are rouge1,none"
        );
    }

    #[test]
    fn without_samples_only_passes_can_be_counted() {
        let plan = read(&results(), &[], &[]);
        let submission = of(&plan, "arith").as_ref().unwrap();
        let counts = Counts { total: 4, correct_by_attempt: vec![2], cost_usd: None, mean_latency_ms: None };
        assert_eq!(submission.evidence, Evidence::Counts(counts));
        assert_eq!(submission.run.version, "3.0-5-shot-counts");
        assert_eq!(plan.benchmarks[0].body["evidence"], "counts");
        assert_eq!(
            of(&plan, "summary").as_ref().unwrap_err(),
            "rouge1,none is 0.5, which no number of 3 passes comes to: give the samples"
        );

        let mut other = results();
        other["results"]["arith"]["exact_match_stderr,strict-match"] = json!(0.1);
        let plan = read(&other, &[], &[]);
        assert!(of(&plan, "arith").as_ref().unwrap_err().ends_with("is not that of passes: give the samples"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let all = [1, 1, 1, 1].map(Value::from);
        let wrong =
            |scores: &[Value]| read(&results(), &[samples("arith", "exact_match", &[("strict-match", scores)])], &[]);
        for (scores, reason) in [
            (&all[..], "the samples come to exact_match,strict-match 1, the results say 0.5"),
            (&all[..3], "the results are of 4 documents, the samples of 3"),
            (&[json!(2)], "line 1 of its samples: exact_match is 2, which is not between 0 and 1"),
            (
                &[json!([1, 2])],
                "line 1 of its samples: exact_match is no number: it is computed of all documents together",
            ),
        ] {
            assert_eq!(of(&wrong(scores), "arith").as_ref().unwrap_err(), reason);
        }
        let refusal = |spoil: fn(&mut Value), arguments: &[&str]| {
            let mut results = results();
            spoil(&mut results);
            match plan(results.to_string().as_bytes(), &[arith()], &options(arguments)) {
                Ok(plan) => of(&plan, "arith").as_ref().err().cloned(),
                Err(reason) => Some(reason),
            }
        };
        let limited: fn(&mut Value) = |results| results["n-samples"]["arith"]["original"] = json!(1319);
        assert_eq!(
            refusal(limited, &[]).unwrap(),
            "4 of 1319 documents were evaluated; --accept-incomplete publishes what is there"
        );
        assert_eq!(refusal(limited, &["--accept-incomplete"]), None);
        let anonymous: fn(&mut Value) = |results| results["model_name"] = json!("/data/checkpoints/7");
        assert!(refusal(anonymous, &[]).unwrap().contains("give --model"));
        assert_eq!(refusal(anonymous, &["--model", "org/name"]), None);
        assert_eq!(
            refusal(|results| results["git_hash"] = Value::Null, &[]).unwrap(),
            "git_hash is missing: give --commit"
        );
        assert_eq!(refusal(|results| results["git_hash"] = Value::Null, &["--commit", "abc"]), None);
        let twice = read(&results(), &[arith(), arith()], &[]);
        assert_eq!(of(&twice, "arith").as_ref().unwrap_err(), "several files of its samples are given");
    }

    #[test]
    fn samples_without_a_number_count_as_nothing() {
        let (name, lines) =
            samples("arith", "exact_match", &[("strict-match", &[json!(1), json!(1), json!("NAN"), json!(0)])]);
        // As Python writes it.
        let lines = String::from_utf8(lines).unwrap().replace("\"NAN\"", "NaN").into_bytes();
        let plan = read(&results(), &[(name, lines)], &[]);
        assert!(of(&plan, "arith").is_ok());
        assert!(
            plan.unmapped.iter().any(|line| line.contains("documents whose exact_match is NaN: 1;")),
            "{:?}",
            plan.unmapped
        );
    }

    #[test]
    fn files_of_samples_are_told_apart() {
        assert!(is_of("samples_mmlu_pro_2024-10-19T16-28-12.7.jsonl", "mmlu_pro"));
        assert!(!is_of("samples_mmlu_pro_2024-10-19T16-28-12.7.jsonl", "mmlu"));
        assert!(!is_of("results_2024.json", "mmlu"));
        let plan = read(&results(), &[("samples_else_2024.jsonl".to_owned(), Vec::new())], &[]);
        assert!(plan.unmapped.iter().any(|line| line == "samples_else_2024.jsonl: of no task of the results"));
    }
}
