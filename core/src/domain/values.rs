//! Rules that many values share.

use super::account::{Refusal, refuse};
use crate::ports::Timestamp;

/// A text of `least` to `most` characters, trimmed.
///
/// # Errors
/// [`Refusal`] `invalid_length`.
pub fn text(text: &str, least: usize, most: usize) -> Result<String, Refusal> {
    let text = text.trim();
    let length = text.chars().count();
    if length < least || length > most || text.contains('\0') {
        return Err(refuse("invalid_length", format!("give {least} to {most} characters")));
    }
    Ok(text.to_owned())
}

/// An RFC 3339 time.
///
/// # Errors
/// [`Refusal`] `invalid_timestamp`.
pub fn timestamp(text: &str) -> Result<Timestamp, Refusal> {
    let time = text.parse::<jiff::Timestamp>();
    time.map(|time| Timestamp(time.as_millisecond()))
        .map_err(|_| refuse("invalid_timestamp", "give an RFC 3339 time, such as 2026-11-23T01:02:03Z"))
}

/// A day or a month of the calendar, as in ISO 8601: `2026-11-23` or `2026-11`.
///
/// # Errors
/// [`Refusal`] `invalid_value`.
pub fn day_or_month(text: &str) -> Result<String, Refusal> {
    let day = if text.len() == 7 { format!("{text}-01") } else { text.to_owned() };
    let known = day.len() == 10 && day.parse::<jiff::civil::Date>().is_ok();
    if known {
        Ok(text.to_owned())
    } else {
        Err(refuse("invalid_value", "give a day or a month, such as 2026-11-23 or 2026-11"))
    }
}
