//! The body that opens a run.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{members::without_nulls, names::name};
use crate::domain::{
    BenchmarkId, ModelId, SealId, VersionName, conditions::Conditions, evaluator::EvaluatorRelationship,
    run_links::RunLinks, strict_json::StrictObject, system::Agent,
};

/// What a run claims to be.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RunCreate {
    #[serde(deserialize_with = "name")]
    pub model: ModelId,
    /// What drove the model, such as an agent or a scaffold. With another agent it is another row of the leaderboard.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "without_nulls")]
    pub agent: Option<Agent>,
    /// A short label of what the model ran in, such as its reasoning effort; also another row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100, example = "high")]
    pub configuration: Option<String>,
    #[serde(deserialize_with = "name")]
    pub benchmark: BenchmarkId,
    pub version: VersionName,
    /// What ran it.
    #[schema(min_length = 1, max_length = 100, example = "aider")]
    pub harness: String,
    /// Which version of that.
    #[schema(min_length = 1, max_length = 100, example = "0.86.0")]
    pub harness_version: String,
    /// Of the harness or of the benchmark's code. A run without one has the flag `unpinned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100, example = "5318380")]
    pub commit: Option<String>,
    /// Whether the working tree differed from the commit.
    #[serde(default)]
    #[schema(default = false)]
    pub dirty: bool,
    /// Of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub prompt_hash: Option<String>,
    /// Free-form: temperature, reasoning effort … Numbers are within ±(2⁵³ − 1), and no member stands twice: what is
    /// kept is what was sent. No name begins with `$serde_json::private::`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub generation_config: StrictObject,
    /// How attempts were made and counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1000, example = "2 attempts, the second with the test output")]
    pub attempts_policy: Option<String>,
    /// What was called.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4000, example = "aider --model openai/gpt-5")]
    pub command: Option<String>,
    pub evaluator_relationship: EvaluatorRelationship,
    /// The source's own id of the run, unique among its owner's runs. With it the same request again gets the run that
    /// it opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200, example = "2025-08-23-gpt-5-high")]
    pub external_id: Option<String>,
    /// Under which conditions it was made. What the benchmark version prescribes otherwise is flagged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Conditions>,
    /// RFC 3339 with any offset; kept to the millisecond.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub started_at: Option<String>,
    /// Not before `startedAt`. Neither is more than a day from now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub completed_at: Option<String>,
    /// Where to read more of it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "without_nulls")]
    pub links: Option<RunLinks>,
    /// What it was sealed as before it was made: your own seal, of the same system, benchmark version, harness and commit.
    /// The first run that is published with it opens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seal: Option<SealId>,
}

impl RunCreate {
    /// Creates the body that opens a run of which nothing else is known than what ran on what, and that a third party
    /// evaluated it.
    #[must_use]
    pub fn new(
        model: ModelId,
        benchmark: BenchmarkId,
        version: VersionName,
        harness: impl Into<String>,
        harness_version: impl Into<String>,
    ) -> Self {
        Self {
            model,
            agent: None,
            configuration: None,
            benchmark,
            version,
            harness: harness.into(),
            harness_version: harness_version.into(),
            commit: None,
            dirty: false,
            prompt_hash: None,
            generation_config: StrictObject::default(),
            attempts_policy: None,
            command: None,
            evaluator_relationship: EvaluatorRelationship::ThirdParty,
            external_id: None,
            conditions: None,
            started_at: None,
            completed_at: None,
            links: None,
            seal: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_says_nothing_is_left_out() {
        let run = RunCreate {
            agent: Some(Agent { name: "a".to_owned(), version: None }),
            links: Some(RunLinks { logs: Some("https://l.example".to_owned()), ..RunLinks::default() }),
            ..RunCreate::new("p/m".into(), "b".into(), "1".into(), "h", "2")
        };
        let expected = json!({
            "model": "p/m", "agent": { "name": "a" }, "benchmark": "b", "version": "1", "harness": "h",
            "harnessVersion": "2", "dirty": false, "generationConfig": {}, "evaluatorRelationship": "third_party",
            "links": { "logs": "https://l.example" },
        });
        assert_eq!(
            serde_json::to_string(&run).unwrap(),
            expected.to_string(),
            "in this order, by which runs are known again"
        );
        assert_eq!(serde_json::from_value::<RunCreate>(expected).unwrap(), run);
    }
}
