//! Plan of an import: what is published of documents, in the terms of the API.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::names::{LONGEST_NAME, slug};

/// Most attempts at one task that the API accepts.
pub const MOST_ATTEMPTS: u32 = 10;

/// Who ran an evaluation, seen from the model's vendor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Relationship {
    FirstParty,
    #[default]
    ThirdParty,
    SelfReported,
}

/// Benchmark versions and runs to publish.
#[derive(Debug, Default)]
pub struct Plan {
    pub benchmarks: Vec<Benchmark>,
    pub entries: Vec<Entry>,
    /// What the documents have and the API has no place for, or what is imported changed, and why.
    pub unmapped: Vec<String>,
}

impl Plan {
    /// Adds the plan of another document. Where it defines a benchmark version otherwise, its runs are refused.
    pub fn add(&mut self, other: Self) {
        let mut clashes = Vec::new();
        for benchmark in other.benchmarks {
            let is_same = |first: &&mut Benchmark| (&first.id, &first.version) == (&benchmark.id, &benchmark.version);
            match self.benchmarks.iter_mut().find(is_same) {
                None => self.benchmarks.push(benchmark),
                Some(first) if first.body == benchmark.body => {}
                // Passes are scores too, of 0 and 1.
                Some(first) if first.graded() == benchmark.graded() => first.body = first.graded(),
                Some(_) => clashes.push((benchmark.id, benchmark.version)),
            }
        }
        self.entries.extend(other.entries.into_iter().map(|mut entry| {
            if let Ok(Submission { run, .. }) = &entry.submission
                && clashes.iter().any(|(id, version)| (id, version) == (&run.benchmark, &run.version))
            {
                entry.submission = Err(format!(
                    "its tasks, attempts, metric or texts are not those of the first file of {}, version {}: import it \
                     apart, with --benchmark-version",
                    run.benchmark, run.version
                ));
            }
            entry
        }));
        for line in other.unmapped {
            if !self.unmapped.contains(&line) {
                self.unmapped.push(line);
            }
        }
    }

    /// Adds that a document is refused as a whole.
    pub fn refuse(&mut self, name: String, reason: String) {
        self.entries.push(Entry { name, submission: Err(reason) });
    }
}

/// A benchmark version, and the body that declares it.
#[derive(Debug, Default)]
pub struct Benchmark {
    pub id: String,
    pub version: String,
    pub body: Value,
    pub relation: Option<Relation>,
    pub about: About,
}

impl Benchmark {
    /// Returns the body with the metric `score`, where its evidence is results.
    fn graded(&self) -> Value {
        let mut body = self.body.clone();
        if let Some(metric) = body.get_mut("metric").filter(|_| self.body.get("evidence").is_none()) {
            *metric = "score".into();
        }
        body
    }
}

/// Relation of a benchmark version to another one of the same benchmark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// The version has some of so many tasks. Which version has them all, or whether it exists, need not be known.
    PartOf(u64),
    /// The version has the same tasks as the named one, scored by another scorer or metric.
    OtherScoringOf(String),
}

/// Links to descriptions of a benchmark.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub homepage: Option<String>,
    pub licence: Option<String>,
    pub citation: Option<String>,
}

/// Source of one run: a row of a table, or a log.
#[derive(Debug)]
pub struct Entry {
    /// Name in the document, and its place there.
    pub name: String,
    /// Submission to publish, or why that would be wrong.
    pub submission: Result<Submission, String>,
}

/// One model's run, with its evidence.
#[derive(Debug)]
pub struct Submission {
    pub model: Model,
    pub run: Run,
    pub evidence: Evidence,
}

/// A model as the API names it: `provider/name`, and its display name.
#[derive(Debug)]
pub struct Model {
    pub provider: String,
    pub name: String,
    pub display_name: String,
}

impl Model {
    /// Creates a model from the name at its source.
    ///
    /// # Errors
    /// A text where the name gives no identifier.
    pub fn named(provider: String, display_name: &str) -> Result<Self, String> {
        let name = slug(display_name, LONGEST_NAME);
        if name.is_empty() {
            return Err(format!("model is {display_name:?}, which makes no identifier"));
        }
        Ok(Self { provider, name, display_name: display_name.to_owned() })
    }

    /// Returns the model's id in the API.
    pub fn id(&self) -> String {
        format!("{}/{}", self.provider, self.name)
    }
}

