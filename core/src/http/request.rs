//! Reading of requests: bodies, members and parameters, each mistake with its own problem.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Request},
};
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, header, request::Parts};
use serde::de::DeserializeOwned;

use super::{
    problem::{
        ApiError, FieldError, MALFORMED_REQUEST, PAYLOAD_TOO_LARGE, Problem, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE,
    },
    request_body::BodyStalled,
};
use crate::domain::{Timestamp, ValidationError, ValidationErrorCode, values};

/// Most bytes of an ordinary body.
pub const BODY_LIMIT: usize = 64 * 1024;
/// Most bytes of an upload.
pub const UPLOAD_LIMIT: usize = 1024 * 1024;

/// Extractor of a JSON body of at most [`BODY_LIMIT`] bytes.
pub struct Json<T>(pub T);
/// Extractor of a JSON body of at most [`UPLOAD_LIMIT`] bytes.
pub struct LargeJson<T>(pub T);

/// Extractor of a JSON object of at most [`BODY_LIMIT`] bytes, all of whose members may be absent, and so may the body.
pub struct OptionalJson<T>(pub T);

/// Type that a request's body is read into.
pub trait FromBody: Sized {
    /// Most bytes of the body.
    const LIMIT: usize;

    /// Checks what can be told from the headers, before the body is read.
    ///
    /// # Errors
    /// `unsupported_media_type`.
    fn accept(headers: &HeaderMap) -> Result<(), ApiError>;

    /// Parses the whole body.
    ///
    /// # Errors
    /// `malformed_request`, `validation_failed`; `unsupported_media_type` where only an empty body needs no type.
    fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiError>;
}

impl<T: DeserializeOwned> FromBody for Json<T> {
    const LIMIT: usize = BODY_LIMIT;

    fn accept(headers: &HeaderMap) -> Result<(), ApiError> {
        require_json(headers)
    }

    fn parse(_: &HeaderMap, body: &[u8]) -> Result<Self, ApiError> {
        parse_object(body).map(Self)
    }
}

impl<T: DeserializeOwned> FromBody for LargeJson<T> {
    const LIMIT: usize = UPLOAD_LIMIT;

    fn accept(headers: &HeaderMap) -> Result<(), ApiError> {
        require_json(headers)
    }

    fn parse(_: &HeaderMap, body: &[u8]) -> Result<Self, ApiError> {
        parse_object(body).map(Self)
    }
}

impl<T: DeserializeOwned + Default> FromBody for OptionalJson<T> {
    const LIMIT: usize = BODY_LIMIT;

    fn accept(_: &HeaderMap) -> Result<(), ApiError> {
        Ok(())
    }

    fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        require_json(headers)?;
        parse_object(body).map(Self)
    }
}

macro_rules! from_request {
    ($($body:ident: $($bound:path),+;)+) => {$(
        impl<T: $($bound +)+, S: Sync> FromRequest<S> for $body<T> {
            type Rejection = ApiError;

            async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
                let (parts, body) = request.into_parts();
                read(&parts.headers, body).await.map(|(read, _)| read)
            }
        }
    )+};
}
from_request! {
    Json: DeserializeOwned;
    LargeJson: DeserializeOwned;
    OptionalJson: DeserializeOwned, Default;
}

/// Reads a body, and returns its bytes besides.
///
/// # Errors
/// As [`read_body`] and the methods of [`FromBody`].
pub async fn read<B: FromBody>(headers: &HeaderMap, body: Body) -> Result<(B, Bytes), ApiError> {
    B::accept(headers)?;
    let bytes = read_body(headers, body, B::LIMIT).await?;
    Ok((B::parse(headers, without_byte_order_mark(&bytes))?, bytes))
}

/// Parses JSON like [`parse_json`] into a type that is an object: serde would take an array of its members too.
///
/// # Errors
/// As [`parse_json`].
pub fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        parse_json::<serde::de::IgnoredAny>(bytes)?;
        let error = FieldError {
            pointer: String::new(),
            code: ValidationErrorCode::InvalidType,
            detail: "give a JSON object".to_owned(),
        };
        return Err(ApiError::invalid(vec![error]));
    }
    parse_json(bytes)
}

