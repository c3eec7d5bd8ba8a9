//! The forms of texts and numbers on the wire that have no type of their own: a member names its form by
//! `#[schema(value_type = …)]`, and the OpenAPI document refers to it.

use utoipa::ToSchema;

/// Names a provider or one of its models, without regard to case, or a part of a composite score.
#[derive(ToSchema)]
#[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", example = "aider-polyglot")]
pub struct Slug(pub String);

/// The id of a task, unique within its version.
#[derive(ToSchema)]
#[schema(min_length = 1, max_length = 200, example = "python/two-fer")]
pub struct TaskId(pub String);

/// A UUIDv7 in lower case.
#[derive(ToSchema)]
#[schema(
    format = "uuid",
    pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
    example = "01939f41-5a00-7f3e-a7b8-c9d0e1f2a3b4"
)]
pub struct Uuid(pub String);

/// A hash of SHA-256, in lower-case hexadecimal.
#[derive(ToSchema)]
#[schema(pattern = "^[0-9a-f]{64}$", example = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")]
pub struct Sha256Hex(pub String);

/// A day, or a month where only that is known.
#[derive(ToSchema)]
#[schema(pattern = "^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$", example = "2025-08-07")]
pub struct DayOrMonth(pub String);

/// The address of a page.
#[derive(ToSchema)]
#[schema(
    format = "uri",
    pattern = "^[Hh][Tt][Tt][Pp][Ss]?://",
    max_length = 2000,
    example = "https://example.com/page"
)]
pub struct WebAddress(pub String);

/// A share of what passed, or a mean: from 0 to 1.
#[derive(ToSchema)]
#[schema(minimum = 0, maximum = 1, example = 0.88)]
pub struct Score(pub f64);

/// An IPv4 or IPv6 address, or a CIDR block.
#[derive(ToSchema)]
#[schema(min_length = 2, max_length = 49, example = "192.0.2.0/24")]
pub struct IpBlock(pub String);
