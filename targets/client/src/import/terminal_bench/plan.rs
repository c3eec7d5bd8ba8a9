//! Plan of what is published of all runs together.

use super::{
    Options,
    document::Recorded,
    system::{Key, submission},
};
use crate::import::{
    listing::some_of,
    plan::{Entry, Plan},
};

/// Creates the plan of runs, each with its file's name. Those of one system become one run.
pub fn plan(runs: Vec<(String, Result<Recorded, String>)>, options: &Options) -> Plan {
    let mut plan = Plan::default();
    let mut systems = Vec::<(Key, Vec<String>, Vec<Recorded>)>::new();
    for (file, run) in runs {
        match run.and_then(|run| Ok((Key::of(&run.metadata, options)?, run))) {
            Err(reason) => plan.refuse(file, reason),
            Ok((key, run)) => match systems.iter_mut().find(|(other, ..)| *other == key) {
                Some((_, files, runs)) => {
                    files.push(file);
                    runs.push(run);
                }
                None => systems.push((key, vec![file], vec![run])),
            },
        }
    }
    for (key, files, runs) in &systems {
        let name = format!("{} with {} ({})", key.agent.name, key.model, some_of(files));
        let mut own = Plan::default();
        let submission = submission(key, &runs.iter().collect::<Vec<_>>(), options);
        let submission = submission.map(|(benchmark, submission, unmapped)| {
            own.benchmarks.push(benchmark);
            own.unmapped.extend(unmapped.into_iter().map(|line| format!("{name}: {line}")));
            submission
        });
        own.entries.push(Entry { name, submission });
        plan.add(own);
    }
    plan.unmapped
        .push("instruction, parser_results, recordings and times of trials: a result has no place for them".to_owned());
    plan.unmapped.push(format!("harness version is not in the files: {} stands for it", options.code.harness_version));
    plan
}

#[cfg(test)]
mod tests {
    use aibaas_core::domain::{result_status::ResultStatus, system::Agent};
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;
    use crate::import::plan::{Evidence, Submission};

    /// An invented file in the form that the harness writes.
    const RESULTS: &str = include_str!("../../../../../tests/data/terminal-bench/results.json");
    const METADATA: &str = include_str!("../../../../../tests/data/terminal-bench/run_metadata.json");

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn read(runs: &[(Value, Option<Value>)], arguments: &[&str]) -> Plan {
        let options = Command::parse_from([&["", "results.json"], arguments].concat()).options;
        let runs = runs.iter().enumerate().map(|(index, (results, metadata))| {
            let metadata = metadata.as_ref().map(ToString::to_string);
            let run = Recorded::read(results.to_string().as_bytes(), metadata.as_deref().map(str::as_bytes));
            (format!("{index}/results.json"), run)
        });
        plan(runs.collect(), &options)
    }

    fn run(uuid: &str) -> (Value, Option<Value>) {
        let mut metadata: Value = serde_json::from_str(METADATA).unwrap();
        metadata["uuid"] = json!(uuid);
        (serde_json::from_str(RESULTS).unwrap(), Some(metadata))
    }

    fn sound(plan: &Plan) -> &Submission {
        plan.entries[0].submission.as_ref().unwrap()
    }

