//! Plan of what is published of all logs together.

use std::collections::BTreeMap;

use aibaas_core::domain::measure::Metric;

use super::{Log, Options};
use crate::import::{
    listing::some_of,
    plan::{Benchmark, Entry, Evidence, Plan, Submission},
};

/// Creates the plan of the logs. All logs of one benchmark version must have the same tasks; its metric is the rate of
/// passes where every score in all of them is 0 or 1.
pub fn plan(logs: Vec<(String, Result<Log, String>)>, options: &Options) -> Plan {
    let mut plan = Plan::default();
    let mut definitions = BTreeMap::new();
    for log in logs.iter().filter_map(|(_, log)| log.as_ref().ok()) {
        let Benchmark { id, version, .. } = &log.benchmark;
        let definition = definitions.entry((id.clone(), version.clone())).or_insert_with(|| Definition {
            benchmark: log.benchmark.clone(),
            graded: options.provenance.graded && matches!(log.evidence, Evidence::Results(_)),
        });
        definition.graded |= log.has_partial_scores();
    }
    let mut unmapped = Vec::<(String, Vec<String>)>::new();
    for (file, log) in logs {
        let submission = log.and_then(|log| {
            let Benchmark { id, version, .. } = &log.benchmark;
            let definition = definitions.get(&(id.clone(), version.clone()));
            if definition.is_some_and(|definition| definition.benchmark.test() != log.benchmark.test()) {
                return Err(format!(
                    "its tasks, epochs, data set or scorer are not those of the first log of {id}, version {version}: \
                     import it apart, with --benchmark-version"
                ));
            }
            for reason in log.unmapped {
                match unmapped.iter_mut().find(|(other, _)| *other == reason) {
                    Some((_, files)) => files.push(file.clone()),
                    None => unmapped.push((reason, vec![file.clone()])),
                }
            }
            Ok(Submission { model: log.model, run: log.run, evidence: log.evidence })
        });
        plan.entries.push(Entry { name: file, submission });
    }
    let sound = plan.entries.iter().filter(|entry| entry.submission.is_ok()).count();
    let of_files = |(reason, files): (String, Vec<String>)| {
        if files.len() == sound { reason } else { format!("{reason} ({})", some_of(&files)) }
    };
    plan.unmapped = unmapped.into_iter().map(of_files).collect();
    for Definition { mut benchmark, graded } in definitions.into_values() {
        if graded {
            benchmark.body.metric = Metric::Score;
        }
        plan.benchmarks.push(benchmark);
    }
    plan
}

struct Definition {
    benchmark: Benchmark,
    /// Whether scores other than 0 and 1 are possible.
    graded: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::import::inspect::fixtures::{finished, options};

    #[test]
    fn logs_of_one_benchmark_have_one_definition() {
        let options = options(&[]);
        let log = |model: &str, dataset: &str| {
            let mut log = finished();
            log["eval"]["model"] = json!(model);
            log["eval"]["dataset"]["name"] = json!(dataset);
            (model.to_owned(), Log::read(log.to_string().as_bytes(), &options))
        };
        let broken = ("c".to_owned(), Log::read(b"", &options));
        let plan = plan(vec![log("a/b", "d"), log("b/b", "d"), broken, log("d/b", "other")], &options);
        assert_eq!(plan.benchmarks.len(), 1);
        assert_eq!(
            plan.entries.iter().map(|entry| entry.submission.is_ok()).collect::<Vec<_>>(),
            [true, true, false, false]
        );
        assert!(plan.unmapped.iter().all(|line| !line.ends_with(')')), "of both logs: {:?}", plan.unmapped);
    }
}
