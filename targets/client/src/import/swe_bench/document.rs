//! The file, as far as it is needed.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// All boards.
#[derive(Deserialize)]
pub struct Document {
    pub leaderboards: Vec<Board>,
}

/// One board. What is wrong in a row is that row's affair.
#[derive(Deserialize)]
pub struct Board {
    pub name: String,
    pub results: Vec<Value>,
}

/// One system.
#[derive(Deserialize)]
pub struct Row {
    pub name: String,
    pub folder: Option<String>,
    /// Percent of the board's tasks.
    pub resolved: f64,
    pub date: String,
    pub site: Option<Value>,
    /// Older files have a mark here in place of an address.
    pub logs: Option<Value>,
    pub trajs: Option<Value>,
    /// A page that shows the trajectories.
    pub trajs_docent: Option<Value>,
    pub os_model: Option<bool>,
    pub os_system: Option<bool>,
    /// Whether SWE-bench ran it again; older files say `verified`.
    #[serde(alias = "verified", default, deserialize_with = "mark")]
    pub checked: Option<bool>,
    #[serde(default)]
    pub tags: Vec<String>,
    pub warning: Option<String>,
    #[serde(rename = "mini-swe-agent_version")]
    pub mini_swe_agent_version: Option<String>,
    /// Newer files tell what older ones have in the name alone.
    pub agent: Option<String>,
    pub model_org: Option<String>,
    pub reasoning_effort: Option<String>,
    /// US dollars of all tasks.
    pub cost: Option<f64>,
    /// US dollars a task, on average.
    pub instance_cost: Option<f64>,
}

impl Row {
    /// Returns what the tags of a kind say: of `Model: o3`, `o3`.
    pub fn tagged<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.tags.iter().filter_map(move |tag| {
            let (own, value) = tag.split_once(':')?;
            (own.trim() == kind).then(|| value.trim()).filter(|value| !value.is_empty())
        })
    }
}

/// Reads a mark that some rows have with a remark: `false (See README.md …)`.
fn mark<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(mark) => Some(mark),
        Value::String(text) if text.starts_with("true") => Some(true),
        Value::String(text) if text.starts_with("false") => Some(false),
        _ => None,
    })
}
