//! Conversion of a row to a submission.

use aibaas_core::{
    domain::{
        BenchmarkId, VersionName, evaluator::EvaluatorRelationship, run_links::RunLinks, strict_json::StrictObject,
    },
    wire::{CountsPut, RunCreate},
};
use serde_json::{Map, Value};

use super::{
    Options,
    document::Row,
    system::{agent, configuration, model},
};
use crate::import::{
    names,
    plan::{Evidence, Submission},
    rates::{self, Fit},
    times::day,
};

/// Decimals with which percentages are given.
const DECIMALS: u8 = 2;

/// Creates the run, and adds remarks about how its numbers were read.
///
/// # Errors
/// A text that says why it would be wrong to publish the row.
pub fn submission(
    row: &Row,
    (id, version): (&BenchmarkId, &VersionName),
    tasks: u32,
    options: &Options,
) -> Result<(Submission, Vec<String>), String> {
    let mut remarks = Vec::new();
    let model = model(row, options)?;
    let (passed, way) = rates::passes(row.resolved, 100.0, DECIMALS, tasks)
        .map_err(|reason| format!("resolved: {reason}, which the board has"))?;
    if way == Fit::Truncated {
        remarks.push(format!("resolved {} is {passed} of {tasks} truncated, not rounded", row.resolved));
    }
    if let Some(warning) = row.warning.as_deref().filter(|warning| !warning.is_empty()) {
        remarks.push(format!("warning of the board: {warning}"));
    }
    let told = |cost: Option<f64>| cost.filter(|cost| *cost > 0.0);
    let cost = told(row.cost).or_else(|| told(row.instance_cost).map(|cost| cost * f64::from(tasks)));
    let mut config = Map::new();
    for (member, value) in [("openModel", row.os_model), ("openSystem", row.os_system), ("checked", row.checked)] {
        if let Some(value) = value {
            config.insert(member.to_owned(), value.into());
        }
    }
    // Addresses of stores that no browser opens are not links.
    let address = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    for (member, address) in [("logs", address(&row.logs)), ("trajectories", address(&row.trajs))] {
        if let Some(address) = address.filter(|address| link(address).is_none()) {
            config.insert(member.to_owned(), address.into());
        }
    }
    let folder = row.folder.as_deref().unwrap_or(&row.name);
    let links = RunLinks {
        source: address(&row.site).as_deref().and_then(link),
        logs: address(&row.logs).as_deref().and_then(link),
        traces: [&row.trajs, &row.trajs_docent].into_iter().find_map(|of| link(&address(of)?)),
        paper: None,
    };
    let harness_version = options.code.harness_version.as_str();
    let run = RunCreate {
        commit: options.code.commit.clone(),
        attempts_policy: row.tagged("System").find_map(attempts_policy),
        generation_config: StrictObject(config),
        evaluator_relationship: match row.checked {
            Some(true) => EvaluatorRelationship::ThirdParty,
            _ => EvaluatorRelationship::SelfReported,
        },
        completed_at: Some(day(&row.date)?),
        external_id: Some(names::external_id(&["swe-bench", id.as_str(), version.as_str(), folder])),
        agent: Some(agent(row, &model)),
        configuration: configuration(row),
        links: Some(links).filter(|links| !links.is_empty()),
        ..RunCreate::new(model.id(), id.clone(), version.clone(), "swe-bench", harness_version)
    };
    let counts = CountsPut { cost_usd: cost, ..CountsPut::of(passed, tasks) };
    Ok((Submission { model, run, evidence: Evidence::Counts(counts) }, remarks))
}

/// Parses `Attempts - 2+`.
fn attempts_policy(tag: &str) -> Option<String> {
    let attempts = tag.strip_prefix("Attempts")?.trim_start_matches([' ', '-']);
    Some(if attempts == "1" {
        "1 attempt".to_owned()
    } else {
        format!("{attempts} attempts, of which the system submits one")
    })
}

fn link(text: &str) -> Option<String> {
    text.starts_with("https://").then(|| text.to_owned())
}
