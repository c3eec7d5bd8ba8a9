//! Conditions that runs are made under: what a benchmark version prescribes, and what held for a run.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Longest time limit, in seconds: a year.
pub const MOST_SECONDS: u32 = 31_536_000;
/// Most attempts at a task.
pub const MOST_ATTEMPTS: u32 = 1_000_000;

/// Conditions of a run. What is null or absent is not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Conditions {
    /// How long a task may take.
    #[schema(minimum = 1, maximum = 31_536_000, example = 300)]
    pub time_limit_seconds: Option<u32>,
    /// Whether the model may use tools.
    pub tools: Option<bool>,
    /// Whether the model may use the internet.
    pub internet: Option<bool>,
    /// How often a task may be tried.
    #[schema(minimum = 1, maximum = 1_000_000, example = 1)]
    pub attempts: Option<u32>,
}

/// The name of a condition, as [`Conditions`] has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ConditionName {
    /// How long a task may take.
    TimeLimitSeconds,
    /// Whether the model may use tools.
    Tools,
    /// Whether the model may use the internet.
    Internet,
    /// How often a task may be tried.
    Attempts,
}

/// The value of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum ConditionValue {
    /// Whether something is allowed.
    Allowed(bool),
    /// How much.
    Number(u32),
}

/// A condition that a run had otherwise than its benchmark version prescribes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConditionDifference {
    /// Which one.
    pub condition: ConditionName,
    /// What the version prescribes.
    pub prescribed: ConditionValue,
    /// What held for the run.
    pub actual: ConditionValue,
}

impl ConditionName {
    /// Returns the name of the condition for people, such as `time limit`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::TimeLimitSeconds => "time limit",
            Self::Tools => "tools",
            Self::Internet => "internet",
            Self::Attempts => "attempts",
        }
    }

    /// Formats a value of the condition for people: `no`, `300 s`.
    #[must_use]
    pub fn value(self, value: ConditionValue) -> String {
        match (self, value) {
            (_, ConditionValue::Allowed(true)) => "yes".to_owned(),
            (_, ConditionValue::Allowed(false)) => "no".to_owned(),
            (Self::TimeLimitSeconds, ConditionValue::Number(seconds)) => format!("{seconds} s"),
            (_, ConditionValue::Number(number)) => number.to_string(),
        }
    }
}

/// Writes the difference as in `internet: yes instead of no`.
impl fmt::Display for ConditionDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value) = (self.condition.words(), |value| self.condition.value(value));
        write!(f, "{name}: {} instead of {}", value(self.actual), value(self.prescribed))
    }
}

impl Conditions {
    /// Returns these conditions, or `None` where none of them is set.
    #[must_use]
    pub fn if_any(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }

    /// Returns each condition that is set, in the order of their declaration.
    pub fn said(self) -> impl Iterator<Item = (ConditionName, ConditionValue)> {
        let allowed = |value: Option<bool>| value.map(ConditionValue::Allowed);
        let number = |value: Option<u32>| value.map(ConditionValue::Number);
        let all = [
            (ConditionName::TimeLimitSeconds, number(self.time_limit_seconds)),
            (ConditionName::Tools, allowed(self.tools)),
            (ConditionName::Internet, allowed(self.internet)),
            (ConditionName::Attempts, number(self.attempts)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }

    /// Returns the conditions that both sides set, but to different values; `self` is what is prescribed.
    #[must_use]
    pub fn differences(self, actual: Self) -> Vec<ConditionDifference> {
        let other = |(condition, prescribed)| {
            let (_, actual) = actual.said().find(|(name, _)| *name == condition)?;
            (actual != prescribed).then_some(ConditionDifference { condition, prescribed, actual })
        };
        self.said().filter_map(other).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_say_can_differ() {
        let prescribed = Conditions { time_limit_seconds: Some(300), internet: Some(false), ..Conditions::default() };
        let actual = Conditions {
            time_limit_seconds: Some(300),
            tools: Some(true),
            internet: Some(true),
            ..Conditions::default()
        };
        let [internet] = prescribed.differences(actual)[..] else { panic!("{:?}", prescribed.differences(actual)) };
        assert_eq!(internet.condition, ConditionName::Internet);
        assert_eq!(
            (internet.prescribed, internet.actual),
            (ConditionValue::Allowed(false), ConditionValue::Allowed(true))
        );
        assert_eq!(internet.to_string(), "internet: yes instead of no");
        let slow = Conditions { time_limit_seconds: Some(600), ..prescribed };
        assert_eq!(prescribed.differences(slow)[0].to_string(), "time limit: 600 s instead of 300 s");
        assert_eq!(prescribed.differences(Conditions::default()), []);
        assert_eq!(Conditions::default().differences(actual), []);
        assert_eq!(Conditions::default().if_any(), None);
    }
}
