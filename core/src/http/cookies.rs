//! Cookies, parsed as bytes and marked as secrets when they are set.

use http::{HeaderMap, HeaderValue, header};

use super::problem::{ApiError, MALFORMED_REQUEST};
use crate::domain::Secret;

/// Returns the value of the only cookie of this name, if there is one. Refuses two: a neighbouring subdomain can set
/// one of its own beside ours, and nothing tells which of them is which.
///
/// # Errors
/// `malformed_request` where there are several.
pub fn only(headers: &HeaderMap, name: &str) -> Result<Option<Secret>, ApiError> {
    // Splits bytes, since a value that is not text must not hide the cookies beside it. Does not split at commas: a
    // neighbouring subdomain could write one, followed by our name, into any cookie, which no name prefix prevents.
    let headers = headers.get_all(header::COOKIE).iter();
    let pairs = headers.flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    let mut values = pairs.filter_map(|pair| {
        let (given, rest) = pair.trim_ascii().split_at_checked(name.len())?;
        let value = rest.trim_ascii_start().strip_prefix(b"=")?;
        (given == name.as_bytes()).then(|| value.trim_ascii())
    });
    let value = values.next();
    // Workers join several headers with a comma, which none of our values contains (RFC 6265, 4.1.1).
    let is_joined = value.is_some_and(|value| value.contains(&b','));
    if is_joined || values.next().is_some() {
        return Err(ApiError::new(MALFORMED_REQUEST, format!("send one cookie {name}, not several")));
    }
    Ok(value.map(|value| Secret::new(String::from_utf8_lossy(value))))
}

/// Adds a `Set-Cookie` header to the answer and marks it as sensitive.
pub fn append(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        headers.append(header::SET_COOKIE, value);
    }
}