/// Checks that the body is declared as JSON.
///
/// # Errors
/// `unsupported_media_type`.
pub fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    match media_type(headers).as_deref() {
        Some("application/json") => Ok(()),
        _ => Err(ApiError::new(UNSUPPORTED_MEDIA_TYPE, "send Content-Type: application/json")),
    }
}

/// Serializes a request as text to compare with others: without members that are `null`, so that members added later
/// change nothing.
///
/// # Errors
/// An internal error, when the value cannot be serialized.
pub fn canonical(value: &impl serde::Serialize) -> Result<String, ApiError> {
    fn without_nulls(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(members) => {
                members.retain(|_, member| !member.is_null());
                members.values_mut().for_each(without_nulls);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(without_nulls),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(value).map_err(|error| ApiError::internal(error.to_string()))?;
    without_nulls(&mut value);
    Ok(value.to_string())
}

/// Deserializes a member so that `null` differs from absent, for `#[serde(default, deserialize_with)]`. Where `T` is no
/// `Option`, `null` is refused.
///
/// # Errors
/// When the value is of another type.
pub fn given<'de, T: serde::Deserialize<'de>, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Some)
}

/// Returns the body's media type without its parameters, in lower case.
#[must_use]
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(|media| media.trim().to_ascii_lowercase())
}

/// Refuses a compressed body, which would be parsed as if it were not.
///
/// # Errors
/// `unsupported_media_type`, with the accepted codings in `Accept-Encoding` (RFC 9110, 15.5.16).
fn require_identity(headers: &HeaderMap) -> Result<(), ApiError> {
    let codings =
        headers.get_all(header::CONTENT_ENCODING).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    let mut codings = codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    if codings.all(|coding| coding.eq_ignore_ascii_case(b"identity")) {
        return Ok(());
    }
    let problem = Problem::new(UNSUPPORTED_MEDIA_TYPE, "send the body without Content-Encoding");
    Err(problem.header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity")).into())
}

/// Strips the byte order mark that some programs begin a text with (RFC 8259, 8.1).
#[must_use]
fn without_byte_order_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// Reads at most `limit` bytes, and none where the declared length is over the limit. The host deals with the rest.
///
/// # Errors
/// `payload_too_large`; `unsupported_media_type` where the body is compressed; `request_timeout` when the body stops
/// arriving, `malformed_request` when it breaks off.
pub async fn read_body(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    require_identity(headers)?;
    let too_large = || ApiError::new(PAYLOAD_TOO_LARGE, format!("a body has at most {limit} bytes here"));
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|declared| declared > limit) {
        return Err(too_large());
    }
    let mut chunks = body.into_data_stream();
    let mut whole = Vec::with_capacity(declared.unwrap_or(0));
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| {
            if BodyStalled::caused(&error) {
                ApiError::new(REQUEST_TIMEOUT, "send the whole body at once, and faster than this")
            } else {
                ApiError::new(MALFORMED_REQUEST, "the body broke off")
            }
        })?;
        if whole.len().saturating_add(chunk.len()) > limit {
            return Err(too_large());
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.into())
}

/// Parses JSON into a type: what is not JSON is malformed, what does not fit the type is invalid.
///
/// # Errors
/// `malformed_request`, or `validation_failed` with the pointer of the first member that does not fit.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Whatever follows the value is an error too, so the value is read whole first.
    let text = std::str::from_utf8(bytes).map_err(|_| ApiError::new(MALFORMED_REQUEST, "the body is not UTF-8"))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer(error.path());
        let inner = error.into_inner();
        // A member may be refused before the broken syntax is reached, and serde_json calls a number in the place of an
        // enum a syntax error.
        if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
            ApiError::invalid(vec![field_error(pointer, &inner.to_string())])
        } else {
            ApiError::new(MALFORMED_REQUEST, format!("the body is not JSON: {}", without_value(&inner.to_string())))
        }
    })?;
    deserializer.end().map_err(|error| ApiError::new(MALFORMED_REQUEST, format!("the body is not JSON: {error}")))?;
    Ok(parsed)
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        let part = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } | Segment::Enum { variant: key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&part);
    }
    pointer
}

