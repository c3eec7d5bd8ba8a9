//! The evaluation document, as far as it is needed.

use std::{
    collections::BTreeMap,
    path::{Component, Path, PathBuf},
};

use aibaas_core::domain::measure::Bounds;
use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

use crate::import::{measure::Measure, python_json::python_json};

/// Prefixes of the schema versions that are read.
const SCHEMAS: [&str; 2] = ["0.3.", "0.2."];

/// Most characters of a unit that the API accepts.
const LONGEST_UNIT: usize = 30;

/// An evaluation of one model.
#[derive(Deserialize)]
pub struct Document {
    schema_version: String,
    pub evaluation_id: String,
    pub evaluation_timestamp: Option<String>,
    pub source_metadata: SourceMetadata,
    pub model_info: ModelInfo,
    /// Library that evaluated; absent in the first documents of schema 0.2.
    pub eval_library: Option<EvalLibrary>,
    /// Results; a mistake in one affects only that one.
    pub evaluation_results: Vec<Value>,
    pub detailed_evaluation_results: Option<Details>,
}

/// Source of the document.
#[derive(Deserialize)]
pub struct SourceMetadata {
    pub source_name: Option<String>,
    pub source_type: Option<String>,
    pub source_organization_url: Option<String>,
    pub evaluator_relationship: String,
}

/// The model.
#[derive(Deserialize)]
pub struct ModelInfo {
    pub name: Option<String>,
    pub id: String,
    pub developer: Option<String>,
    pub inference_platform: Option<String>,
    pub inference_engine: Option<Value>,
}

/// The harness.
#[derive(Deserialize)]
pub struct EvalLibrary {
    pub name: String,
    pub version: Option<String>,
    #[serde(default)]
    pub additional_details: BTreeMap<String, Value>,
}

/// Location of the samples.
#[derive(Deserialize)]
pub struct Details {
    pub file_path: String,
    pub hash_algorithm: Option<String>,
    pub checksum: Option<String>,
    pub total_rows: Option<usize>,
}

/// Result of the model for one metric.
#[derive(Deserialize)]
pub struct EvaluationResult {
    pub evaluation_result_id: Option<String>,
    pub evaluation_name: String,
    #[serde(default)]
    pub source_data: SourceData,
    pub evaluation_timestamp: Option<String>,
    pub metric_config: MetricConfig,
    pub score_details: ScoreDetails,
    pub generation_config: Option<GenerationConfig>,
}

/// The dataset.
#[derive(Default, Deserialize)]
pub struct SourceData {
    pub dataset_name: Option<String>,
    pub url: Option<Value>,
    pub hf_repo: Option<String>,
    /// Number of samples in the dataset; more or fewer may have been evaluated.
    pub samples_number: Option<u32>,
    /// Ids of the samples that were evaluated.
    #[serde(default)]
    pub sample_ids: Vec<Value>,
}

/// The metric. Bounds may be the texts `Infinity` and `-Infinity`.
#[derive(Deserialize)]
pub struct MetricConfig {
    pub metric_id: Option<String>,
    pub metric_name: Option<String>,
    pub metric_unit: Option<String>,
    pub lower_is_better: bool,
    pub score_type: Option<String>,
    pub min_score: Option<Value>,
    pub max_score: Option<Value>,
}

/// The score.
#[derive(Deserialize)]
pub struct ScoreDetails {
    pub score: Number,
    pub uncertainty: Option<Uncertainty>,
}

/// Uncertainty of the score.
#[derive(Deserialize)]
pub struct Uncertainty {
    pub standard_error: Option<StandardError>,
    pub confidence_interval: Option<ConfidenceInterval>,
    pub num_samples: Option<u32>,
}

#[derive(Deserialize)]
pub struct StandardError {
    pub value: f64,
}

#[derive(Deserialize)]
pub struct ConfidenceInterval {
    pub lower: Option<f64>,
    pub upper: Option<f64>,
    pub confidence_level: Option<f64>,
}

/// Configuration of the model.
#[derive(Deserialize)]
pub struct GenerationConfig {
    #[serde(default)]
    pub generation_args: Map<String, Value>,
}

