//! Rules that many values share.

use unicode_normalization::UnicodeNormalization as _;

use super::{
    ValidationError, ValidationErrorCode,
    visible::{has_visible, is_bidi_control, is_control, is_ignorable},
};
use crate::domain::Timestamp;

/// Trims a text and checks that it has `least` to `most` characters, none of them NUL, and a visible one unless it may
/// be empty.
///
/// # Errors
/// [`ValidationError`] `invalid_length`, or `invalid_value` where nothing can be seen.
pub fn text(text: &str, least: usize, most: usize) -> Result<String, ValidationError> {
    let text = text.trim();
    let length = text.chars().count();
    if length < least || length > most || text.contains('\0') {
        return Err(ValidationError::new(
            ValidationErrorCode::InvalidLength,
            format!("give {least} to {most} characters"),
        ));
    }
    if least > 0 && !has_visible(text) {
        return Err(ValidationError::new(ValidationErrorCode::InvalidValue, "give characters that can be seen"));
    }
    Ok(text.to_owned())
}

/// Checks the name of a thing, in one line: a [`text`] without control characters, and without those that change the
/// direction of the text around them. Returns it trimmed.
///
/// # Errors
/// [`ValidationError`] `invalid_length`, `invalid_value`.
pub fn name(text: &str, most: usize) -> Result<String, ValidationError> {
    let name = self::text(text, 1, most)?;
    if name.chars().any(|character| is_control(character) || is_bidi_control(character)) {
        return Err(ValidationError::new(ValidationErrorCode::InvalidValue, "give a name without control characters"));
    }
    Ok(name)
}

/// Checks a [`name`] that tells a row from others, and returns it in Unicode's normal form C, with one space between
/// words. All of it must be visible, because two names that look alike would be two rows of the same thing.
///
/// # Errors
/// [`ValidationError`] `invalid_length`, `invalid_value`.
pub fn label(text: &str, most: usize) -> Result<String, ValidationError> {
    let label = name(text, most)?;
    if label.chars().any(is_ignorable) {
        return Err(ValidationError::new(
            ValidationErrorCode::InvalidValue,
            "give a name without characters that cannot be seen",
        ));
    }
    let label = label.nfc().collect::<String>();
    Ok(label.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Parses an RFC 3339 time, to the millisecond.
///
/// # Errors
/// [`ValidationError`] `invalid_timestamp`.
pub fn timestamp(text: &str) -> Result<Timestamp, ValidationError> {
    let time = if is_rfc_3339(text) { text.parse::<jiff::Timestamp>().ok() } else { None };
    // By its offset from UTC, a time of the year 0 may be of the year before, which has no such form.
    let time = time.map(|time| Timestamp(time.as_millisecond())).filter(|time| *time >= YEAR_0);
    time.ok_or_else(|| {
        ValidationError::new(
            ValidationErrorCode::InvalidTimestamp,
            "give an RFC 3339 time, such as 2026-11-23T01:02:03Z",
        )
    })
}

/// The first moment of the year 0.
const YEAR_0: Timestamp = Timestamp(-62_167_219_200_000);

/// Checks the form of a time (RFC 3339, 5.6): jiff takes others besides, such as those of RFC 9557.
fn is_rfc_3339(text: &str) -> bool {
    let has_form = |text: &str, form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                form => byte.eq_ignore_ascii_case(&form),
            })
    };
    let Some((time, rest)) = text.split_at_checked("0000-00-00T00:00:00".len()) else { return false };
    let offset = match rest.strip_prefix('.') {
        Some(fraction) if fraction.starts_with(|first: char| first.is_ascii_digit()) => {
            fraction.trim_start_matches(|character: char| character.is_ascii_digit())
        }
        Some(_) => return false,
        None => rest,
    };
    let is_offset = match offset.strip_prefix(['+', '-']) {
        Some(hours) => has_form(hours, "00:00") && hours < "24",
        None => offset.eq_ignore_ascii_case("z"),
    };
    has_form(time, "0000-00-00T00:00:00") && is_offset
}

/// Checks a day or a month of the calendar, as in ISO 8601 (`2026-11-23` or `2026-11`), and returns it as it is.
///
/// # Errors
/// [`ValidationError`] `invalid_value`.
pub fn day_or_month(text: &str) -> Result<String, ValidationError> {
    let day = if text.len() == 7 { format!("{text}-01") } else { text.to_owned() };
    let known = day.len() == 10 && day.parse::<jiff::civil::Date>().is_ok();
    if known {
        Ok(text.to_owned())
    } else {
        Err(ValidationError::new(
            ValidationErrorCode::InvalidValue,
            "give a day or a month, such as 2026-11-23 or 2026-11",
        ))
    }
}

