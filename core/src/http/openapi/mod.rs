//! What the descriptions of many calls have in common, for the OpenAPI document.

mod headers;
mod refusals;

pub use headers::{IdempotencyKey, IfNoneMatch, RequestId};
pub use refusals::*;
