//! System of a row: its model, its agent, and the model's configuration.

use aibaas_core::domain::system::Agent;

use super::{Options, document::Row};
use crate::import::{
    names::{self, family, slug, vendor, vendor_and_name},
    plan::Model,
};

/// Agent of the boards that compare models alone, as the site spells it.
const MINI: &str = "mini-SWE-agent";

/// Names the only model of the system.
///
/// # Errors
/// A text where the row names none, or several, or the vendor is unknown.
pub fn model(row: &Row, options: &Options) -> Result<Model, String> {
    let mut models = Vec::<&str>::new();
    for model in row.tagged("Model") {
        if !models.iter().any(|other| spelling(other) == spelling(model)) {
            models.push(model);
        }
    }
    let named = match models.as_slice() {
        [one] => one,
        [] => in_name(&row.name).ok_or("names no model: a run is of one, with an agent or without")?,
        several => return Err(format!("is of {} models ({}): a run is of one", several.len(), several.join(", "))),
    };
    let (told, name) = vendor_and_name(named);
    // Where the row is of a model alone, the organisation is its vendor; else it is the agent's.
    let organisation = || row.mini_swe_agent_version.as_ref().and(row.tagged("Org").next());
    let maker = || row.model_org.as_deref().or_else(organisation).and_then(vendor);
    Model::named(options.naming.provider(told.or_else(maker), name)?, name)
}

/// Normalises names that differ only in dots and case: some rows name a model by both.
fn spelling(model: &str) -> String {
    slug(model, names::LONGEST_NAME).replace('.', "-")
}

/// Finds a model's identifier in a name: of `OpenHands (claude-3-5-sonnet-20241022)`, the label.
fn in_name(name: &str) -> Option<&str> {
    let is_identifier = |label: &&str| {
        family(label).is_some() && !label.contains(' ') && label.contains(|letter: char| letter.is_ascii_digit())
    };
    labels(name).into_iter().rfind(is_identifier)
}

/// Names the agent: the part of the row's name before the model, with a version where it has one.
pub fn agent(row: &Row, model: &Model) -> Agent {
    if let Some(version) = &row.mini_swe_agent_version {
        return Agent { name: MINI.to_owned(), version: Some(version.clone()) };
    }
    let told = row.agent.as_deref().map(str::trim).filter(|agent| !agent.is_empty());
    let plain = without_labels(told.unwrap_or(&row.name));
    let name = match plain.rsplit_once(" + ") {
        Some((name, last)) if told.is_none() && is_model(last, model) => name.trim(),
        _ => plain.as_str(),
    };
    let is_version = |word: &str| word.trim_start_matches('v').starts_with(|first: char| first.is_ascii_digit());
    let word = name.rsplit_once(' ').filter(|(_, word)| is_version(word));
    let suffix = || name.rsplit_once('-').filter(|(_, version)| version.starts_with('v'));
    let (name, version) = match word.or_else(|| suffix().filter(|(_, version)| is_version(version))) {
        Some((name, version)) => (name.trim(), Some(version)),
        None => (name, labels(&row.name).into_iter().find(|label| label.starts_with('v') && is_version(label))),
    };
    let name = if name.is_empty() { row.name.trim() } else { name };
    Agent { name: name.to_owned(), version: version.map(str::to_owned) }
}

/// Checks whether a part of a name is the model and not the agent.
fn is_model(part: &str, model: &Model) -> bool {
    let part = slug(part, names::LONGEST_NAME);
    family(&part).is_some() || model.name.contains(&part) || part.contains(&model.name)
}

/// Finds the model's configuration: of `GPT-5 (2025-08-07) (medium reasoning)`, `medium reasoning`.
pub fn configuration(row: &Row) -> Option<String> {
    let words = ["reasoning", "thinking", "effort", "high", "medium", "low"];
    let label = labels(&row.name).into_iter().find(|label| label.split(' ').any(|word| words.contains(&word)));
    let effort = || row.reasoning_effort.as_deref().map(str::trim).filter(|effort| !effort.is_empty());
    label.or_else(effort).map(str::to_owned)
}

