//! What a benchmark version declares: how its runs are scored, and on which tasks.

use std::collections::BTreeSet;

use utoipa::ToSchema;

use super::{
    BenchmarkId, VersionName,
    conditions::Conditions,
    formats::{Slug, TaskId},
    measure::Measure,
};

/// Most values of a dimension: more would tell tasks apart rather than group them.
pub const MOST_VALUES: usize = 50;
/// Most slices of a version: one for each combination of values that its tasks have. Each run keeps as many scores.
pub const MOST_SLICES: usize = 2500;
/// Most versions of a benchmark.
pub const MOST_VERSIONS: u32 = 100;

/// What the runs of a version bring: `results`, task by task; only `counts` of the tasks that passed, or only one `score`
/// a run, where the source publishes no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Results, task by task.
    #[default]
    Results,
    /// Only counts: how many of the tasks passed.
    Counts,
    /// Only the score of the whole run.
    Score,
}

impl Evidence {
    /// Returns the name of the evidence in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Results => "results",
            Self::Counts => "counts",
            Self::Score => "score",
        }
    }

    /// Returns the evidence with this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Results, Self::Counts, Self::Score].into_iter().find(|evidence| evidence.as_str() == name)
    }
}

/// A task and the slices that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize, ToSchema)]
pub struct Task {
    /// Unique within its version.
    #[schema(value_type = TaskId)]
    pub id: String,
    /// What kind of task it is: a slice.
    #[schema(min_length = 1, max_length = 100, example = "exercise")]
    pub scenario: Option<String>,
    /// In which language it is: a slice.
    #[schema(min_length = 1, max_length = 100, example = "python")]
    pub language: Option<String>,
    /// How hard it is: a slice.
    #[schema(min_length = 1, max_length = 100, example = "easy")]
    pub difficulty: Option<String>,
    /// Tasks of one cluster resemble each other, such as those of one repository: their scores are not independent.
    #[schema(min_length = 1, max_length = 100)]
    pub cluster: Option<String>,
}

impl Task {
    /// Returns the task's scenario, language and difficulty, in this order.
    #[must_use]
    pub fn dimensions(&self) -> [Option<String>; 3] {
        [self.scenario.clone(), self.language.clone(), self.difficulty.clone()]
    }
}

/// A part of a composite score, such as a judge's. A result's score is Σ weight·score / Σ weight over the parts that it
/// has.
#[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Unique within its version; at most 50 characters.
    #[schema(value_type = Slug)]
    pub id: String,
    /// Its share, to that of the other parts.
    #[schema(exclusive_minimum = 0, maximum = 1_000_000)]
    pub weight: f64,
}

/// The values that a version's tasks have in each dimension, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, ToSchema)]
pub struct Slices {
    /// Scenarios.
    #[schema(example = json!(["exercise"]))]
    pub scenario: BTreeSet<String>,
    /// Languages.
    #[schema(example = json!(["python", "rust"]))]
    pub language: BTreeSet<String>,
    /// Difficulties.
    #[schema(example = json!(["easy"]))]
    pub difficulty: BTreeSet<String>,
}

impl Slices {
    /// Returns each dimension's name and values.
    #[must_use]
    pub fn dimensions(&self) -> [(&'static str, &BTreeSet<String>); 3] {
        [("scenario", &self.scenario), ("language", &self.language), ("difficulty", &self.difficulty)]
    }

    /// Collects the values that these tasks have in each dimension.
    #[must_use]
    pub fn of(tasks: &[Task]) -> Self {
        let values = |of: fn(&Task) -> &Option<String>| tasks.iter().filter_map(|task| of(task).clone()).collect();
        Self {
            scenario: values(|task| &task.scenario),
            language: values(|task| &task.language),
            difficulty: values(|task| &task.difficulty),
        }
    }
}

/// A benchmark version with its tasks. When a version is declared again, its JSON is what is compared.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BenchmarkVersion {
    /// Id of the benchmark.
    pub benchmark: BenchmarkId,
    /// Name of the version, which is immutable once it has runs.
    pub version: VersionName,
    /// Title of the benchmark, for people.
    pub title: String,
    /// Text about what the benchmark measures.
    pub description: Option<String>,
    /// Meaning of a score.
    #[serde(flatten, serialize_with = "Measure::define")]
    pub measure: Measure,
    /// Score that guessing reaches.
    pub chance_level: Option<f64>,
    /// Evidence that its runs consist of.
    pub evidence: Evidence,
    /// Number of tasks.
    pub task_count: u32,
    /// Number of attempts at each task.
    pub attempts_per_task: u32,
    /// Whether its tasks, and results by task, are told to nobody.
    #[serde(serialize_with = "null_where_false")]
    pub private_tasks: bool,
    /// Day or month since when anyone could read the tasks.
    pub tasks_published_on: Option<String>,
    /// Parts of a composite score; `None` where the score is not composite.
    pub parts: Option<Vec<Part>>,
    /// Name of the version that has all tasks of this one and more.
    pub part_of: Option<VersionName>,
    /// Number of tasks of the whole that this version is a part of, where the whole is no declared version.
    pub whole_task_count: Option<u32>,
    /// Name of the version with the same tasks, where this one is a second scoring of it.
    pub other_scoring_of: Option<VersionName>,
    /// Address of a page with more about the benchmark.
    pub homepage: Option<String>,
    /// Licence of the tasks.
    pub licence: Option<String>,
    /// Text to cite the benchmark by.
    pub citation: Option<String>,
    /// Conditions that it prescribes for runs.
    pub conditions: Option<Conditions>,
    /// Tasks of the version; empty unless the evidence is [`Evidence::Results`].
    pub tasks: Vec<Task>,
}

/// Serialises `false` as null, which is left out of a definition, so that older definitions are still the same.
fn null_where_false<S: serde::Serializer>(value: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    if *value { serializer.serialize_bool(true) } else { serializer.serialize_none() }
}
