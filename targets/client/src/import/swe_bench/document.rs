//! The file of leaderboards, as far as it is needed.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// All leaderboards.
#[derive(Deserialize)]
pub struct Document {
    pub leaderboards: Vec<Board>,
}

/// A leaderboard. A mistake in a row affects only that row.
#[derive(Deserialize)]
pub struct Board {
    pub name: String,
    pub results: Vec<Value>,
}

/// Row of one system.
#[derive(Deserialize)]
pub struct Row {
    pub name: String,
    pub folder: Option<String>,
    /// Resolved tasks, in percent of the board's.
    pub resolved: f64,
    pub date: String,
    pub site: Option<Value>,
    /// Address of the logs; older files have a mark here instead.
    pub logs: Option<Value>,
    pub trajs: Option<Value>,
    /// Page that shows the trajectories.
    pub trajs_docent: Option<Value>,
    pub os_model: Option<bool>,
    pub os_system: Option<bool>,
    /// Whether SWE-bench ran it again; older files call this `verified`.
    #[serde(alias = "verified", default, deserialize_with = "mark")]
    pub checked: Option<bool>,
    #[serde(default)]
    pub tags: Vec<String>,
    pub warning: Option<String>,
    #[serde(rename = "mini-swe-agent_version")]
    pub mini_swe_agent_version: Option<String>,
    /// Agent; older files have it in the name alone.
    pub agent: Option<String>,
    pub model_org: Option<String>,
    pub reasoning_effort: Option<String>,
    /// Cost of all tasks, in US dollars.
    pub cost: Option<f64>,
    /// Average cost of a task, in US dollars.
    pub instance_cost: Option<f64>,
}

impl Row {
    /// Returns the values of the tags of a kind: of `Model: o3`, `o3`.
    pub fn tagged<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.tags.iter().filter_map(move |tag| {
            let (own, value) = tag.split_once(':')?;
            (own.trim() == kind).then(|| value.trim()).filter(|value| !value.is_empty())
        })
    }
}

/// Deserializes a mark that some rows have with a remark: `false (See README.md …)`.
fn mark<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(mark) => Some(mark),
        Value::String(text) if text.starts_with("true") => Some(true),
        Value::String(text) if text.starts_with("false") => Some(false),
        _ => None,
    })
}
