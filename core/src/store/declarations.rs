//! Ownership of models and benchmarks, and whether they are hidden.

use crate::{
    domain::UserId,
    ports::{DatabaseError, Row},
};

/// Owner of a model or a benchmark, and why it is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Account whose keys may change it; `None` once it was deleted.
    pub owner_id: Option<UserId>,
    /// Why an administrator hid the model or the benchmark.
    pub hidden_reason: Option<String>,
}

impl Declaration {
    /// Reads the declaration from the columns of the fields' names.
    ///
    /// # Errors
    /// [`DatabaseError::Unexpected`] when a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            owner_id: row.optional_text("owner_id")?.map(Into::into),
            hidden_reason: row.optional_text("hidden_reason")?,
        })
    }
}
