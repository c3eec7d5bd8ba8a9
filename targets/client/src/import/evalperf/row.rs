//! Columns and rows of the table.

use aibaas_core::wire::ResultInput;
use csv::StringRecord;

use super::Options;
use crate::import::{listing::some_of, rates::fit};

const REQUIRED: [&str; 6] = ["model", "date", "temperature", "task_id", "n_samples", "n_correct"];
/// Column of the rate, which is compared with the counts where it exists.
const RATE: &str = "pass_at_1_pct";
/// Decimals with which the rate is printed.
const DECIMALS: u8 = 2;

/// Names of the columns, in their order.
pub struct Columns(Vec<String>);

impl Columns {
    /// Reads the header.
    ///
    /// # Errors
    /// A text that names the missing columns.
    pub fn of(header: &StringRecord) -> Result<Self, String> {
        let columns = Self(header.iter().map(|name| name.trim().to_owned()).collect());
        let missing: Vec<_> = REQUIRED.iter().filter(|name| columns.position(name).is_none()).collect();
        if missing.is_empty() { Ok(columns) } else { Err(format!("columns are missing: {}", some_of(&missing))) }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|column| column == name)
    }

    /// Lists what has no place in the API, or is not in the table.
    pub fn unmapped(&self, options: &Options) -> Vec<String> {
        let mut unmapped = vec![
            format!(
                "harness version and commit are not in the table: {} and {} stand for them",
                options.harness_version, options.commit
            ),
            "date has no time zone: read as UTC".to_owned(),
        ];
        let mapped = |column: &str| REQUIRED.contains(&column) || column == RATE;
        unmapped.extend(self.0.iter().filter(|column| !mapped(column)).map(|column| match column.as_str() {
            "dps" | "dps_norm" => format!("{column}: how fast correct samples are; the score is of passes"),
            _ => format!("{column}: a result has no place for it"),
        }));
        unmapped
    }
}

/// A row of the table.
pub struct Row<'a> {
    pub columns: &'a Columns,
    pub record: &'a StringRecord,
}

impl Row<'_> {
    fn optional(&self, name: &str) -> Option<&str> {
        let text = self.record.get(self.columns.position(name)?)?.trim();
        Some(text).filter(|text| !text.is_empty())
    }

    /// Returns a cell that must not be empty.
    ///
    /// # Errors
    /// A text where it is empty.
    pub fn text(&self, name: &str) -> Result<&str, String> {
        self.optional(name).ok_or_else(|| format!("{name} is missing"))
    }

    fn count(&self, name: &str) -> Result<u32, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("{name} is {text:?}, which is no count"))
    }

    /// Creates the result of the task.
    ///
    /// # Errors
    /// A text that says why its numbers are impossible.
    pub fn result(&self) -> Result<ResultInput, String> {
        let (samples, correct) = (self.count("n_samples")?, self.count("n_correct")?);
        if samples == 0 || correct > samples {
            return Err(format!("{correct} of {samples} samples are correct"));
        }
        let score = f64::from(correct) / f64::from(samples);
        if let Some(text) = self.optional(RATE) {
            let agrees = text.parse::<f64>().is_ok_and(|rate| fit(rate, 100.0 * score, DECIMALS).is_some());
            if !agrees {
                return Err(format!("{RATE} is {text}, which {correct} of {samples} does not come to"));
            }
        }
        Ok(ResultInput {
            samples: Some(samples.into()),
            correct: Some(correct.into()),
            ..ResultInput::finished(self.text("task_id")?, 1, score)
        })
    }
}
