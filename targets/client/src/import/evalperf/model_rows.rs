//! The rows of one model, which become a run.

use std::collections::HashSet;

use aibaas_core::{
    domain::strict_json::StrictObject,
    wire::{ResultInput, RunCreate},
};
use serde_json::{Map, Value};

use super::{Options, file_name::FileName, row::Row};
use crate::import::{
    listing::some_of,
    names,
    plan::{Evidence, Submission},
    times::local_as_utc,
};

/// The rows of one model.
#[derive(Debug, Default)]
pub struct ModelRows {
    pub name: String,
    pub line: u64,
    date: String,
    temperature: String,
    results: Vec<ResultInput>,
    tasks: HashSet<String>,
    /// First mistake in the rows.
    pub wrong: Option<String>,
}

impl ModelRows {
    /// Creates an empty collection with the name of the model, and the line of its first row.
    pub fn new(name: &str, line: u64) -> Self {
        Self { name: name.to_owned(), line, ..Self::default() }
    }

    /// Adds a row.
    ///
    /// # Errors
    /// A text that says what is wrong with the row.
    pub fn take(&mut self, row: &Row<'_>) -> Result<(), String> {
        row.text("model")?;
        let (date, temperature) = (row.text("date")?, row.text("temperature")?);
        if self.tasks.is_empty() {
            date.clone_into(&mut self.date);
            temperature.clone_into(&mut self.temperature);
        } else if (date, temperature) != (&self.date, &self.temperature) {
            return Err("date or temperature is not that of the model's other rows".to_owned());
        }
        let result = row.result()?;
        if !self.tasks.insert(result.task.clone()) {
            return Err(format!("{} stands twice", result.task));
        }
        self.results.push(result);
        Ok(())
    }

    /// Creates the run; each task of the table has to have a row.
    ///
    /// # Errors
    /// A text that says why it would be wrong to publish it.
    pub fn submission(&self, tasks: &[String], options: &Options) -> Result<Submission, String> {
        if let Some(reason) = &self.wrong {
            return Err(reason.clone());
        }
        let missing: Vec<_> = tasks.iter().filter(|task| !self.tasks.contains(*task)).collect();
        if !missing.is_empty() {
            return Err(format!("{} of {} tasks are missing: {}", missing.len(), tasks.len(), some_of(&missing)));
        }
        let name = FileName::of(&self.name);
        let model = name.model(&options.naming)?;
        let temperature: f64 = self
            .temperature
            .parse()
            .ok()
            .filter(|temperature: &f64| temperature.is_finite() && *temperature >= 0.0)
            .ok_or_else(|| format!("temperature is {:?}, which is none", self.temperature))?;
        let started_at = local_as_utc(&self.date).map_err(|reason| format!("date: {reason}"))?;
        let mut config = Map::from_iter([("temperature".to_owned(), Value::from(temperature))]);
        for (member, value) in [("backend", name.backend), ("promptStyle", name.variant)] {
            if let Some(value) = value {
                config.insert(member.to_owned(), value.into());
            }
        }
        let samples = || self.results.iter().filter_map(|result| result.samples);
        let (least, most) = (samples().min().unwrap_or(1), samples().max().unwrap_or(1));
        let samples = if least == most { most.to_string() } else { format!("{least} to {most}") };
        let (id, version) = (options.benchmark.as_str(), options.benchmark_version.as_str());
        let run = RunCreate {
            commit: Some(options.commit.clone()),
            attempts_policy: Some(format!("{samples} samples of each task, each counts")),
            generation_config: StrictObject(config),
            started_at: Some(started_at),
            external_id: Some(names::external_id(&["evalperf", id, version, &self.name, &self.date])),
            ..RunCreate::new(model.id(), id.into(), version.into(), "evalplus", options.harness_version.as_str())
        };
        Ok(Submission { model, run, evidence: Evidence::Results(self.results.clone()) })
    }
}
