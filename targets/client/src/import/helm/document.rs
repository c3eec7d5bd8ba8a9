//! HELM's files, as far as they are needed.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use crate::import::python_json::python_json;

/// Name of the file that describes the run.
pub const SPEC: &str = "run_spec.json";
pub const STATS: &str = "stats.json";
pub const INSTANCES: &str = "per_instance_stats.json";

/// A run's files.
pub struct RunFiles {
    pub spec: Spec,
    pub stats: Vec<Stat>,
    pub instances: Option<Vec<Instance>>,
}

/// Content of run_spec.json.
#[derive(Deserialize)]
pub struct Spec {
    pub name: String,
    pub adapter_spec: Adapter,
    #[serde(default)]
    pub groups: Vec<String>,
}

/// Settings with which the model was asked.
#[derive(Deserialize)]
pub struct Adapter {
    pub model: String,
    pub model_deployment: Option<String>,
    pub method: Option<String>,
    pub temperature: Option<Value>,
    pub max_tokens: Option<Value>,
    pub num_outputs: Option<Value>,
    pub max_train_instances: Option<Value>,
    pub max_eval_instances: Option<Value>,
    pub num_train_trials: Option<u32>,
    pub num_trials: Option<u32>,
}

/// A statistic of a run, or of an instance.
#[derive(Deserialize)]
pub struct Stat {
    pub name: StatName,
    pub mean: Option<f64>,
}

/// Name of a statistic.
#[derive(Deserialize)]
pub struct StatName {
    pub name: String,
    pub split: Option<String>,
    pub sub_split: Option<String>,
    pub perturbation: Option<IgnoredAny>,
}

/// Statistics of one instance and trial, from per_instance_stats.json.
#[derive(Deserialize)]
pub struct Instance {
    pub instance_id: String,
    pub perturbation: Option<IgnoredAny>,
    #[serde(default)]
    pub train_trial_index: u32,
    pub stats: Vec<Stat>,
}

impl RunFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// A text that says what was not understood.
    pub fn read(spec: &[u8], stats: &[u8], instances: Option<&[u8]>) -> Result<Self, String> {
        let of = |file: &'static str| move |error: String| format!("{file}: {error}");
        Ok(Self {
            spec: python_json(spec).map_err(of(SPEC))?,
            stats: python_json(stats).map_err(of(STATS))?,
            instances: instances.map(python_json).transpose().map_err(of(INSTANCES))?,
        })
    }
}