fn labels(name: &str) -> Vec<&str> {
    name.split('(').skip(1).filter_map(|rest| rest.split_once(')').map(|(label, _)| label.trim())).collect()
}

fn without_labels(name: &str) -> String {
    let parts = name.split('(').enumerate();
    let plain =
        parts.filter_map(|(at, part)| if at == 0 { Some(part) } else { part.split_once(')').map(|(_, rest)| rest) });
    plain.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    /// Creates a row with a name and tags, and with other members of a published one.
    fn row(name: &str, models: &[&str], others: Value) -> Row {
        let tags = models.iter().map(|model| format!("Model: {model}")).collect::<Vec<_>>();
        let mut row = json!({"name": name, "resolved": 10.0, "date": "2025-01-01", "tags": tags});
        row.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        serde_json::from_value(row).unwrap()
    }

    fn system(row: &Row) -> Result<(String, String, Option<String>), String> {
        let model = model(row, &Command::parse_from(["", "file"]).options)?;
        let agent = agent(row, &model);
        Ok((model.id().into(), agent.name, agent.version))
    }

    #[test]
    fn names_tell_the_agent_and_its_version() {
        for (name, model, agent, version) in [
            ("Tinker + Claude 9 Sonnet (2030-01-02)", "claude-9-sonnet", "Tinker", None),
            ("Tinker (v20300102) + GPT 9o (2030-05-13)", "gpt-9o-2030-05-13", "Tinker", Some("v20300102")),
            ("Tinker-v2.0 (Claude-9-Sonnet)", "claude-9-sonnet", "Tinker", Some("v2.0")),
            ("Tinker 1.0 (Claude 9 Sonnet)", "claude-9-sonnet", "Tinker", Some("1.0")),
            ("Forge-32B + TTS(Bo8)", "Qwen9-Coder", "Forge-32B + TTS", None),
            ("Tinker + Zeta-Code", "initech/zeta-code", "Tinker", None),
            ("Hammer(2030-08-24)", "gpt-9", "Hammer", None),
            ("(unnamed)", "gpt-9", "(unnamed)", None),
        ] {
            let (_, found, of) = system(&row(name, &[model], json!({}))).unwrap();
            assert_eq!((found.as_str(), of.as_deref()), (agent, version), "{name}");
        }
    }

    #[test]
    fn one_model_by_two_spellings_is_one() {
        let twice = row("Tools", &["claude-9-5-sonnet", "claude-9.5-sonnet"], json!({}));
        assert_eq!(system(&twice).unwrap().0, "anthropic/claude-9-5-sonnet");
        assert!(system(&row("Tools", &["claude-9-5-sonnet", "claude-9-6-sonnet"], json!({}))).is_err());
    }

    #[test]
    fn a_name_tells_the_model_where_no_tag_does() {
        let named = row("Tinker + Acts v2.1 (claude-9-5-sonnet-20300102)", &[], json!({}));
        let (model, agent, version) = system(&named).unwrap();
        assert_eq!(model, "anthropic/claude-9-5-sonnet-20300102");
        assert_eq!((agent.as_str(), version.as_deref()), ("Tinker + Acts", Some("v2.1")));
        for name in ["Tinker (2030-01-02)", "Tinker (claude)", "Tinker (o1 and friends)"] {
            assert!(system(&row(name, &[], json!({}))).is_err(), "{name}");
        }
    }

    #[test]
    fn newer_files_tell_it_in_members() {
        let members = json!({"agent": "Tinker", "model_org": "Initech", "reasoning_effort": "high",
            "checked": "false (See README.md for info)"});
        let newer = row("Zeta 9", &["zeta-9"], members);
        assert_eq!(system(&newer).unwrap(), ("initech/zeta-9".to_owned(), "Tinker".to_owned(), None));
        assert_eq!((configuration(&newer).as_deref(), newer.checked), (Some("high"), Some(false)));
        let mini = row("Zeta 9 (high)", &["gpt-9"], json!({"agent": "mini", "mini-swe-agent_version": "2.0.0"}));
        assert_eq!(system(&mini).unwrap().1, MINI);
        assert_eq!((configuration(&mini).as_deref(), mini.checked), (Some("high"), None));
    }
}
