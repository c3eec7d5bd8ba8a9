//! Addresses of the pages, which link to each other.

pub const PEOPLE: &str = "/admin/people";
pub const RUNS: &str = "/admin/runs";
pub const FEATURED_BENCHMARK: &str = "/admin/featured-benchmark";
pub const OUTBOX: &str = "/admin/outbox";
pub const HEALTH: &str = "/admin/health";
pub const EVENTS: &str = "/admin/events";
