//! What is published of a row.

use serde_json::{Map, Value};

use super::{Options, document::Row};
use crate::import::{
    names,
    plan::{Agent, Counts, Evidence, Links, Model, Relationship, Run, Submission},
    rates::{self, Fit},
    times::day,
};

/// Decimals that percentages are told with.
const DECIMALS: u8 = 2;

/// Makes the run, and says how its numbers were read.
///
/// # Errors
/// Why it would be wrong to publish the row.
pub fn submission(
    row: &Row,
    [benchmark, version]: [&str; 2],
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
    let cost = row.instance_cost.filter(|cost| *cost > 0.0).map(|cost| cost * f64::from(tasks));
    let mut config = Map::new();
    for (member, value) in [("openModel", row.os_model), ("openSystem", row.os_system), ("checked", row.checked)] {
        if let Some(value) = value {
            config.insert(member.to_owned(), value.into());
        }
    }
    // Addresses of stores that no browser opens are no links.
    let address = |value: &Option<Value>| value.as_ref().and_then(Value::as_str).map(str::to_owned);
    for (member, address) in [("logs", address(&row.logs)), ("trajectories", address(&row.trajs))] {
        if let Some(address) = address.filter(|address| link(address).is_none()) {
            config.insert(member.to_owned(), address.into());
        }
    }
    let folder = row.folder.as_deref().unwrap_or(&row.name);
    let run = Run {
        model: model.id(),
        benchmark: benchmark.to_owned(),
        version: version.to_owned(),
        harness: "swe-bench".to_owned(),
        harness_version: options.code.harness_version.clone(),
        commit: options.code.commit.clone(),
        attempts_policy: row.tagged("System").find_map(attempts_policy),
        generation_config: config,
        evaluator_relationship: match row.checked {
            Some(true) => Relationship::ThirdParty,
            _ => Relationship::SelfReported,
        },
        completed_at: Some(day(&row.date)?),
        external_id: names::external_id(&["swe-bench", benchmark, version, folder]),
        agent: Some(agent(row)),
        configuration: configuration(&row.name),
        links: Links {
            source: address(&row.site).as_deref().and_then(link),
            logs: address(&row.logs).as_deref().and_then(link),
            traces: address(&row.trajs).as_deref().and_then(link),
            paper: None,
        },
        ..Run::default()
    };
    let counts = Counts { cost_usd: cost, ..Counts::of(passed, tasks) };
    Ok((Submission { model, run, evidence: Evidence::Counts(counts) }, remarks))
}

/// Names the one model of the system.
fn model(row: &Row, options: &Options) -> Result<Model, String> {
    let models: Vec<&str> = row.tagged("Model").collect();
    let named = match models.as_slice() {
        [one] => one,
        [] => return Err("names no model: a run is of one, with an agent or without".to_owned()),
        several => return Err(format!("is of {} models ({}): a run is of one", several.len(), several.join(", "))),
    };
    let (told, name) = names::vendor_and_name(named);
    // Where a model is all that a row is of, the organisation is its maker; else it is the agent's.
    let maker = || row.mini_swe_agent_version.as_ref().and(row.tagged("Org").next()).and_then(names::vendor);
    Model::named(options.naming.provider(told.or_else(maker), name)?, name)
}

/// Names the agent: what stands before the model in the row's name, with a version where the last word is one.
fn agent(row: &Row) -> Agent {
    if let Some(version) = &row.mini_swe_agent_version {
        return Agent { name: "mini-swe-agent".to_owned(), version: Some(version.clone()) };
    }
    let name = row.name.split(" (").next().unwrap_or(&row.name);
    let name = name.split(" + ").next().unwrap_or(name).trim();
    let is_version = |word: &str| word.trim_start_matches('v').starts_with(|first: char| first.is_ascii_digit());
    match name.rsplit_once(' ').filter(|(_, word)| is_version(word)) {
        Some((name, version)) => Agent { name: name.to_owned(), version: Some(version.to_owned()) },
        None => Agent { name: if name.is_empty() { row.name.clone() } else { name.to_owned() }, version: None },
    }
}

/// Finds the effort in a name: of `GPT-5 (2025-08-07) (medium reasoning)`, `medium reasoning`.
fn configuration(name: &str) -> Option<String> {
    let labels = name.split('(').skip(1).filter_map(|rest| rest.split_once(')').map(|(label, _)| label.trim()));
    let words = ["reasoning", "thinking", "effort", "high", "medium", "low"];
    labels.into_iter().find(|label| label.split(' ').any(|word| words.contains(&word))).map(str::to_owned)
}

/// Reads `Attempts - 2+`.
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
