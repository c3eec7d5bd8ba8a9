/// Why a value is not true to its rule: a stable code and a sentence that says what to give instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    /// `lower_snake_case`, stable.
    pub code: &'static str,
    /// For people.
    pub detail: String,
}

impl ValidationError {
    /// The error of this code.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}
