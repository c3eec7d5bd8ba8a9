//! Computation of the number of passes from a mean, where no single result is given.

/// Tolerance between a count and the mean.
const EXACT: f64 = 1e-9;
/// Tolerance between a mean and its standard error.
const ROUNDING: f64 = 1e-6;

/// Computes the number of passes, where the mean can only be that of passes; `name` is the source's name for it, for
/// the error.
///
/// # Errors
/// A text that says why the mean is not that of passes.
pub fn counted(name: &str, mean: f64, error: Option<f64>, total: u32) -> Result<u32, String> {
    let whole = f64::from(total);
    let passes = (mean * whole).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number of u32, or found out below"
    )]
    let correct = passes as u32;
    if total == 0 || correct > total || (f64::from(correct) / whole - mean).abs() > EXACT {
        return Err(format!("{name} is {mean}, which no number of {total} passes comes to: give the samples"));
    }
    let rate = f64::from(correct) / whole;
    let expected = (rate * (1.0 - rate) / (whole - 1.0)).sqrt();
    if error.is_some_and(|told| total > 1 && (told - expected).abs() > ROUNDING) {
        return Err(format!("the standard error of {name} is not that of passes: give the samples"));
    }
    Ok(correct)
}
