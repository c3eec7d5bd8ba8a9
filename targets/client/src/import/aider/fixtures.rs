//! The published leaderboard and a single row, for tests.

use aibaas_core::wire::CountsPut;
use clap::Parser;

use super::{Options, plan};
use crate::import::plan::{Evidence, Plan, Submission};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    options: Options,
}

/// Creates the plan of a file with this name.
pub fn planned(file: &str, document: &str, arguments: &[&str]) -> Result<Plan, String> {
    plan(file, document, &Command::parse_from([&["", file], arguments].concat()).options)
}

/// The leaderboard as Aider publishes it.
pub const LEADERBOARD: &str = include_str!("../../../../../data/aider/polyglot_leaderboard.yml");

/// A row without mistakes.
pub const ROW: &str = "- {dirname: d, test_cases: 225, model: gpt-m, edit_format: diff, commit_hash: 1234e56, pass_rate_1: 20.0, pass_rate_2: 40.0, pass_num_1: 45, pass_num_2: 90, total_tests: 225, command: c, date: 2025-02-25, versions: v, seconds_per_case: 1.5, total_cost: 0.5}\n";

/// Returns the submissions of the rows that were not refused.
pub fn sound(plan: &Plan) -> Vec<&Submission> {
    plan.entries.iter().filter_map(|entry| entry.submission.as_ref().ok()).collect()
}

pub fn counts(submission: &Submission) -> &CountsPut {
    match &submission.evidence {
        Evidence::Counts(counts) => counts,
        Evidence::Results(_) | Evidence::Score(_) => panic!("no counts"),
    }
}
