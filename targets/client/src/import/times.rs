//! Times in the form that the API accepts.

use jiff::{Timestamp, civil, tz::TimeZone};

/// Converts a time to RFC 3339 in UTC, with milliseconds.
///
/// # Errors
/// A text that says why it is not a time.
pub fn utc(text: &str) -> Result<String, String> {
    let time = text.parse::<Timestamp>().map_err(|_| format!("{text:?} is no time"))?;
    Ok(format!("{time:.3}"))
}

/// Converts a date and time without an offset, as UTC.
///
/// # Errors
/// A text that says why it is not a time.
pub fn local_as_utc(text: &str) -> Result<String, String> {
    let time = text.parse::<civil::DateTime>().map_err(|_| format!("{text:?} is no date and time"))?;
    let time = time.to_zoned(TimeZone::UTC).map_err(|_| format!("{text:?} is out of range"))?;
    Ok(format!("{:.3}", time.timestamp()))
}

/// Converts a day to its beginning in UTC.
///
/// # Errors
/// A text that says why it is not a day.
pub fn day(text: &str) -> Result<String, String> {
    let day: civil::Date = text.parse().map_err(|_| format!("date is {text:?}, which is no date"))?;
    Ok(format!("{day}T00:00:00.000Z"))
}

/// Converts seconds since the beginning of 1970, UTC.
///
/// # Errors
/// A text that says why the number is not a time.
pub fn unix(seconds: f64) -> Result<String, String> {
    let out_of_range = || format!("{seconds} is no time");
    let since = std::time::Duration::try_from_secs_f64(seconds).map_err(|_| out_of_range())?;
    let millis = i64::try_from(since.as_millis()).map_err(|_| out_of_range())?;
    Ok(format!("{:.3}", Timestamp::from_millisecond(millis).map_err(|_| out_of_range())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_utc() {
        assert_eq!(utc("2025-05-12T20:28:13-04:00").unwrap(), "2025-05-13T00:28:13.000Z");
        assert_eq!(utc("2025-05-12T20:28:13.123456+00:00").unwrap(), "2025-05-12T20:28:13.123Z");
        assert!(utc("yesterday").is_err());
        assert_eq!(local_as_utc("2024-10-19 16:28").unwrap(), "2024-10-19T16:28:00.000Z");
        assert_eq!(unix(1_729_355_280.5).unwrap(), "2024-10-19T16:28:00.500Z");
        assert!(unix(f64::NAN).is_err() && unix(-1.0).is_err() && unix(1e300).is_err());
    }
}
