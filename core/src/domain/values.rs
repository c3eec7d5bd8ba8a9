//! Rules that many values share.

use super::{
    ValidationError, ValidationErrorCode,
    visible::{has_visible, is_bidi_control},
};
use crate::ports::Timestamp;

/// A text of `least` to `most` characters, trimmed; one that must not be empty can be seen.
///
/// # Errors
/// [`ValidationError`] `invalid_length`.
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

/// The name of a thing, in one line: a [`text`] without control characters, and without those that turn the text around
/// it.
///
/// # Errors
/// [`ValidationError`] `invalid_length`, `invalid_value`.
pub fn name(text: &str, most: usize) -> Result<String, ValidationError> {
    let name = self::text(text, 1, most)?;
    if name.chars().any(|character| character.is_control() || is_bidi_control(character)) {
        return Err(ValidationError::new(ValidationErrorCode::InvalidValue, "give a name without control characters"));
    }
    Ok(name)
}

/// An RFC 3339 time.
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

/// A day or a month of the calendar, as in ISO 8601: `2026-11-23` or `2026-11`.
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

/// The address of a page: an `http` or `https` URL of at most 2000 characters.
///
/// # Errors
/// [`ValidationError`] `invalid_value`.
pub fn web_address(text: &str) -> Result<String, ValidationError> {
    let text = text.trim();
    let uri = text.parse::<http::Uri>().ok().filter(|_| text.len() <= 2000);
    let is_page = uri.is_some_and(|uri| {
        let scheme = uri.scheme_str().unwrap_or_default();
        ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && uri.host().is_some_and(|host| !host.is_empty())
    });
    if is_page {
        Ok(text.to_owned())
    } else {
        Err(ValidationError::new(ValidationErrorCode::InvalidValue, "give a URL, such as https://example.com/page"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_names() {
        assert_eq!(text(" a\nb ", 1, 3).unwrap(), "a\nb");
        assert_eq!(text("", 0, 3).unwrap(), "");
        assert_eq!(text(" ", 1, 3).unwrap_err().code, ValidationErrorCode::InvalidLength);
        assert_eq!(text("\u{200b}", 1, 3).unwrap_err().code, ValidationErrorCode::InvalidValue);
        assert_eq!(name("CI of the \u{200e}lab", 255).unwrap_err().code, ValidationErrorCode::InvalidValue);
        for bad in ["two\nlines", "\u{202e}evil", "\u{3164}"] {
            assert_eq!(name(bad, 255).unwrap_err().code, ValidationErrorCode::InvalidValue, "{bad:?}");
        }
        assert_eq!(name(" Rechner №7 ", 255).unwrap(), "Rechner №7");
    }

    #[test]
    fn only_pages_have_web_addresses() {
        for good in ["https://example.com", "http://example.com:8080/a?b=c", "HTTPS://EXAMPLE.COM/"] {
            assert_eq!(web_address(good).unwrap(), good);
        }
        let long = format!("https://example.com/{}", "a".repeat(2000));
        for bad in [
            "javascript:alert(1)",
            "/page",
            "example.com",
            "ftp://example.com",
            "https://",
            "https://a b",
            "https://u:p@example.com",
            &long,
        ] {
            assert!(web_address(bad).is_err(), "{bad}");
        }
    }
}
