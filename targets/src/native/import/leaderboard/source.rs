//! What several sources have in common: Python's JSON, and times.

use jiff::{Timestamp, civil, tz::TimeZone};
use serde::de::DeserializeOwned;

/// JSON as Python writes it, where `NaN`, `Infinity` and `-Infinity` are numbers. They are read as null.
///
/// # Errors
/// What is no JSON, or no `T`.
pub(super) fn python_json<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text)
        .or_else(|error| match without_constants(text) {
            Some(strict) => serde_json::from_slice(&strict),
            None => Err(error),
        })
        .map_err(|error| error.to_string())
}

/// The text with null for each of the constants; none where it has none of them.
fn without_constants(text: &[u8]) -> Option<Vec<u8>> {
    let mut strict = Vec::with_capacity(text.len());
    let (mut in_string, mut escaped, mut replaced) = (false, false, false);
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        if in_string {
            in_string = escaped || first != b'"';
            escaped = !escaped && first == b'\\';
        } else if let Some(after) =
            ["NaN", "Infinity", "-Infinity"].iter().find_map(|constant| rest.strip_prefix(constant.as_bytes()))
        {
            strict.extend_from_slice(b"null");
            replaced = true;
            rest = after;
            continue;
        } else {
            in_string = first == b'"';
        }
        strict.push(first);
        rest = after;
    }
    replaced.then_some(strict)
}

/// An RFC 3339 time, in UTC with milliseconds.
///
/// # Errors
/// What is no time.
pub(super) fn utc(text: &str) -> Result<String, String> {
    let time = text.parse::<Timestamp>().map_err(|_| format!("{text:?} is no time"))?;
    Ok(format!("{time:.3}"))
}

/// A date and time without an offset, read as UTC.
///
/// # Errors
/// What is no time.
pub(super) fn local_as_utc(text: &str) -> Result<String, String> {
    let time = text.parse::<civil::DateTime>().map_err(|_| format!("{text:?} is no date and time"))?;
    let time = time.to_zoned(TimeZone::UTC).map_err(|_| format!("{text:?} is out of range"))?;
    Ok(format!("{:.3}", time.timestamp()))
}

/// Seconds since 1970.
///
/// # Errors
/// What is out of range.
pub(super) fn unix(seconds: f64) -> Result<String, String> {
    let out_of_range = || format!("{seconds} is no time");
    let since = std::time::Duration::try_from_secs_f64(seconds).map_err(|_| out_of_range())?;
    let millis = i64::try_from(since.as_millis()).map_err(|_| out_of_range())?;
    Ok(format!("{:.3}", Timestamp::from_millisecond(millis).map_err(|_| out_of_range())?))
}

/// `first, second, third and 7 more`.
pub(super) fn some_of<T: std::fmt::Display>(things: &[T]) -> String {
    const NAMED: usize = 5;
    let mut text = things.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if let Some(more) = things.len().checked_sub(NAMED).filter(|more| *more > 0) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn pythons_constants_are_null_and_strings_stay() {
        let read = |text: &str| python_json::<Value>(text.as_bytes());
        assert_eq!(read(r#"{"NaN": [NaN, -Infinity, Infinity, -1]}"#), Ok(json!({"NaN": [null, null, null, -1]})));
        assert_eq!(read(r#"["\"NaN", "\\", NaN, "NaN"]"#), Ok(json!(["\"NaN", "\\", null, "NaN"])));
        assert!(read("[NaN").is_err() && read("[nan]").is_err() && read("").is_err());
    }

    #[test]
    fn times_become_utc() {
        assert_eq!(utc("2025-05-12T20:28:13-04:00").unwrap(), "2025-05-13T00:28:13.000Z");
        assert_eq!(utc("2025-05-12T20:28:13.123456+00:00").unwrap(), "2025-05-12T20:28:13.123Z");
        assert!(utc("yesterday").is_err());
        assert_eq!(local_as_utc("2024-10-19 16:28").unwrap(), "2024-10-19T16:28:00.000Z");
        assert_eq!(unix(1_729_355_280.5).unwrap(), "2024-10-19T16:28:00.500Z");
        assert!(unix(f64::NAN).is_err() && unix(-1.0).is_err() && unix(1e300).is_err());
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(some_of(&[1, 2]), "1, 2");
        assert_eq!(some_of(&[1, 2, 3, 4, 5, 6, 7]), "1, 2, 3, 4, 5 and 2 more");
    }
}
