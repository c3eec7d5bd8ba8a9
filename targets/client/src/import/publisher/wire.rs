//! What of a plan the API takes: the one place that changes when it takes more.

use serde_json::{Value, json};

use crate::import::plan::{About, Benchmark, Links, Plan, Run, Submission};

/// Returns what the API can take as it is. `RunCreate` requires a commit: once it does not, a run without one is sent
/// as it is, and the server flags it.
///
/// # Errors
/// Why the API would refuse it.
pub fn accepted(submission: &Submission) -> Result<&Submission, String> {
    match submission.run.commit {
        Some(_) => Ok(submission),
        None => Err("no commit of the code that was run is told: give --commit".to_owned()),
    }
}

/// Lists what of the plan is not sent, since the API has no place for it.
pub fn unsent(plan: &Plan) -> Vec<String> {
    let sound = plan.entries.iter().filter_map(|entry| entry.submission.as_ref().ok());
    let mut unsent = Vec::new();
    if sound.into_iter().any(|submission| submission.run.links != Links::default()) {
        unsent.push("links to source, logs, traces and paper: a run has no place for them".to_owned());
    }
    if plan.benchmarks.iter().any(|benchmark| benchmark.about != About::default()) {
        unsent.push("homepage, licence and citation: a benchmark version has no place for them".to_owned());
    }
    if plan.benchmarks.iter().any(|benchmark| benchmark.relation.is_some()) {
        unsent.push("which version this one is a part or another scoring of: its name alone tells it".to_owned());
    }
    unsent
}

/// Makes the body that opens a run. `RunCreate` has no members for agent, configuration and links: the first two stand in
/// `generationConfig`, and links are left out.
///
/// # Errors
/// Why it cannot be written as JSON.
pub fn run_create(run: &Run) -> Result<Value, String> {
    let mut body = serde_json::to_value(run).map_err(|error| error.to_string())?;
    if let Some(Value::Object(config)) = body.get_mut("generationConfig") {
        if let Some(agent) = &run.agent {
            config.insert("agent".to_owned(), json!(agent));
        }
        if let Some(configuration) = &run.configuration {
            config.insert("configuration".to_owned(), json!(configuration));
        }
    }
    Ok(body)
}

/// Makes the body that declares a benchmark version. `BenchmarkVersionPut` has no members for its relation to another
/// version, its homepage, licence and citation: they are left out.
pub fn version_put(benchmark: &Benchmark) -> &Value {
    &benchmark.body
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::plan::Agent;

    #[test]
    fn agent_and_configuration_stand_in_the_generation_config() {
        let agent = Agent { name: "mini".to_owned(), version: Some("1.0".to_owned()) };
        let run = Run { agent: Some(agent), configuration: Some("high".to_owned()), ..Run::default() };
        let body = run_create(&run).unwrap();
        assert_eq!(
            body["generationConfig"],
            json!({"agent": {"name": "mini", "version": "1.0"}, "configuration": "high"})
        );
        assert_eq!((body.get("agent"), body.get("links")), (None, None));
    }
}