/// The body that opens a run.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    pub model: String,
    pub benchmark: String,
    pub version: String,
    pub harness: String,
    pub harness_version: String,
    /// Commit of the harness; `None` where the source does not tell it.
    pub commit: Option<String>,
    pub dirty: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_hash: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts_policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    pub generation_config: Map<String, Value>,
    pub evaluator_relationship: Relationship,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    /// Name of the run at its source.
    pub external_id: String,
    /// Program that drove the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// Short label of the model's configuration, such as its reasoning effort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<String>,
    #[serde(skip_serializing_if = "Links::is_empty")]
    pub links: Links,
    /// Id of the seal that was registered before the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
}

/// A program that drives a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Agent {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Links {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Links to more about a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Links {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
}

/// Evidence for a run's score.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    Counts(Counts),
    Results(Vec<TaskResult>),
    Score(GivenScore),
}

/// Score of a whole run, where the source publishes no more, with its uncertainty as far as that is published.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GivenScore {
    pub score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<GivenInterval>,
}

/// A 95 % interval that holds its score.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct GivenInterval {
    pub low: f64,
    pub high: f64,
}

impl GivenScore {
    /// Creates the score of a run with this standard error.
    pub fn of(score: f64, standard_error: Option<f64>) -> Self {
        Self {
            score,
            standard_error: standard_error.filter(|error| error.is_finite() && *error >= 0.0),
            interval: None,
        }
    }

    /// Creates the part of the body that declares a version of `tasks` tasks.
    pub fn body(tasks: u32) -> Value {
        serde_json::json!({"metric": "score", "evidence": "score", "taskCount": tasks})
    }
}

/// Numbers of tasks and passes of a run whose single results are not known.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub total: u32,
    pub correct_by_attempt: Vec<u32>,
    pub cost_usd: Option<f64>,
    pub mean_latency_ms: Option<f64>,
}

impl Counts {
    /// Creates the counts of a run with one attempt at each task.
    pub fn of(passed: u32, total: u32) -> Self {
        Self { total, correct_by_attempt: vec![passed], cost_usd: None, mean_latency_ms: None }
    }
}

/// Result of one attempt at one task.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskResult {
    pub task: String,
    pub attempt: u32,
    pub status: Status,
    pub score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correct: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

/// Status of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Success,
    Failed,
    Timeout,
    Error,
}

impl Status {
    /// Returns the status of an attempt that came to its end.
    pub fn of(score: f64) -> Self {
        if score > 0.0 { Self::Success } else { Self::Failed }
    }
}

impl TaskResult {
    /// Creates the result of an attempt that came to its end, of which only the score is known.
    pub fn scored(task: String, attempt: u32, score: f64) -> Self {
        Self {
            task,
            attempt,
            status: Status::of(score),
            score,
            samples: None,
            correct: None,
            latency_ms: None,
            input_tokens: None,
            output_tokens: None,
            cost_usd: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plan(body: Value) -> Plan {
        let run = Run { benchmark: "b".to_owned(), version: "1".to_owned(), ..Run::default() };
        let model = Model::named("p".to_owned(), "m").unwrap();
        let submission = Ok(Submission { model, run, evidence: Evidence::Results(Vec::new()) });
        let benchmark = Benchmark { id: "b".to_owned(), version: "1".to_owned(), body, ..Benchmark::default() };
        let entries = vec![Entry { name: "m".to_owned(), submission }];
        Plan { benchmarks: vec![benchmark], entries, unmapped: vec!["texts".to_owned()] }
    }

    #[test]
    fn plans_of_one_version_have_one_definition() {
        let body = |metric: &str, task: &str| json!({"metric": metric, "tasks": [{"id": task}]});
        let mut whole = plan(body("pass_rate", "a"));
        whole.add(plan(body("pass_rate", "a")));
        assert_eq!(whole.benchmarks[0].body["metric"], "pass_rate");
        whole.add(plan(body("score", "a")));
        assert_eq!(whole.benchmarks[0].body["metric"], "score", "one with partial scores makes all of them scores");
        whole.add(plan(body("pass_rate", "other")));
        whole.add(plan(json!({"metric": "pass_rate", "evidence": "counts", "taskCount": 1})));
        assert_eq!((whole.benchmarks.len(), whole.unmapped.len()), (1, 1));
        let sound = whole.entries.iter().map(|entry| entry.submission.is_ok()).collect::<Vec<_>>();
        assert_eq!(sound, [true, true, true, false, false]);
        let reason = whole.entries[3].submission.as_ref().unwrap_err();
        assert!(reason.contains("--benchmark-version"), "{reason}");
    }
}
