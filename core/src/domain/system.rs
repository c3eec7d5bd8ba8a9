//! Systems, which are what is ranked: a model alone, or with the agent that drove it and the configuration that it ran
//! in.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::{ModelId, SystemId};

/// What drove the model: an agent, a scaffold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100, example = "OpenHands")]
    pub name: String,
    /// Which version of it; another version is another system.
    #[schema(min_length = 1, max_length = 100, example = "0.59.0")]
    pub version: Option<String>,
}

/// A system: what a row of the leaderboard is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Id of the model.
    pub model: ModelId,
    /// Id of the system.
    pub id: SystemId,
    /// Agent that drove the model.
    pub agent: Option<Agent>,
    /// Configuration that the model ran in, such as a reasoning effort.
    pub configuration: Option<String>,
}

/// Separator between a model's id and the digits that tell its systems apart. No name of a model has it.
const SEPARATOR: char = '~';
/// Number of bytes of the hash that tell systems of one model apart.
const TOLD_BYTES: usize = 6;

impl SystemId {
    /// Returns the id of a model's system: the model's own where there is neither agent nor configuration.
    #[must_use]
    pub fn of(model: &ModelId, agent: Option<&Agent>, configuration: Option<&str>) -> Self {
        if agent.is_none() && configuration.is_none() {
            return model.as_str().into();
        }
        let version = agent.and_then(|agent| agent.version.as_deref());
        // JSON distinguishes what is absent from what is empty, and shows where each text ends.
        let parts = serde_json::json!([agent.map(|agent| &agent.name), version, configuration]);
        let hash = Sha256::digest(parts.to_string());
        let told = hash.get(..TOLD_BYTES).unwrap_or_default();
        format!("{model}{SEPARATOR}{}", HEXLOWER.encode(told)).into()
    }

    /// Returns the id of the system's model.
    #[must_use]
    pub fn model(&self) -> ModelId {
        self.as_str().split(SEPARATOR).next().unwrap_or_default().into()
    }

    /// Checks whether the system is a model with neither agent nor configuration.
    #[must_use]
    pub fn is_model(&self) -> bool {
        !self.as_str().contains(SEPARATOR)
    }
}

/// Splits an id into its model's id and whether the rest, if there is any, is well-formed.
#[must_use]
pub fn split(id: &str) -> (&str, bool) {
    match id.split_once(SEPARATOR) {
        None => (id, true),
        Some((model, told)) => {
            let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            (model, told.len() == 2 * TOLD_BYTES && told.bytes().all(is_digit))
        }
    }
}

/// Describes what distinguishes a system from others of its model: `OpenHands 0.59.0 · high`.
#[must_use]
pub fn words(agent: Option<&Agent>, configuration: Option<&str>) -> String {
    let agent = agent.map(|agent| match &agent.version {
        Some(version) => format!("{} {version}", agent.name),
        None => agent.name.clone(),
    });
    agent.into_iter().chain(configuration.map(str::to_owned)).collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str, version: Option<&str>) -> Agent {
        Agent { name: name.to_owned(), version: version.map(str::to_owned) }
    }

    #[test]
    fn a_model_alone_is_itself() {
        let model = ModelId::from("openai/gpt-5");
        let system = SystemId::of(&model, None, None);
        assert_eq!((system.as_str(), system.is_model()), ("openai/gpt-5", true));
        assert_eq!(system.model(), model);
    }

    #[test]
    fn what_differs_is_another_system() {
        let model = ModelId::from("openai/gpt-5");
        let parts = [
            (Some(agent("a", None)), None),
            (Some(agent("a", Some("1"))), None),
            (Some(agent("a", None)), Some("1")),
            (Some(agent("a 1", None)), None),
            (Some(agent("a\",\"1", None)), None),
            (None, Some("a")),
            (None, Some("null")),
        ];
        let ids = parts.iter().map(|(agent, configuration)| SystemId::of(&model, agent.as_ref(), *configuration));
        let ids = ids.collect::<std::collections::BTreeSet<_>>();
        assert_eq!(ids.len(), parts.len());
        for id in ids {
            assert_eq!((id.model(), id.is_model()), (model.clone(), false));
            assert_eq!(split(id.as_str()), ("openai/gpt-5", true));
        }
    }

    #[test]
    fn an_id_never_changes() {
        let system = SystemId::of(&"openai/gpt-5".into(), Some(&agent("OpenHands", Some("0.59.0"))), Some("high"));
        assert_eq!(system.as_str(), "openai/gpt-5~35f370460159");
    }

    #[test]
    fn what_follows_a_model_is_checked() {
        for bad in ["a/b~", "a/b~3F2A9C01B7DE", "a/b~3f2a9c01b7d", "a/b~3f2a9c01b7de~3f2a9c01b7de"] {
            assert!(!split(bad).1, "{bad}");
        }
    }

    #[test]
    fn words_tell_agent_and_configuration() {
        assert_eq!(words(Some(&agent("OpenHands", Some("0.59.0"))), Some("high")), "OpenHands 0.59.0 · high");
        assert_eq!(words(None, None), "");
    }
}
