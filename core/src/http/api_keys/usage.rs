use std::collections::HashMap;

use axum::{Json as Answer, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    no_such_key,
    read::{last_used, unsaved},
};
use crate::{
    app::App,
    domain::{ApiKeyId, Timestamp, key_use::HOUR_MS, values},
    http::{
        credentials::ClaimedSession,
        openapi::NotFound,
        problem::{ApiError, MALFORMED_REQUEST},
        request::{Path, Query},
    },
    store::{
        api_keys::{self, ApiKeyRecord},
        key_uses::{self, UseCounts, UseOfKey},
    },
};

const MOST_BUCKETS: i64 = 1000;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// RFC 3339; rounded down to a whole bucket. Without it, 24 hours (or 30 days, by day) before `to`.
    #[param(format = DateTime)]
    from: Option<String>,
    /// RFC 3339; rounded up to a whole bucket. Without it, the end of the current one.
    #[param(format = DateTime)]
    to: Option<String>,
    /// How long a bucket is.
    #[serde(default)]
    #[param(inline, default = "hour")]
    bucket: Bucket,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bucket {
    #[default]
    Hour,
    Day,
}

impl Bucket {
    fn ms(self) -> i64 {
        match self {
            Self::Hour => HOUR_MS,
            Self::Day => HOUR_MS.saturating_mul(24),
        }
    }

    /// Returns how many buckets a range has where none is asked for.
    fn usual(self) -> i64 {
        match self {
            Self::Hour => 24,
            Self::Day => 30,
        }
    }

    /// Returns the start of the bucket that contains the time.
    fn floor(self, time: Timestamp) -> Timestamp {
        time.plus_ms(time.0.rem_euclid(self.ms()).saturating_neg())
    }

    /// Returns the end of the bucket that contains the time.
    fn end(self, time: Timestamp) -> Timestamp {
        self.floor(time).plus_ms(self.ms())
    }
}

impl Parameters {
    /// Creates the parameters of the usual range of such buckets.
    pub fn of(bucket: Bucket) -> Self {
        Self { from: None, to: None, bucket }
    }

    /// Returns the range in whole buckets: to the end of the current one where no end is given.
    fn range(&self, now: Timestamp) -> Result<(Timestamp, Timestamp), ApiError> {
        let refuse = |detail: String| ApiError::new(MALFORMED_REQUEST, detail);
        let time = |name: &str, text: &Option<String>| {
            let time = text.as_deref().map(values::timestamp).transpose();
            time.map_err(|refusal| refuse(format!("{name}: {}", refusal.detail)))
        };
        let bucket = self.bucket;
        let to = match time("to", &self.to)? {
            Some(to) if bucket.floor(to) == to => to,
            to => bucket.end(to.unwrap_or(now)),
        };
        let from = match time("from", &self.from)? {
            Some(from) => bucket.floor(from),
            None => to.plus_ms(bucket.usual().saturating_mul(bucket.ms()).saturating_neg()),
        };
        let length = to.0.saturating_sub(from.0);
        if length <= 0 {
            return Err(refuse("from must lie before to".to_owned()));
        }
        if length > MOST_BUCKETS.saturating_mul(bucket.ms()) {
            return Err(refuse(format!("a range has at most {MOST_BUCKETS} buckets")));
        }
        Ok((from, to))
    }
}

/// What became of the requests with a key, in buckets of UTC time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKeyUsage)]
pub struct Usage {
    api_key_id: ApiKeyId,
    #[schema(inline)]
    pub bucket: Bucket,
    /// Start of the first bucket.
    from: Timestamp,
    /// End of the last bucket.
    to: Timestamp,
    /// Every bucket of the range, oldest first.
    #[schema(min_items = 1, max_items = 1000)]
    pub data: Vec<BucketOfUse>,
    pub totals: UseCounts,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeyUsagePeriod)]
pub struct BucketOfUse {
    pub start: Timestamp,
    #[serde(flatten)]
    pub counts: UseCounts,
}

/// Tells how a key was used.
///
/// How often it was let in, stopped by its limit, and refused, its verifications included: by hours or days of UTC,
/// counted to this moment and kept for 400 days. A range has at most 1000 buckets. A crash of the server may lose the
/// count of about the last minute.
#[utoipa::path(
    get,
    path = "/api/v1/api-keys/{id}/usage",
    operation_id = "getApiKeyUsage",
    tag = "API keys",
    security(("accessToken" = [])),
    params(("id" = ApiKeyId, Path), Parameters),
    responses(
        (status = 200, description = "Every bucket of the range, oldest first.", body = Usage),
        (status = 404, response = NotFound),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    caller: ClaimedSession,
    Path(id): Path<ApiKeyId>,
    Query(parameters): Query<Parameters>,
) -> Result<Answer<Usage>, ApiError> {
    read(&app, &caller, id, &parameters).await.map(|(_, usage)| Answer(usage))
}

/// Reads a key and its use, both up to this moment.
///
/// # Errors
/// `malformed_request`, `not_found`, or the error of the caller's session.
pub async fn read(
    app: &App,
    caller: &ClaimedSession,
    id: ApiKeyId,
    parameters: &Parameters,
) -> Result<(ApiKeyRecord, Usage), ApiError> {
    let bucket = parameters.bucket;
    let (from, to) = parameters.range(app.now())?;
    let unsaved = unsaved(app, caller, &id).await?;
    let of = UseOfKey { key_id: &id, from, to, bucket_ms: bucket.ms(), unsaved: &unsaved };
    let mut reads = caller.batch();
    let owner_id = reads.user_id();
    let key = reads.push(api_keys::of_user(&id, owner_id));
    let counted = reads.push(key_uses::by_bucket(of));
    let (_, mut answers) = reads.read(app).await?;
    let mut key = answers.take(key)?.ok_or_else(no_such_key)?;
    key.last_used_at = key.last_used_at.max(last_used(&unsaved));
    let counted = answers.take(counted)?.into_iter().collect::<HashMap<_, _>>();
    let starts = std::iter::successors(Some(from), |start| Some(bucket.end(*start))).take_while(|start| *start < to);
    let of = |start: Timestamp| counted.get(&start).copied().unwrap_or_default();
    let data = starts.map(|start| BucketOfUse { start, counts: of(start) }).collect();
    let totals = counted.values().copied().fold(UseCounts::default(), UseCounts::plus);
    Ok((key, Usage { api_key_id: id, bucket, from, to, data, totals }))
}
