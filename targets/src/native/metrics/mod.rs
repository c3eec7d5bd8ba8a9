//! Metrics of the server, served at `GET /metrics`.

mod background;
mod durations;
mod registry;
mod spans;

pub use self::{
    background::{HashMetrics, WriteMetrics},
    registry::Metrics,
    spans::{SpanLoss, SpanMetrics},
};
