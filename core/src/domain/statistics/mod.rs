//! Leaderboard statistics: pure functions in `f64`, each naming the paper it follows.
//!
//! Counts come from SQL integers within ±2⁵³, so their conversion to `f64` is exact.

mod clustered;
mod composite;
mod holm;
mod interval;
mod mcnemar;
mod paired;
mod pareto;
mod pass_at_k;
mod power;
mod ranking;
mod rounding;

#[cfg(test)]
mod aider;
#[cfg(test)]
mod evalperf;

pub use clustered::{ClusteredMean, MINIMUM_CLUSTERS, clustered_mean};
pub use composite::weighted_score;
pub use holm::holm;
pub use interval::{Difference, Interval, mover, newcombe, normal, wilson};
pub use mcnemar::{Discordant, mcnemar};
pub use paired::{PairedDifference, paired_difference};
pub use pareto::pareto_front;
pub use pass_at_k::mean_pass_at_k;
pub use power::{AttemptVariance, attempt_variance, attempts_needed, detectable_difference, power, tasks_needed};
pub use ranking::{RankRange, rank_ranges, ranks, tie_groups};
pub use rounding::significant;
