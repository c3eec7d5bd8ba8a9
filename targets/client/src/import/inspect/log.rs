//! Conversion of one log to a submission.

use aibaas_core::{
    domain::{BenchmarkId, VersionName, measure::Metric},
    wire::{BenchmarkVersionPut, RunCreate, TaskInput},
};
use serde_json::Value;

use super::{
    Options,
    archive::{is_archive, read_archive},
    coverage::Coverage,
    document::{Document, Eval},
    model::model,
    results::results,
    run::run,
    scorer::ScorerName,
};
use crate::import::{
    listing::some_of,
    names::{LONGEST_NAME, slug},
    plan::{Benchmark, Evidence, MOST_ATTEMPTS, Model, is_partial},
    python_json::python_json,
};

/// A log, converted as far as that needs no other log.
#[derive(Debug)]
pub struct Log {
    /// Benchmark version, as if all scores of its logs were those of passes.
    pub benchmark: Benchmark,
    pub model: Model,
    pub run: RunCreate,
    pub evidence: Evidence,
    pub unmapped: Vec<String>,
}

impl Log {
    /// Reads a log of either kind.
    ///
    /// # Errors
    /// A text that says why it would be wrong to publish it, or what was not understood.
    pub fn read(bytes: &[u8], options: &Options) -> Result<Self, String> {
        let document = if is_archive(bytes) { read_archive(bytes)? } else { python_json(bytes)? };
        document.into_log(options)
    }

    /// Checks whether a score is other than that of passes.
    pub fn has_partial_scores(&self) -> bool {
        match &self.evidence {
            Evidence::Counts(_) | Evidence::Score(_) => false,
            Evidence::Results(results) => results.iter().any(is_partial),
        }
    }
}

/// Name of a log's benchmark version, and what it is to another version.
pub struct Described {
    pub id: BenchmarkId,
    pub version: VersionName,
    whole_task_count: Option<u32>,
    other_scoring_of: Option<VersionName>,
    pub unmapped: Vec<String>,
}

/// Names the benchmark version. `part` tells why the log is not the whole evaluation, and how many of how many samples
/// it has; `kind` ends the names of versions that are made here.
///
/// # Errors
/// A text where the log is not the whole evaluation, and the options do not accept that.
pub fn described(
    eval: &Eval,
    part: Option<(String, u32, u32)>,
    kind: &str,
    options: &Options,
) -> Result<Described, String> {
    let version = match &eval.task_version {
        Value::String(version) => version.clone(),
        Value::Null => "0".to_owned(),
        version => version.to_string(),
    };
    let whole = format!("{}{kind}", slug(&version, LONGEST_NAME));
    let mut unmapped = vec![
        "input, target, output, messages, events, store and metadata of samples: a result has no place for them"
            .to_owned(),
        "model_args, task_args and solver parameters: not published, since they may hold what is private".to_owned(),
    ];
    let (mut whole_task_count, mut other_scoring_of) = (None, None);
    let mut version = whole.clone();
    if let Some((reason, tasks, of)) = part {
        if !options.provenance.accept_incomplete {
            return Err(format!("{reason}; --accept-incomplete publishes what is there"));
        }
        version = format!("{}-{tasks}-of-{of}{kind}", whole.strip_suffix(kind).unwrap_or(&whole));
        let shown = options.benchmark_version.as_ref().unwrap_or(&version);
        unmapped.push(format!("{reason}: what is there stands as version {shown}"));
        whole_task_count = Some(of);
    } else if options.scorer.is_some() && options.benchmark_version.as_ref().is_some_and(|given| *given != whole) {
        other_scoring_of = Some(whole.into());
    }
    Ok(Described {
        id: options.benchmark.clone().unwrap_or_else(|| slug(&eval.task, LONGEST_NAME)).into(),
        version: options.benchmark_version.clone().unwrap_or(version).into(),
        whole_task_count,
        other_scoring_of,
        unmapped,
    })
}

impl Described {
    /// Adds the run to the benchmark version.
    pub fn into_log(
        self,
        eval: Eval,
        scorer: &ScorerName,
        tasks: Vec<TaskInput>,
        model: Model,
        run: RunCreate,
        evidence: Evidence,
    ) -> Log {
        let Self { id, version, whole_task_count, other_scoring_of, unmapped } = self;
        let dataset = eval.dataset.name.as_deref().unwrap_or("without a name");
        let description = format!("Task {} of Inspect AI, data set {dataset}, scored by {}.", eval.task, scorer.shown);
        let title = eval.task_display_name.unwrap_or(eval.task);
        let body = match &evidence {
            Evidence::Counts(counts) => BenchmarkVersionPut::of_counts(title, counts.total),
            _ => BenchmarkVersionPut {
                tasks: Some(tasks),
                attempts_per_task: eval.config.epochs.unwrap_or(1).clamp(1, MOST_ATTEMPTS),
                ..BenchmarkVersionPut::of_results(title, Metric::PassRate)
            },
        };
        let body = BenchmarkVersionPut { description: Some(description), whole_task_count, other_scoring_of, ..body };
        Log { benchmark: Benchmark { id, version, body }, model, run, evidence, unmapped }
    }
}

