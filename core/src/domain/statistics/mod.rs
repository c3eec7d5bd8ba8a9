//! Leaderboard statistics: pure functions in `f64`, each naming the paper it follows.
//!
//! Counts come from SQL integers within ±2⁵³, so their conversion to `f64` is exact.

mod clustered;
mod composite;
mod interval;
mod pareto;
mod pass_at_k;
mod ranking;

#[cfg(test)]
mod aider;

pub use clustered::{ClusteredMean, MINIMUM_CLUSTERS, clustered_mean};
pub use composite::weighted_score;
pub use interval::{Interval, normal, wilson};
pub use pareto::pareto_front;
pub use pass_at_k::pass_at_k;
pub use ranking::{RankRange, rank_ranges, ranks, tie_groups};
