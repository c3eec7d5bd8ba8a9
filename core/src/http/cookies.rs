//! Cookies, read by bytes and written as secrets.

use http::{HeaderMap, HeaderValue, header};

use super::problem::{ApiError, MALFORMED_REQUEST};
use crate::domain::Secret;

/// The value of the one cookie of this name, if there is one. Two are refused: a neighbouring subdomain can put one of its
/// own beside ours, and nothing tells which of them is which.
///
/// # Errors
/// `malformed_request`.
pub fn only(headers: &HeaderMap, name: &str) -> Result<Option<Secret>, ApiError> {
    // By bytes, since a value that is no text must not hide what stands beside it. Not at commas: a neighbouring subdomain
    // could write one, and our name behind it, into a cookie of any other name, which no prefix keeps it from.
    let headers = headers.get_all(header::COOKIE).iter();
    let pairs = headers.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| {
        let (given, rest) = pair.trim_ascii().split_at_checked(name.len())?;
        let value = rest.trim_ascii_start().strip_prefix(b"=")?;
        (given == name.as_bytes()).then(|| value.trim_ascii())
    });
    let value = values.next();
    // Workers join several headers with a comma, which no value of ours holds (RFC 6265, 4.1.1).
    let is_joined = value.is_some_and(|value| value.contains(&b','));
    if is_joined || values.next().is_some() {
        return Err(ApiError::new(MALFORMED_REQUEST, format!("send one cookie {name}, not several")));
    }
    Ok(value.map(|value| Secret::new(String::from_utf8_lossy(value))))
}

/// Sets a cookie with the answer.
pub fn append(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
}
