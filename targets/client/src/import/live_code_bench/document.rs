//! The file, as far as it is needed.

use serde::Deserialize;
use serde_json::Value;

/// All performances. What is wrong in one is its model's affair.
#[derive(Deserialize)]
pub struct Document {
    pub performances: Vec<Value>,
    #[serde(default)]
    pub models: Vec<ModelInfo>,
}

/// One model at one problem.
#[derive(Deserialize)]
pub struct Performance {
    pub question_id: Value,
    pub model: String,
    /// When the problem was published, in milliseconds.
    pub date: Option<i64>,
    pub difficulty: Option<String>,
    pub platform: Option<String>,
    /// Percent.
    #[serde(rename = "pass@1")]
    pub pass_at_1: f64,
}

/// What performances call a model, and what it is.
#[derive(Deserialize)]
pub struct ModelInfo {
    pub model_name: String,
    pub model_repr: Option<String>,
}

impl Performance {
    /// Returns the problem's id, which some files have as a number.
    pub fn task(&self) -> Result<String, String> {
        match &self.question_id {
            Value::String(text) if (1..=200).contains(&text.trim().chars().count()) => Ok(text.trim().to_owned()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(format!("question_id is {other}, which makes no task id")),
        }
    }
}