/// Longest address that is accepted, in bytes.
const LONGEST_URL: usize = 2000;

/// Checks the address of a web page that a browser is sent to (`https`, and no name or password before the host) and
/// returns it as it is.
///
/// # Errors
/// [`ValidationError`] `invalid_value`.
pub fn https_url(text: &str) -> Result<String, ValidationError> {
    let is_good = |uri: http::Uri| {
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        !authority.contains('@') && uri.host().is_some_and(|host| !host.is_empty())
    };
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.len() <= LONGEST_URL && is_plain && text.starts_with("https://") && text.parse().is_ok_and(is_good) {
        return Ok(text.to_owned());
    }
    let detail = format!("give an address that begins with https://, of at most {LONGEST_URL} characters");
    Err(ValidationError::new(ValidationErrorCode::InvalidValue, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_where_they_say() {
        for good in ["https://example.com", "https://example.com:8443/a?b=c#d", "https://xn--bcher-kva.example/%20"] {
            assert_eq!(https_url(good).unwrap(), good);
        }
        let long = format!("https://example.com/{}", "a".repeat(2000));
        for bad in [
            "http://example.com",
            "javascript:alert(1)",
            "https://",
            "https://bank.example@evil.example/",
            "https://example.com/a b",
            "https://bücher.example",
            " https://example.com",
            &long,
        ] {
            assert_eq!(https_url(bad).unwrap_err().code, ValidationErrorCode::InvalidValue, "{bad}");
        }
    }

    #[test]
    fn labels_that_look_alike_are_one() {
        for same in ["high effort", " high\u{a0} effort ", "high  effort"] {
            assert_eq!(label(same, 20).unwrap(), "high effort");
        }
        for hidden in ["high\u{200b}", "hi\u{ad}gh", "high\u{fe0f}", "\u{feff}high", "\u{202e}high"] {
            assert_eq!(label(hidden, 20).unwrap_err().code, ValidationErrorCode::InvalidValue, "{hidden:?}");
        }
        assert_eq!(label("", 20).unwrap_err().code, ValidationErrorCode::InvalidLength);
        assert_eq!(label("Zoë 智", 20).unwrap(), "Zoë 智");
        assert_eq!(label("Zoe\u{308} \u{212a}", 20).unwrap(), "Zo\u{eb} K");
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        for (text, told) in [
            // RFC 3339, 5.8, but for leap seconds.
            ("1985-04-12T23:20:50.52Z", "1985-04-12T23:20:50.520Z"),
            ("1996-12-19T16:39:57-08:00", "1996-12-20T00:39:57.000Z"),
            ("1937-01-01T12:00:27.87+00:20", "1937-01-01T11:40:27.870Z"),
            ("2026-11-23t01:02:03z", "2026-11-23T01:02:03.000Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(timestamp(text).unwrap().to_string(), told, "{text}");
        }
        for text in [
            "",
            "2026-11-23",
            "2026-11-23 01:02Z",
            "2026-11-23T01:02Z",
            "20261123T010203Z",
            "2026-11-23T01:02:03",
            "2026-11-23T01:02:03,5Z",
            "2026-11-23T01:02:03.Z",
            "2026-11-23T01:02:03+25:00",
            "2026-11-23T01:02:03+0100",
            "2026-11-23T01:02:03+01:00:30",
            "2026-11-23T01:02:03Z[UTC]",
            "2026-02-30T01:02:03Z",
            "-000001-01-01T00:00:00Z",
            "0000-01-01T00:00:00+01:00",
            "２０２６-11-23T01:02:03Z",
        ] {
            assert_eq!(timestamp(text).unwrap_err().code, ValidationErrorCode::InvalidTimestamp, "{text}");
        }
    }

    #[test]
    fn texts_and_names() {
        assert_eq!(text(" a\nb ", 1, 3).unwrap(), "a\nb");
        assert_eq!(text("", 0, 3).unwrap(), "");
        assert_eq!(text(" ", 1, 3).unwrap_err().code, ValidationErrorCode::InvalidLength);
        assert_eq!(text("\u{200b}", 1, 3).unwrap_err().code, ValidationErrorCode::InvalidValue);
        assert_eq!(name("CI of the \u{200e}lab", 255).unwrap_err().code, ValidationErrorCode::InvalidValue);
        for bad in ["two\nlines", "two\u{2028}lines", "two\u{2029}lines", "\u{202e}evil", "\u{3164}"] {
            assert_eq!(name(bad, 255).unwrap_err().code, ValidationErrorCode::InvalidValue, "{bad:?}");
        }
        assert_eq!(name(" Rechner №7 ", 255).unwrap(), "Rechner №7");
    }
}
