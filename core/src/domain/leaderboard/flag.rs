//! Flags: what readers of a row must know besides its score.

use serde::Serialize;
use utoipa::ToSchema;

use super::Entry;
use crate::domain::{benchmark::Evidence, conditions::ConditionDifference, evaluator::EvaluatorRelationship};

/// What to know of a row before trusting it.
///
/// `missing_cost`: what the run cost is not known. `self_reported`: nobody but the vendor has looked. `counts_only`: only
/// counts are known, not results task by task. `score_only`: the source publishes one number. `dirty_harness`: the harness had uncommitted changes. `contamination`: the
/// model was trained after the tasks were public. `best_of_n`: the best of several attempts counts. `other_conditions`:
/// the run was made under other conditions than the benchmark version prescribes. `unpinned`: which commit was run is not
/// told. A later version may add some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// What the run cost is not known.
    MissingCost,
    /// Nobody but the vendor has looked.
    SelfReported,
    /// Only counts are known, not results task by task.
    CountsOnly,
    /// Only the score of the whole run is known, as the source gives it.
    ScoreOnly,
    /// The harness had uncommitted changes.
    DirtyHarness,
    /// The model was trained after the tasks were published.
    Contamination,
    /// The best of several attempts counts.
    BestOfN,
    /// It was made under other conditions than the version prescribes.
    OtherConditions,
    /// Which commit was run is not told.
    Unpinned,
}

impl Flag {
    /// Returns the name of the flag on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingCost => "missing_cost",
            Self::SelfReported => "self_reported",
            Self::CountsOnly => "counts_only",
            Self::ScoreOnly => "score_only",
            Self::DirtyHarness => "dirty_harness",
            Self::Contamination => "contamination",
            Self::BestOfN => "best_of_n",
            Self::OtherConditions => "other_conditions",
            Self::Unpinned => "unpinned",
        }
    }

    /// Returns the flags of an entry on a version with this evidence. `differences` are those of its conditions from what
    /// the version prescribes.
    #[must_use]
    pub fn of(entry: &Entry, evidence: Evidence, differences: &[ConditionDifference]) -> Vec<Self> {
        let flags = [
            (entry.aggregates.known_cost().is_none(), Self::MissingCost),
            (entry.evaluator_relationship == EvaluatorRelationship::SelfReported, Self::SelfReported),
            (evidence == Evidence::Counts, Self::CountsOnly),
            (evidence == Evidence::Score, Self::ScoreOnly),
            (entry.dirty, Self::DirtyHarness),
            (entry.contaminated, Self::Contamination),
            (entry.attempts_policy.as_deref().is_some_and(is_best_of_several), Self::BestOfN),
            (!entry.pinned, Self::Unpinned),
            (!differences.is_empty(), Self::OtherConditions),
        ];
        flags.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag).collect()
    }
}

/// Checks whether a policy says that the best of several attempts counts: `best_of_n`, `Best-of-5`, `best of 3 runs`.
fn is_best_of_several(policy: &str) -> bool {
    let words = policy.to_lowercase().replace(['-', '_'], " ");
    let number = words.strip_prefix("best of ").and_then(|rest| rest.split_whitespace().next());
    number.is_some_and(|number| number != "1" && number != "one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_that_choose_the_best_are_known() {
        for policy in ["best_of_n", "Best-of-5", "best of 3 runs"] {
            assert!(is_best_of_several(policy), "{policy}");
        }
        for policy in ["best_of_1", "single attempt", "mean of 5", "the best of us"] {
            assert!(!is_best_of_several(policy), "{policy}");
        }
    }
}
