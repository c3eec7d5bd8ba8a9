//! Conversion of a log's declarations to a run.

use aibaas_core::{
    domain::{BenchmarkId, VersionName, strict_json::StrictObject},
    wire::RunCreate,
};

use super::{
    document::{Eval, Solvers, Stats},
    scorer::ScorerName,
};
use crate::import::{names, options::Provenance, plan::Model, times::utc};

/// Members of a generation configuration that do not affect the model's behaviour, or may hold secrets.
const PRIVATE_CONFIG: &[&str] = &["extra_headers", "extra_body", "system_message", "max_connections"];

/// Creates the body that opens the run.
///
/// # Errors
/// A text that names what the log lacks.
pub fn run(
    eval: &Eval,
    plan: &Solvers,
    stats: &Stats,
    scorer: &ScorerName,
    (id, version): (&BenchmarkId, &VersionName),
    model: &Model,
    provenance: &Provenance,
) -> Result<RunCreate, String> {
    let commit = provenance.commit.clone().or_else(|| eval.revision.as_ref().map(|revision| revision.commit.clone()));
    let harness_version = eval.packages.get("inspect_ai").ok_or("packages.inspect_ai is missing")?.clone();
    let time = |text: &Option<String>| {
        let text = text.as_deref().filter(|text| !text.is_empty());
        text.map(utc).transpose()
    };
    let started_at = time(&stats.started_at)?;
    let started_at = started_at.map_or_else(|| utc(&eval.created), Ok)?;
    let mut config = eval.model_generate_config.clone();
    config.extend(plan.config.clone());
    config.retain(|name, value| !value.is_null() && !PRIVATE_CONFIG.contains(&name.as_str()));
    let limits = [
        ("message_limit", eval.config.message_limit),
        ("token_limit", eval.config.token_limit),
        ("time_limit", eval.config.time_limit),
        ("working_limit", eval.config.working_limit),
    ];
    for (name, limit) in limits {
        if let Some(limit) = limit {
            config.insert(name.to_owned(), limit.into());
        }
    }
    let solvers: Vec<&str> = plan.steps.iter().map(|step| step.solver.as_str()).collect();
    if !solvers.is_empty() {
        config.insert("solvers".to_owned(), solvers.into());
    }
    let eval_id = match eval.eval_id.as_str() {
        "" => names::external_id(&[&eval.run_id, &eval.task_id, &eval.created]),
        eval_id => eval_id.to_owned(),
    };
    let name = ["inspect", id.as_str(), version.as_str(), &scorer.shown, &eval_id];
    Ok(RunCreate {
        commit,
        dirty: eval.revision.as_ref().and_then(|revision| revision.dirty).unwrap_or(false),
        generation_config: StrictObject(config),
        evaluator_relationship: provenance.evaluator.into(),
        started_at: Some(started_at),
        completed_at: time(&stats.completed_at)?,
        external_id: Some(names::external_id(&name)),
        ..RunCreate::new(model.id(), id.clone(), version.clone(), "inspect_ai", harness_version)
    })
}
