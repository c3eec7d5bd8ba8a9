//! Models, which are benchmarked.

use super::{
    declarations::Declaration,
    query::{Query, sql},
};
use crate::{
    domain::{ModelId, Timestamp, UserId, formats::DayOrMonth},
    ports::{DatabaseError, Row},
};

/// A model.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// `provider/name`.
    pub id: ModelId,
    /// What people call it.
    #[schema(min_length = 1, max_length = 255, example = "gpt-5 (high)")]
    pub display_name: String,
    /// Tokens.
    #[schema(minimum = 1, example = 400_000)]
    pub context_window: Option<i64>,
    /// US dollars for a million input tokens.
    #[schema(minimum = 0, example = 1.25)]
    pub input_usd_per_mtok: Option<f64>,
    /// US dollars for a million output tokens.
    #[schema(minimum = 0, example = 10)]
    pub output_usd_per_mtok: Option<f64>,
    /// SPDX expression or a name.
    #[schema(min_length = 1, max_length = 255)]
    pub licence: Option<String>,
    /// When it was released.
    #[schema(value_type = Option<DayOrMonth>)]
    pub released_on: Option<String>,
    /// Up to when its training data goes.
    #[schema(value_type = Option<DayOrMonth>)]
    pub training_cutoff: Option<String>,
    /// Whether its provider has retired it.
    pub deprecated: bool,
    /// The model that it is a variant of, such as the same with another reasoning effort. It may be one that nobody
    /// declared.
    pub base_model: Option<ModelId>,
    /// When it was declared.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Why an administrator hid it.
    #[serde(skip)]
    pub hidden_reason: Option<String>,
}

impl Model {
    /// Reads a row of `models`.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?.into(),
            display_name: row.text("display_name")?,
            context_window: row.optional_integer("context_window")?,
            input_usd_per_mtok: row.optional_real("input_usd_per_mtok")?,
            output_usd_per_mtok: row.optional_real("output_usd_per_mtok")?,
            licence: row.optional_text("licence")?,
            released_on: row.optional_text("released_on")?,
            training_cutoff: row.optional_text("training_cutoff")?,
            deprecated: row.boolean("deprecated")?,
            base_model: row.optional_text("base_model")?.map(Into::into),
            created_at: Timestamp(row.integer("created_at")?),
            updated_at: Timestamp(row.integer("updated_at")?),
            hidden_reason: row.optional_text("hidden_reason")?,
        })
    }
}

/// Finds a model's owner, and why it is hidden.
pub fn declaration(id: &ModelId) -> Query<Option<Declaration>> {
    sql!("models/declaration").bind(id).optional(Declaration::from_row)
}

/// Notes that a declaration, which follows in the same batch, changes what a model is a variant of.
pub fn note_base(model: &Model, owner_id: &UserId) -> Query<()> {
    let base_model = model.base_model.as_ref().map(ModelId::as_str);
    sql!("models/note_base").bind(&model.id).bind(owner_id).bind(base_model).execute()
}

/// Declares a model, or changes one that the same person declared.
pub fn put(model: &Model, owner_id: &UserId) -> Query<()> {
    sql!("models/put")
        .bind(&model.id)
        .bind(model.id.provider())
        .bind(model.display_name.as_str())
        .bind(model.context_window)
        .bind(model.input_usd_per_mtok)
        .bind(model.output_usd_per_mtok)
        .bind(model.licence.as_deref())
        .bind(model.released_on.as_deref())
        .bind(model.training_cutoff.as_deref())
        .bind(model.deprecated)
        .bind(owner_id)
        .bind(model.updated_at)
        .bind(model.base_model.as_ref().map(ModelId::as_str))
        .execute()
}

/// Finds a model, hidden or not.
pub fn find(id: &ModelId) -> Query<Option<Model>> {
    sql!("models/find").bind(id).optional(Model::from_row)
}

/// Lists the models that are not hidden, by id, after the given one or from the first.
pub fn list(after: Option<&ModelId>, rows: u32) -> Query<Vec<Model>> {
    sql!("models/list").bind(after.map_or("", ModelId::as_str)).bind(rows).all(Model::from_row)
}