impl Document {
    fn into_log(mut self, options: &Options) -> Result<Log, String> {
        let samples = self.samples.take().unwrap_or_default();
        if self.invalidated || samples.iter().any(|sample| sample.invalidation.is_some()) {
            return Err("the log was invalidated".to_owned());
        }
        if samples.is_empty() {
            return match self.results.take().filter(|results| !results.scores.is_empty()) {
                Some(results) => self.into_counted_log(&results, options),
                None => Err(format!("status is {}, and no sample is there", self.status)),
            };
        }
        let Self { status, eval, plan, stats, .. } = self;
        let coverage = Coverage::of(&samples, &eval)?;
        let sizes = [coverage.tasks.len(), coverage.whole].map(|size| u32::try_from(size).unwrap_or(u32::MAX));
        let part = coverage.lacks(&status).map(|reason| (reason, sizes[0], sizes[1]));
        let mut described = described(&eval, part, "", options)?;
        if coverage.tasks.is_empty() {
            return Err("no sample has all its epochs".to_owned());
        }
        let scorer = ScorerName::of(options.scorer.as_deref(), &eval, &samples)?;
        let results = results(&samples, &coverage, &scorer, &eval.model, &mut described.unmapped)?;
        if let Some(epochs) = eval.config.epochs.filter(|epochs| *epochs > MOST_ATTEMPTS) {
            let first = MOST_ATTEMPTS.saturating_add(1);
            let reason = format!("epochs {first} to {epochs}: the API takes {MOST_ATTEMPTS} attempts at a task");
            described.unmapped.push(reason);
        }
        let reducers = eval.config.epochs_reducer.iter().flatten().filter(|reducer| *reducer != "mean");
        let reducers: Vec<_> = reducers.map(String::as_str).collect();
        if coverage.epochs > 1 && !reducers.is_empty() {
            let reason = format!("epochs_reducer {}: a task's score is the mean of its attempts", some_of(&reducers));
            described.unmapped.push(reason);
        }
        let model = model(&eval.model, &options.naming)?;
        let names = (&described.id, &described.version);
        let run = run(&eval, &plan, &stats, &scorer, names, &model, &options.provenance)?;
        let tasks = coverage.tasks.into_iter().map(|task| TaskInput::new(task.into_text())).collect();
        Ok(described.into_log(eval, &scorer, tasks, model, run, Evidence::Results(results)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::import::inspect::fixtures::{LOG, finished, options, read, refusal, sound};

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
        assert_eq!(plan.benchmarks[0].body.metric, Metric::PassRate);
        assert_eq!(plan.benchmarks[0].body.tasks, Some(["1", "2", "3"].map(TaskInput::new).to_vec()));
        let said = "status is cancelled, 3 of 100 samples are there: what is there stands as version 0-3-of-100";
        assert!(plan.unmapped.iter().any(|line| line == said), "{:?}", plan.unmapped);
    }

    #[test]
    fn what_is_wrong_is_said() {
        type Spoil = fn(&mut Value);
        let cases: [(Spoil, &str); 9] = [
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
        log["eval"]["revision"] = Value::Null;
        assert_eq!(sound(&read(log.to_string().as_bytes(), &[])).0.commit, None);
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
    fn attempts_beyond_the_tenth_are_left_out() {
        let mut log = finished();
        log["eval"]["config"]["epochs"] = json!(11);
        let samples = (1..=11)
            .flat_map(|epoch| [9, 10].map(|id| json!({"id": id, "epoch": epoch, "scores": {"match": {"value": "C"}}})));
        log["samples"] = samples.collect();
        let plan = read(log.to_string().as_bytes(), &[]);
        assert_eq!(sound(&plan).1.len(), 20);
        assert_eq!(plan.benchmarks[0].body.attempts_per_task, 10);
        assert!(plan.unmapped.iter().any(|line| line.starts_with("epochs 11 to 11:")), "{:?}", plan.unmapped);
    }
}
