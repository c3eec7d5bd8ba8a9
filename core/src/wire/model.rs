//! The body that declares a model.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{members::is_default, names::optional_name};
use crate::domain::{ModelId, formats::DayOrMonth};

/// What is known of a model; members left out are unknown.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ModelPut {
    /// What people call it.
    #[schema(min_length = 1, max_length = 255, example = "gpt-5 (high)")]
    pub display_name: String,
    /// Tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, example = 400_000)]
    pub context_window: Option<i64>,
    /// US dollars for a million input tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, example = 1.25)]
    pub input_usd_per_mtok: Option<f64>,
    /// US dollars for a million output tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, example = 10)]
    pub output_usd_per_mtok: Option<f64>,
    /// SPDX expression or a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 255)]
    pub licence: Option<String>,
    /// When it was released.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DayOrMonth>)]
    pub released_on: Option<String>,
    /// Up to when its training data goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<DayOrMonth>)]
    pub training_cutoff: Option<String>,
    /// Whether its provider has retired it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[schema(default = false)]
    pub deprecated: bool,
    /// The model that it is a variant of, such as the same with another reasoning effort. It need not be declared.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "optional_name")]
    pub base_model: Option<ModelId>,
}

impl ModelPut {
    /// Creates the declaration of a model of which only the name is known.
    #[must_use]
    pub fn named(display_name: impl Into<String>) -> Self {
        Self {
            display_name: display_name.into(),
            context_window: None,
            input_usd_per_mtok: None,
            output_usd_per_mtok: None,
            licence: None,
            released_on: None,
            training_cutoff: None,
            deprecated: false,
            base_model: None,
        }
    }
}
