//! Names of the harness's files: `results_DATE.json`, `samples_TASK_DATE.jsonl`.

use std::path::Path;

use crate::import::inputs::name;

/// Checks whether a file has results.
pub fn is_results(file: &Path) -> bool {
    name(file).starts_with("results") && name(file).ends_with(".json")
}

/// Checks whether a file has samples.
pub fn is_samples(file: &Path) -> bool {
    name(file).starts_with("samples_") && name(file).ends_with(".jsonl")
}

/// Returns the date in a file's name, which contains no `_`; `None` where there is no date.
pub fn date(file: &Path) -> Option<&str> {
    let (stem, _) = name(file).rsplit_once(".json")?;
    stem.rsplit_once('_').map(|(_, date)| date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_samples_of_one_evaluation_have_one_date() {
        let results = Path::new("m/results_2024-10-19T16-28-12.750000.json");
        let samples = Path::new("m/samples_mmlu_pro_2024-10-19T16-28-12.750000.jsonl");
        assert!(is_results(results) && !is_results(samples));
        assert!(is_samples(samples) && !is_samples(results));
        assert_eq!(date(results), Some("2024-10-19T16-28-12.750000"));
        assert_eq!(date(results), date(samples));
        assert_eq!(date(Path::new("results.json")), None);
    }
}