impl Document {
    /// Reads an evaluation.
    ///
    /// # Errors
    /// A text that says what was not understood.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let value: Value = python_json(bytes)?;
        let schema = value.get("schema_version").and_then(Value::as_str).ok_or("schema_version is missing")?;
        if !SCHEMAS.iter().any(|known| schema.starts_with(known)) {
            return Err(format!("schema_version is {schema:?}; 0.3 and 0.2 are read"));
        }
        Self::deserialize(value).map_err(|error| error.to_string())
    }

    /// Returns the name of the file with the samples.
    pub fn samples_file(&self) -> Option<&str> {
        Path::new(&self.detailed_evaluation_results.as_ref()?.file_path).file_name()?.to_str()
    }

    /// Returns the paths at which the samples of an evaluation in this file may be: below the file as the document
    /// says, beside it, or under its own name.
    pub fn samples_paths(&self, file: &Path) -> Vec<PathBuf> {
        let told = self.detailed_evaluation_results.as_ref().map(|details| Path::new(&details.file_path));
        let is_below = |path: &&Path| path.components().all(|part| matches!(part, Component::Normal(_)));
        let below = told.filter(is_below).map(|path| file.with_file_name("").join(path));
        let beside = self.samples_file().map(|name| file.with_file_name(name));
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        [below, beside, Some(file.with_file_name(format!("{stem}_samples.jsonl")))].into_iter().flatten().collect()
    }

    /// Compares the samples with the checksum and the number of lines in the evaluation.
    ///
    /// # Errors
    /// A text that says what differs.
    pub fn check_samples(&self, samples: &[u8]) -> Result<(), String> {
        let Some(details) = &self.detailed_evaluation_results else { return Ok(()) };
        if let (Some("sha256"), Some(told)) = (details.hash_algorithm.as_deref(), &details.checksum)
            && !told.eq_ignore_ascii_case(&HEXLOWER.encode(&Sha256::digest(samples)))
        {
            return Err("its samples have another checksum than it tells".to_owned());
        }
        let rows = samples.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        match details.total_rows {
            Some(told) if told != rows => Err(format!("its samples are {rows} lines, it tells {told}")),
            _ => Ok(()),
        }
    }

    /// Returns the schema's version.
    pub fn schema(&self) -> &str {
        &self.schema_version
    }
}

impl MetricConfig {
    /// Returns the name of the metric.
    pub fn name(&self) -> &str {
        self.metric_id.as_deref().or(self.metric_name.as_deref()).unwrap_or("score")
    }

    /// Returns what the scores mean, and the score of a whole one: 1, or 100 where shares are given in percent.
    ///
    /// # Errors
    /// A text where the document does not say it.
    pub fn measure(&self) -> Result<(Measure, f64), String> {
        let share = Measure { is_lower_better: self.lower_is_better, ..Measure::share() };
        let [lower, upper] = [&self.min_score, &self.max_score].map(|bound| bound.as_ref().and_then(Value::as_f64));
        match (lower, upper) {
            (Some(0.0), Some(most)) if most == 1.0 || most == 100.0 => return Ok((share, most)),
            (Some(least), Some(most)) if least >= most => {
                return Err(format!("{} has no score from {least} to {most}", self.name()));
            }
            _ => {}
        }
        let is_unbounded = self.min_score.is_none() && self.max_score.is_none();
        match (self.metric_unit.as_deref(), self.score_type.as_deref()) {
            (Some("proportion"), _) | (None, Some("binary")) if is_unbounded => Ok((share, 1.0)),
            (Some("percent"), _) if is_unbounded => Ok((share, 100.0)),
            (None, _) if is_unbounded => Err(format!("{} has neither bounds nor a unit", self.name())),
            (unit, _) => {
                let unit = unit.map(|unit| unit.chars().take(LONGEST_UNIT).collect());
                Ok((Measure { unit, bounds: Some(Bounds { lower, upper }), ..share }, 1.0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_below_beside_or_under_the_same_name() {
        let paths = |told: &str| {
            let document = format!(
                r#"{{"schema_version":"0.2.2","evaluation_id":"e","source_metadata":{{"evaluator_relationship":"other"}},
                "model_info":{{"id":"a/b"}},"evaluation_results":[]{told}}}"#
            );
            let paths = Document::read(document.as_bytes()).unwrap().samples_paths(Path::new("data/e.json"));
            paths.iter().map(|path| path.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let of = |file: &str| format!(r#","detailed_evaluation_results":{{"file_path":"{file}"}}"#);
        assert_eq!(paths(""), ["data/e_samples.jsonl"]);
        assert_eq!(paths(&of("in/s.jsonl")), ["data/in/s.jsonl", "data/s.jsonl", "data/e_samples.jsonl"]);
        for outside in ["/in/s.jsonl", "../s.jsonl", "in/../../s.jsonl"] {
            assert_eq!(paths(&of(outside)), ["data/s.jsonl", "data/e_samples.jsonl"], "{outside}");
        }
    }
}
