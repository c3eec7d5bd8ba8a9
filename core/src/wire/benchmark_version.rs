//! The body that declares a benchmark version.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::members::is_default;
use crate::domain::{
    VersionName,
    benchmark::{Evidence, Part},
    conditions::Conditions,
    formats::{DayOrMonth, TaskId, WebAddress},
    measure::{Bounds, Direction, Metric},
};

/// What declares a version. With evidence `results` it lists its `tasks`; with evidence `counts` it has a `taskCount`,
/// the metric `pass_rate`, and no parts; with evidence `score` it has a `taskCount` and no parts.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BenchmarkVersionPut {
    /// What people call the benchmark.
    #[schema(min_length = 1, max_length = 255, example = "Exercises")]
    pub title: String,
    /// What it measures.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 10_000)]
    pub description: Option<String>,
    pub metric: Metric,
    /// Which scores are better.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(default = "higher_is_better")]
    pub direction: Direction,
    /// In what scores are, such as `s`, `USD`, `tokens/s` or `Elo`; only with metric `score`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 30)]
    pub unit: Option<String>,
    /// Between which numbers scores lie; a bound that is absent or null is none. Without `bounds`, 0 to 1; a pass rate,
    /// and a score with parts, always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// What guessing scores, within the bounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.25)]
    pub chance_level: Option<f64>,
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(default = "results")]
    pub evidence: Evidence,
    /// Whether tasks and results by task are told to nobody, so that no model is trained on them.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(default = false)]
    pub private_tasks: bool,
    /// Since when anyone could read the tasks. A model trained later is flagged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DayOrMonth>)]
    pub tasks_published_on: Option<String>,
    /// What a composite score is made of; only with metric `score`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<PartsInput>,
    /// At most 50 different values of a dimension.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        min_items = 1,
        max_items = 10_000,
        example = json!([{ "id": "python/two-fer", "language": "python", "difficulty": "easy" }])
    )]
    pub tasks: Option<Vec<TaskInput>>,
    /// How many tasks there are; with evidence `counts` or `score`, whose tasks are not named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000_000)]
    pub task_count: Option<u32>,
    /// How often each task is tried.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    #[schema(minimum = 1, maximum = 10, default = 1)]
    pub attempts_per_task: u32,
    /// The version of this benchmark that has all tasks of this one and more: this is a part of it, such as a smoke
    /// test, and never what the benchmark is read by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_of: Option<VersionName>,
    /// How many tasks the whole has, where this version has some of them and the whole is not declared: instead of
    /// `partOf`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 2, maximum = 10_000_000)]
    pub whole_task_count: Option<u32>,
    /// The version of this benchmark with the same tasks, of which this is a second scorer or metric: never what the
    /// benchmark is read by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_scoring_of: Option<VersionName>,
    /// Where to read more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<WebAddress>)]
    pub homepage: Option<String>,
    /// The licence of the tasks: an SPDX expression, or a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100, example = "Apache-2.0")]
    pub licence: Option<String>,
    /// How to cite it, such as in BibTeX.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub citation: Option<String>,
    /// Under which conditions runs are to be made. A run that says it had others is flagged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Conditions>,
}

/// A task and the slices that it belongs to.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskInput {
    #[schema(value_type = TaskId)]
    pub id: String,
    /// What kind of task it is: a slice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100, example = "exercise")]
    pub scenario: Option<String>,
    /// In which language it is: a slice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100, example = "python")]
    pub language: Option<String>,
    /// How hard it is: a slice.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100, example = "easy")]
    pub difficulty: Option<String>,
    /// Tasks of one cluster resemble each other, such as those of one repository: their scores are not independent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub cluster: Option<String>,
}

/// The parts of a composite score. `default`: automated 40, staff 25, community 20, self-review 7.5, panel 7.5.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(untagged)]
pub enum PartsInput {
    Own(#[schema(inline)] OwnParts),
    Named(#[schema(inline)] DefaultParts),
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(min_items = 1, max_items = 20)]
pub struct OwnParts(pub Vec<Part>);

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DefaultParts {
    Default,
}

fn one() -> u32 {
    1
}

fn is_one(attempts: &u32) -> bool {
    *attempts == 1
}

impl BenchmarkVersionPut {
    /// Creates the declaration of a version whose runs bring results, without its tasks.
    #[must_use]
    pub fn of_results(title: impl Into<String>, metric: Metric) -> Self {
        Self {
            title: title.into(),
            description: None,
            metric,
            direction: Direction::default(),
            unit: None,
            bounds: None,
            chance_level: None,
            evidence: Evidence::Results,
            private_tasks: false,
            tasks_published_on: None,
            parts: None,
            tasks: None,
            task_count: None,
            attempts_per_task: one(),
            part_of: None,
            whole_task_count: None,
            other_scoring_of: None,
            homepage: None,
            licence: None,
            citation: None,
            conditions: None,
        }
    }

    /// Creates the declaration of a version whose runs bring counts.
    #[must_use]
    pub fn of_counts(title: impl Into<String>, task_count: u32) -> Self {
        let evidence = Evidence::Counts;
        Self { evidence, task_count: Some(task_count), ..Self::of_results(title, Metric::PassRate) }
    }

    /// Creates the declaration of a version whose runs bring one score each.
    #[must_use]
    pub fn of_scores(title: impl Into<String>, task_count: u32) -> Self {
        let evidence = Evidence::Score;
        Self { evidence, task_count: Some(task_count), ..Self::of_results(title, Metric::Score) }
    }
}

impl TaskInput {
    /// Creates a task that belongs to no slice.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), scenario: None, language: None, difficulty: None, cluster: None }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_says_nothing_is_left_out() {
        let told = |version: BenchmarkVersionPut| serde_json::to_value(version).unwrap();
        let counts = BenchmarkVersionPut::of_counts("B", 225);
        let expected = json!({ "title": "B", "metric": "pass_rate", "evidence": "counts", "taskCount": 225 });
        assert_eq!(told(counts), expected);
        let results = BenchmarkVersionPut {
            direction: Direction::LowerIsBetter,
            bounds: Some(Bounds { lower: Some(0.0), upper: None }),
            tasks: Some(vec![TaskInput { language: Some("rust".to_owned()), ..TaskInput::new("a") }]),
            attempts_per_task: 2,
            other_scoring_of: Some("1".into()),
            ..BenchmarkVersionPut::of_results("B", Metric::Score)
        };
        let expected = json!({
            "title": "B", "metric": "score", "direction": "lower_is_better", "bounds": { "lower": 0.0, "upper": null },
            "tasks": [{ "id": "a", "language": "rust" }], "attemptsPerTask": 2, "otherScoringOf": "1",
        });
        assert_eq!(told(results.clone()), expected);
        assert_eq!(serde_json::from_value::<BenchmarkVersionPut>(expected).unwrap(), results);
    }
}
