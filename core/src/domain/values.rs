//! Rules that many values share.

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

/// Checks a [`name`] that tells a row from others, and returns it with one space between words. All of it must be
/// visible, because two names that look alike would be two rows of the same thing.
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
    Ok(label.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Parses an RFC 3339 time, to the millisecond.
///
/// # Errors
/// [`ValidationError`] `invalid_timestamp`.
pub fn timestamp(text: &str) -> Result<Timestamp, ValidationError> {
    let time = text.parse::<jiff::Timestamp>();
    time.map(|time| Timestamp(time.as_millisecond())).map_err(|_| {
        ValidationError::new(
            ValidationErrorCode::InvalidTimestamp,
            "give an RFC 3339 time, such as 2026-11-23T01:02:03Z",
        )
    })
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
