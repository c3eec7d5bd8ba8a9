//! Meaning of a version's scores, read from the dataset.

use aibaas_core::domain::{
    log_record::Row,
    measure::{Bounds, Direction, Measure, Metric},
};
use serde_json::Value;

use super::data::{Tables, Untrue, text};

/// Finds what the scores of a board mean.
///
/// # Errors
/// [`Untrue`] where its version is missing, or has values that are not known.
pub fn measure_of(tables: &Tables, (benchmark, version): (&str, &str)) -> Result<Measure, Untrue> {
    let rows = tables.rows("benchmark_versions");
    let row = rows.iter().find(|row| (text(row, "benchmark_id"), text(row, "version")) == (benchmark, version));
    row.and_then(read).ok_or_else(|| Untrue::new(format!("the board of {benchmark} {version} has no metric")))
}

/// Reads what the scores of a version mean. Older datasets have pass rates and means from 0 to 1 only.
pub fn read(version: &Row) -> Option<Measure> {
    let direction =
        version.get("direction").and_then(Value::as_str).map_or(Some(Direction::default()), Direction::named);
    let bounds = version.get("bounds").filter(|bounds| !bounds.is_null());
    let bounds = bounds.map_or(Some(Bounds::default()), |bounds| serde_json::from_value(bounds.clone()).ok());
    Some(Measure {
        metric: Metric::named(text(version, "metric"))?,
        direction: direction?,
        unit: version.get("unit").and_then(Value::as_str).map(str::to_owned),
        bounds: bounds?,
    })
}
