//! The file of performances, as far as it is needed.

use serde::Deserialize;
use serde_json::Value;

/// All performances. A mistake in one affects only its model.
#[derive(Deserialize)]
pub struct Document {
    pub performances: Vec<Value>,
    #[serde(default)]
    pub models: Vec<ModelInfo>,
}

/// Performance of one model at one problem.
#[derive(Deserialize)]
pub struct Performance {
    pub question_id: Value,
    pub model: String,
    /// When the problem was published, in milliseconds since the epoch.
    pub date: Option<i64>,
    pub difficulty: Option<String>,
    pub platform: Option<String>,
    /// Pass rate in percent.
    #[serde(rename = "pass@1")]
    pub pass_at_1: f64,
}

/// Name of a model in the performances, with its description.
#[derive(Deserialize)]
pub struct ModelInfo {
    pub model_name: String,
    pub model_repr: Option<String>,
}

impl Performance {
    /// Returns the problem's id, which is a number in some files.
    pub fn task(&self) -> Result<String, String> {
        match &self.question_id {
            Value::String(text) if (1..=200).contains(&text.trim().chars().count()) => Ok(text.trim().to_owned()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(format!("question_id is {other}, which makes no task id")),
        }
    }
}
