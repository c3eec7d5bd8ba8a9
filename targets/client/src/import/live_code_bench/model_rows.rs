//! The performances of one model, which become a run.

use std::collections::BTreeMap;

use aibaas_core::{
    domain::{BenchmarkId, VersionName},
    wire::{ResultInput, RunCreate},
};

use super::{
    Options,
    document::{ModelInfo, Performance},
};
use crate::import::{
    listing::some_of,
    names,
    plan::{Evidence, Model, Submission, is_partial},
    rates,
};

/// Decimals to which percentages are exact.
const DECIMALS: u8 = 9;

/// The performances of one model.
#[derive(Default)]
pub struct ModelRows {
    pub name: String,
    results: BTreeMap<String, ResultInput>,
    /// First mistake in the performances.
    pub wrong: Option<String>,
}

impl ModelRows {
    /// Creates an empty collection with the model's name.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Adds a performance.
    ///
    /// # Errors
    /// A text that says what is wrong with the performance.
    pub fn take(&mut self, row: &Performance, samples: Option<u32>) -> Result<(), String> {
        let task = row.task()?;
        let percent = row.pass_at_1;
        if !(0.0..=100.0).contains(&percent) {
            return Err(format!("pass@1 of {task} is {percent}, which is no percentage"));
        }
        let score = percent / 100.0;
        let mut result = ResultInput::finished(task.as_str(), 1, score);
        if let Some(samples) = samples {
            let (correct, _) = rates::passes(percent, 100.0, DECIMALS, samples)
                .map_err(|reason| format!("pass@1 of {task}: {reason} (--samples)"))?;
            result.score = Some(f64::from(correct) / f64::from(samples));
            (result.samples, result.correct) = (Some(samples.into()), Some(correct.into()));
        }
        if self.results.insert(task.clone(), result).is_some() {
            return Err(format!("{task} stands twice"));
        }
        Ok(())
    }

    /// Checks whether a score is other than that of passes.
    pub fn has_partial_scores(&self) -> bool {
        self.results.values().any(|result| result.samples.is_none() && is_partial(result))
    }

    /// Creates the run; each problem of the file has to have a performance.
    ///
    /// # Errors
    /// A text that says why it would be wrong to publish it.
    pub fn submission(
        &self,
        tasks: &[String],
        models: &[ModelInfo],
        (id, version): (&BenchmarkId, &VersionName),
        options: &Options,
    ) -> Result<Submission, String> {
        if let Some(reason) = &self.wrong {
            return Err(reason.clone());
        }
        let missing: Vec<_> = tasks.iter().filter(|task| !self.results.contains_key(*task)).collect();
        if !missing.is_empty() {
            return Err(format!("{} of {} problems are missing: {}", missing.len(), tasks.len(), some_of(&missing)));
        }
        let info = models.iter().find(|info| info.model_repr.as_ref().unwrap_or(&info.model_name) == &self.name);
        let (told, name) = names::vendor_and_name(info.map_or(&self.name, |info| &info.model_name));
        let model = Model {
            display_name: self.name.clone(),
            ..Model::named(options.naming.provider(told, &self.name)?, name)?
        };
        let name = ["livecodebench", id.as_str(), version.as_str(), &self.name];
        let harness_version = options.code.harness_version.as_str();
        let run = RunCreate {
            commit: options.code.commit.clone(),
            attempts_policy: options.samples.map(|samples| format!("{samples} samples of each problem, each counts")),
            external_id: Some(names::external_id(&name)),
            ..RunCreate::new(model.id(), id.clone(), version.clone(), "livecodebench", harness_version)
        };
        Ok(Submission { model, run, evidence: Evidence::Results(self.results.values().cloned().collect()) })
    }
}
