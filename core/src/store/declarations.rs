//! Who declared a model or a benchmark, and whether anyone may read of it.

use crate::{
    domain::UserId,
    ports::{DatabaseError, Row},
};

/// Who declared a model or a benchmark, and why it is hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Whose keys may change it; `None` once they deleted their account.
    pub owner_id: Option<UserId>,
    /// Why an administrator hid it.
    pub hidden_reason: Option<String>,
}

impl Declaration {
    /// Reads the columns of that name.
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            owner_id: row.optional_text("owner_id")?.map(Into::into),
            hidden_reason: row.optional_text("hidden_reason")?,
        })
    }
}
