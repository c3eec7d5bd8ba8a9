use utoipa::IntoParams;

/// What may be asked of calls that make something: to make it once.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document alone reads it; the header is taken by `idempotency`")]
pub struct IdempotencyKey {
    /// Makes it safe to send the request again: what it makes is made once, and for 24 hours the same key with the same
    /// body gets the first answer, byte for byte, with `Idempotent-Replayed: true`. With another body, or on another
    /// path, it is 422 `idempotency_key_reused`; while the first request still runs, 409 `idempotency_in_progress`. A
    /// request that was refused changed nothing and is not remembered: its key may come again, with another body too. A
    /// key counts for its caller alone: the person, the owner of the API key, or without a credential the client's
    /// network. Authentication comes first.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^[ -~]+$",
        example = "01939f40-02b7-7a11-9c55-6d7e8f901234"
    )]
    idempotency_key: Option<String>,
}

/// What reads that may be kept are asked with.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document alone reads it; the header is taken by `caching`")]
pub struct IfNoneMatch {
    /// An `ETag` of an earlier answer.
    #[param(rename = "If-None-Match")]
    if_none_match: Option<String>,
}

/// What every call may be given.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the document alone reads it; the header is taken by `middleware`")]
pub struct RequestId {
    /// Names the request in the answer and the logs, where it is 1 to 64 letters, digits, `.`, `_` or `-`; anything else
    /// is replaced by a new UUID.
    #[param(rename = "X-Request-Id")]
    request_id: Option<String>,
}
