//! Rules of the leaderboard: scores, ranks, flags of rows, and how two models differ.

mod change;
mod comparison;
mod flag;
mod health;
mod ranking;
mod score;

pub use change::{ChangeKind, RankChange};
pub use comparison::{
    CompareError, ComparedRun, Comparison, Dimension, Found, LEAST_PRIVATE_TASKS, Method, SliceFound, adjust, compare,
};
pub use flag::Flag;
pub use health::{LeaderGap, Saturation, Separating, StandingRun, TaskSet};
pub use ranking::{Entry, Place, RankedEntry, Standings, rank};
pub use score::{Aggregates, GivenUncertainty, IntervalMethod, Score};
