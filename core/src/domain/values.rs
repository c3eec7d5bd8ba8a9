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