/// Returns serde's message without the value that it quotes: a secret in the wrong member is not sent back.
fn without_value(message: &str) -> String {
    let quotes = ["invalid type", "invalid value", "unknown variant"].iter().any(|start| message.starts_with(start));
    match message.rsplit_once(", expected ") {
        Some((_, expected)) if quotes => format!("expected {expected}"),
        _ => message.to_owned(),
    }
}

/// Converts serde's error of a member, whose kind shows only in the sentences that its derive writes.
fn field_error(mut pointer: String, message: &str) -> FieldError {
    let message = message.split(" at line ").next().unwrap_or(message);
    let named = message.split('`').nth(1).unwrap_or_default();
    let (code, names_a_member) = match message.split(" `").next() {
        Some("unknown field") => (ValidationErrorCode::UnknownMember, true),
        Some("missing field") => (ValidationErrorCode::Required, true),
        Some("duplicate field") => (ValidationErrorCode::DuplicateMember, true),
        Some("unknown variant") => (ValidationErrorCode::InvalidValue, false),
        _ if message.starts_with("invalid type") => (ValidationErrorCode::InvalidType, false),
        _ => (ValidationErrorCode::InvalidValue, false),
    };
    if names_a_member && !pointer.ends_with(&format!("/{named}")) {
        pointer = format!("{pointer}/{named}");
    }
    FieldError { pointer, code, detail: without_value(message) }
}

/// Most mistakes that an answer lists: an upload may have one in each of its members.
const MOST_ERRORS: usize = 100;

/// Collector of a request's mistakes, so that all are reported at once.
#[derive(Default)]
pub struct Validator {
    errors: Vec<FieldError>,
}

impl Validator {
    /// Notes a mistake; no more than `MOST_ERRORS` are kept.
    pub fn refuse(&mut self, pointer: &str, code: ValidationErrorCode, detail: impl Into<String>) {
        if self.errors.len() < MOST_ERRORS {
            self.errors.push(FieldError { pointer: pointer.to_owned(), code, detail: detail.into() });
        }
    }

    /// Returns the value, or notes its mistake and returns `None`.
    pub fn check<T>(&mut self, pointer: &str, value: Result<T, ValidationError>) -> Option<T> {
        value.map_err(|refusal| self.refuse(pointer, refusal.code, refusal.detail)).ok()
    }

    /// Notes a mistake unless the value's rule holds.
    pub fn require(&mut self, holds: bool, pointer: &str, detail: &str) {
        if !holds {
            self.refuse(pointer, ValidationErrorCode::InvalidValue, detail);
        }
    }

    /// Checks a text of `least` to `most` characters, and returns it trimmed; empty after a mistake.
    pub fn text(&mut self, pointer: &str, text: &str, least: usize, most: usize) -> String {
        self.check(pointer, values::text(text, least, most)).unwrap_or_default()
    }

    /// Checks the name of a thing, of at most `most` characters; empty after a mistake.
    pub fn name(&mut self, pointer: &str, text: &str, most: usize) -> String {
        self.check(pointer, values::name(text, most)).unwrap_or_default()
    }

    /// Checks a name that tells a row from others, of at most `most` characters, and puts its words one space apart;
    /// empty after a mistake.
    pub fn label(&mut self, pointer: &str, text: &str, most: usize) -> String {
        self.check(pointer, values::label(text, most)).unwrap_or_default()
    }

