//! The harness's files, as far as they are needed.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::import::python_json::python_json;

/// Name of the file with the trials; [`METADATA`] describes the run, where it was kept.
pub const RESULTS: &str = "results.json";
pub const METADATA: &str = "run_metadata.json";

/// Content of a run's files.
pub struct Recorded {
    pub results: Results,
    pub metadata: Metadata,
}

/// Content of results.json.
#[derive(Deserialize)]
pub struct Results {
    pub id: Option<String>,
    pub results: Vec<Trial>,
    pub n_resolved: Option<usize>,
}

/// One attempt at one task.
#[derive(Deserialize)]
pub struct Trial {
    pub task_id: String,
    #[serde(default)]
    pub trial_name: String,
    pub is_resolved: Option<bool>,
    pub failure_mode: Option<String>,
    pub total_input_tokens: Option<u64>,
    pub total_output_tokens: Option<u64>,
    pub trial_started_at: Option<String>,
    pub trial_ended_at: Option<String>,
    pub agent_started_at: Option<String>,
    pub agent_ended_at: Option<String>,
}

/// Content of run_metadata.json.
#[derive(Default, Deserialize)]
pub struct Metadata {
    pub run_id: Option<String>,
    pub uuid: Option<String>,
    pub dataset_name: Option<String>,
    pub dataset_version: Option<String>,
    pub dataset_size: Option<u32>,
    pub agent_name: Option<String>,
    pub model_name: Option<String>,
    pub agent_kwargs: Option<Map<String, Value>>,
    pub n_concurrent_trials: Option<u32>,
    pub start_time: Option<String>,
    pub end_time: Option<String>,
    pub commit_hash: Option<String>,
}

/// Checks whether the file is of a single trial, which is two directories below its run.
pub fn is_of_trial(file: &Path) -> bool {
    let run = file.ancestors().nth(3);
    run.is_some_and(|run| run.join(RESULTS).is_file())
}

impl Recorded {
    /// Reads a run's files; the second may be missing.
    ///
    /// # Errors
    /// A text that says what was not understood.
    pub fn read(results: &[u8], metadata: Option<&[u8]>) -> Result<Self, String> {
        let metadata = metadata.map(python_json).transpose().map_err(|error| format!("{METADATA}: {error}"))?;
        let results: Results = python_json(results)?;
        if results.results.is_empty() {
            return Err("has no trial".to_owned());
        }
        let resolved = results.results.iter().filter(|trial| trial.is_resolved == Some(true)).count();
        if let Some(told) = results.n_resolved.filter(|told| *told != resolved) {
            return Err(format!("{resolved} of its trials are resolved, and it tells {told}"));
        }
        Ok(Self { results, metadata: metadata.unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "what is read stands on a disk")]
    fn trials_stand_below_their_run() {
        let run = std::env::temp_dir().join(format!("aibaas-terminal-bench-{}", std::process::id()));
        let trial = run.join("open-a-door/open-a-door.1-of-1");
        std::fs::create_dir_all(&trial).unwrap();
        for directory in [&run, &trial] {
            std::fs::write(directory.join(RESULTS), "{}").unwrap();
        }
        assert!(is_of_trial(&trial.join(RESULTS)));
        assert!(!is_of_trial(&run.join(RESULTS)) && !is_of_trial(Path::new(RESULTS)));
        std::fs::remove_dir_all(&run).unwrap();
    }
}
