use crate::import::measure::Measure;

/// A metric with the filter of its responses, as in `acc,none`.
pub struct Chosen {
    pub metric: String,
    pub filter: String,
    pub mean: f64,
    pub error: Option<f64>,
    /// Meaning of the scores.
    pub measure: Measure,
    /// Other metrics with their filters.
    pub left: Vec<String>,
}

impl Chosen {
    /// Returns the metric with its filter.
    pub fn key(&self) -> String {
        format!("{},{}", self.metric, self.filter)
    }
}