    /// Checks a text that may be absent, like [`Validator::text`]; an empty one counts as absent.
    pub fn optional_text(&mut self, pointer: &str, text: Option<&str>, most: usize) -> Option<String> {
        text.map(|text| self.text(pointer, text, 0, most)).filter(|text| !text.is_empty())
    }

    /// Parses an RFC 3339 time.
    pub fn timestamp(&mut self, pointer: &str, text: &str) -> Option<Timestamp> {
        self.check(pointer, values::timestamp(text))
    }

    /// Parses an RFC 3339 time that may be absent.
    pub fn optional_timestamp(&mut self, pointer: &str, text: Option<&str>) -> Option<Timestamp> {
        text.and_then(|text| self.timestamp(pointer, text))
    }

    /// Checks a day or a month that may be absent.
    pub fn optional_date(&mut self, pointer: &str, text: Option<&str>) -> Option<String> {
        text.and_then(|text| self.check(pointer, values::day_or_month(text)))
    }

    /// Checks the https address of a page that may be absent.
    pub fn optional_https_url(&mut self, pointer: &str, text: Option<&str>) -> Option<String> {
        text.and_then(|text| self.check(pointer, values::https_url(text)))
    }

    /// Checks a name that stands in paths: letters, digits, `.`, `_`, `-`, at most 100.
    pub fn slug(&mut self, pointer: &str, text: &str) {
        self.require(
            is_slug(text),
            pointer,
            "give 1 to 100 letters, digits, '.', '_' or '-', the first a letter or digit",
        );
    }

    /// Ends the validation.
    ///
    /// # Errors
    /// `validation_failed` with every mistake that was noted.
    pub fn finish(self) -> Result<(), ApiError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ApiError::invalid(self.errors)) }
    }
}

/// Checks whether a text may name a thing in a path.
#[must_use]
pub fn is_slug(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.len() <= 100
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Extractor of query parameters; unknown ones are refused by the type.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|error| ApiError::new(MALFORMED_REQUEST, format!("query parameters: {}", error.body_text())))
    }
}

/// Extractor of path parameters.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(path)| Self(path))
            .map_err(|error| ApiError::new(MALFORMED_REQUEST, format!("path: {}", error.body_text())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parsing is looked at")]
    struct Sample {
        name: String,
        #[serde(default)]
        list: Vec<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its parsing is looked at")]
    struct Inner {
        n: u32,
    }

    fn outcome(text: &str) -> (u64, String, String) {
        let Err(ApiError::Problem(problem)) = parse_object::<Sample>(text.as_bytes()) else {
            panic!("{text} was accepted")
        };
        let body = serde_json::to_value(problem.body("https://api.example.com", "id")).unwrap();
        let error = |name: &str| body["errors"][0][name].as_str().unwrap_or_default().to_owned();
        (body["status"].as_u64().unwrap(), error("pointer"), error("code"))
    }

    #[test]
    fn malformed_is_not_invalid() {
        for text in ["", "{", "{\"name\":}", "{\"name\":\"a\"} x", "{\"extra\":1,}", "\u{0}"] {
            assert_eq!(outcome(text).0, 400, "{text}");
        }
        let invalid = |pointer: &str, code: &str| (422, pointer.to_owned(), code.to_owned());
        assert_eq!(outcome("[]"), invalid("", "invalid_type"));
        assert_eq!(outcome("{}"), invalid("/name", "required"));
        assert_eq!(outcome(r#"{"name":1}"#), invalid("/name", "invalid_type"));
        assert_eq!(outcome(r#"{"name":"a","extra":1}"#), invalid("/extra", "unknown_member"));
        assert_eq!(outcome(r#"{"name":"a","name":"b"}"#), invalid("/name", "duplicate_member"));
        assert_eq!(outcome(r#"{"name":"a","list":[{"n":1},{"n":-1}]}"#), invalid("/list/1/n", "invalid_value"));
        assert_eq!(outcome(r#"{"name":"a","list":[{"n":1,"m":2}]}"#), invalid("/list/0/m", "unknown_member"));
    }
}
