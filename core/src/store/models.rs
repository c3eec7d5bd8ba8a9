//! Models: what is benchmarked.

use crate::ports::{DatabaseError, Row, Statement, Timestamp};

/// Who owns a model, and why it is hidden; no row where there is none.
pub const OWNER: &str = "SELECT owner_id, hidden_reason FROM models WHERE id = ?1";
/// Declares a model, or changes one that the same person declared; a name that an administrator gave it stays.
pub const PUT: &str = "INSERT INTO models (id, provider, display_name, context_window, input_usd_per_mtok, output_usd_per_mtok, \
       licence, released_on, training_cutoff, deprecated, owner_id, created_at, updated_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12) \
     ON CONFLICT (id) DO UPDATE SET display_name = coalesce(given_name, excluded.display_name), context_window = excluded.context_window, \
       input_usd_per_mtok = excluded.input_usd_per_mtok, output_usd_per_mtok = excluded.output_usd_per_mtok, \
       licence = excluded.licence, released_on = excluded.released_on, training_cutoff = excluded.training_cutoff, \
       deprecated = excluded.deprecated, updated_at = excluded.updated_at \
     WHERE owner_id = excluded.owner_id AND (display_name, context_window, input_usd_per_mtok, output_usd_per_mtok, licence, \
       released_on, training_cutoff, deprecated) IS NOT (coalesce(given_name, excluded.display_name), excluded.context_window, \
       excluded.input_usd_per_mtok, excluded.output_usd_per_mtok, excluded.licence, excluded.released_on, \
       excluded.training_cutoff, excluded.deprecated)";
/// One model.
pub const BY_ID: &str = "SELECT * FROM models WHERE id = ?1";
/// A page of models after the cursor.
pub const LIST: &str = "SELECT * FROM models WHERE id > ?1 AND hidden_reason IS NULL ORDER BY id LIMIT ?2";

/// A model.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// `provider/name`.
    pub id: String,
    /// What people call it.
    pub display_name: String,
    /// Tokens.
    pub context_window: Option<i64>,
    /// US dollars for a million input tokens.
    pub input_usd_per_mtok: Option<f64>,
    /// US dollars for a million output tokens.
    pub output_usd_per_mtok: Option<f64>,
    /// SPDX expression or a name.
    pub licence: Option<String>,
    /// A day or a month.
    pub released_on: Option<String>,
    /// A day or a month.
    pub training_cutoff: Option<String>,
    /// Whether its provider has retired it.
    pub deprecated: bool,
    /// When it was declared.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Model {
    /// Reads a row of `models`.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?,
            display_name: row.text("display_name")?,
            context_window: row.optional_integer("context_window")?,
            input_usd_per_mtok: row.optional_real("input_usd_per_mtok")?,
            output_usd_per_mtok: row.optional_real("output_usd_per_mtok")?,
            licence: row.optional_text("licence")?,
            released_on: row.optional_text("released_on")?,
            training_cutoff: row.optional_text("training_cutoff")?,
            deprecated: row.boolean("deprecated")?,
            created_at: Timestamp(row.integer("created_at")?),
            updated_at: Timestamp(row.integer("updated_at")?),
        })
    }
}

/// The statement of [`PUT`].
#[must_use]
pub fn put(model: &Model, owner_id: &str) -> Statement {
    let provider = model.id.split('/').next().unwrap_or_default();
    Statement::new(PUT)
        .bind(model.id.as_str())
        .bind(provider)
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
}
