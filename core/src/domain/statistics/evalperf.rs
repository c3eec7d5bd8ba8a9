//! EvalPerf's per-task results (Apache-2.0, evalplus/evalplus.github.io): 118 tasks, up to 100 samples each.

use std::collections::BTreeMap;

const RESULTS: &str = include_str!("../../../../data/evalplus/evalperf_per_task.csv");

/// Returns the pass@1 of each task, 0 to 1, by the task's id.
pub(super) fn scores(model: &str) -> BTreeMap<&'static str, f64> {
    RESULTS
        .lines()
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|fields| fields[0] == model)
        .map(|fields| (fields[3], fields[6].parse::<f64>().unwrap() / 100.0))
        .collect()
}
