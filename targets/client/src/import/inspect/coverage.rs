//! Coverage of the dataset by a log.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::{Eval, Sample};
use crate::import::listing::some_of;

/// Ids in Inspect's order: numbers by size, then texts. The order in a log may be that of completion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskId {
    Number(i64),
    Text(String),
}

impl TaskId {
    /// Reads an id.
    ///
    /// # Errors
    /// A text that says why it is not a valid task id.
    pub fn of(value: &Value) -> Result<Self, String> {
        match value {
            Value::Number(number) if number.is_i64() => Ok(Self::Number(number.as_i64().unwrap_or_default())),
            Value::String(text) if (1..=200).contains(&text.trim().chars().count()) => {
                Ok(Self::Text(text.trim().to_owned()))
            }
            other => Err(format!("the sample id {other} makes no task id: 1 to 200 characters or a number")),
        }
    }

    /// Returns the id as the API has it.
    pub fn into_text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// Part of the dataset that a log covers.
pub struct Coverage {
    /// Tasks with all epochs, in order.
    pub tasks: BTreeSet<TaskId>,
    /// Tasks without some epoch.
    partial: Vec<String>,
    /// Ids that the log declares and does not have.
    absent: Vec<String>,
    /// Attempts that each sample was to have.
    pub epochs: u32,
    /// Number of samples in the dataset.
    pub whole: usize,
}

impl Coverage {
    /// Compares the samples with what the log declares.
    ///
    /// # Errors
    /// A text that says why a sample is not an attempt at a task.
    pub fn of(samples: &[Sample], eval: &Eval) -> Result<Self, String> {
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

    /// Returns why the log is not the whole evaluation, where it is not.
    pub fn lacks(&self, status: &str) -> Option<String> {
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