    #[test]
    fn runs_of_one_system_are_attempts() {
        let plan = read(&[run("u1"), run("u2"), run("u3"), run("u4"), run("u5")], &[]);
        assert_eq!((plan.entries.len(), plan.benchmarks.len()), (1, 1));
        let submission = sound(&plan);
        assert_eq!(
            serde_json::to_value(&submission.run).unwrap(),
            json!({
                "model": "anthropic/claude-imaginary", "benchmark": "terminal-bench-core", "version": "0.1.1-5-attempts",
                "harness": "terminal-bench", "harnessVersion": "unknown", "commit": "fedcba9", "dirty": false,
                "generationConfig": {"concurrentTrials": 4}, "evaluatorRelationship": "third_party",
                "startedAt": "2025-06-01T10:00:00.123Z", "completedAt": "2025-06-01T11:00:00.000Z",
                "externalId": "terminal-bench/terminal-bench-core/0.1.1-5-attempts/u1/u2/u3/u4/u5",
                "agent": {"name": "terminus", "version": "2.0"},
            })
        );
        assert_eq!(submission.run.agent, Some(Agent { name: "terminus".to_owned(), version: Some("2.0".to_owned()) }));
        let Evidence::Results(results) = &submission.evidence else { panic!("counts") };
        assert_eq!(results.len(), 20);
        let of = |task: &str| results.iter().find(|result| result.task == task && result.attempt == 5).unwrap();
        let open = of("open-a-door");
        assert_eq!(
            (open.status, open.latency_ms, open.input_tokens),
            (ResultStatus::Success, Some(61_500.0), Some(1200))
        );
        let slow = of("wait-for-paint");
        assert_eq!((slow.status, slow.input_tokens, slow.output_tokens), (ResultStatus::Timeout, None, None));
        assert_eq!((of("fix-a-chair").status, of("light-a-fire").status), (ResultStatus::Failed, ResultStatus::Error));
        assert_eq!(plan.benchmarks[0].body.attempts_per_task, 5);
    }

    /// Checks that the trials tell when a run was made whose file does not, as in published runs that were cut down to
    /// their results.
    #[test]
    fn trials_tell_when_a_run_was_made_that_does_not() {
        let trial = |task: &str, resolved: Value, from: &str, to: &str| {
            json!({"task_id": task, "is_resolved": resolved, "failure_mode": "unset", "total_input_tokens": null,
                "trial_started_at": from, "trial_ended_at": to})
        };
        let mut run = json!({"id": "u1", "n_resolved": 1, "results": [
            trial("b", json!(false), "2025-08-10T05:27:18.478461+00:00", "2025-08-10T05:33:26.036750+00:00"),
            trial("a", json!(true), "2025-08-10T05:27:18.400000+00:00", "2025-08-10T05:32:00+00:00"),
        ]});
        let arguments = ["--agent", "tinker", "--model", "org/m"];
        let plan = read(&[(run.clone(), None)], &arguments);
        let run_of = &sound(&plan).run;
        assert_eq!(run_of.started_at.as_deref(), Some("2025-08-10T05:27:18.400Z"));
        assert_eq!(run_of.completed_at.as_deref(), Some("2025-08-10T05:33:26.036Z"));
        run["n_resolved"] = json!(2);
        let refused = read(&[(run, None)], &arguments).entries.remove(0).submission.unwrap_err();
        assert_eq!(refused, "1 of its trials are resolved, and it tells 2");
    }

    #[test]
    fn what_is_no_whole_run_is_refused() {
        let refusal = |runs: &[(Value, Option<Value>)], arguments: &[&str]| {
            read(runs, arguments).entries.remove(0).submission.err().unwrap_or_default()
        };
        let (mut results, metadata) = run("u1");
        results["results"].as_array_mut().unwrap().pop();
        let part = [(results, metadata)];
        assert_eq!(refusal(&part, &[]), "3 of 4 tasks were tried; --accept-incomplete publishes what is there");
        let plan = read(&part, &["--accept-incomplete"]);
        assert_eq!(sound(&plan).run.version.as_str(), "0.1.1-1-attempts-3-of-4");
        assert!(plan.benchmarks[0].body.whole_task_count.is_some());
        let uneven = [run("u1"), part[0].clone()];
        assert_eq!(refusal(&uneven, &[]), "wait-for-paint have fewer than the 2 attempts of other tasks");

        let alone = [(run("u1").0, None)];
        assert_eq!(refusal(&alone, &[]), "names no agent: give --agent");
        assert_eq!(refusal(&alone, &["--agent", "a"]), "names no model: give --model PROVIDER/NAME");
        assert_eq!(refusal(&alone, &["--agent", "a", "--model", "org/m"]), "");
        assert_eq!(refusal(&[(json!({"results": []}), None)], &[]), "has no trial");
        let trial = json!({"task_id": "t", "is_resolved": true});
        assert!(refusal(&[(trial, None)], &[]).contains("missing field `results`"));
    }
}
