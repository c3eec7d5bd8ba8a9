//! The leaderboard as HTML pages: rendered on the server, without scripts, with every number that the API gives.

pub mod benchmarks;
pub mod board;
mod board_page;
mod cached_page;
mod cards;
pub mod changes;
mod chooser;
pub mod compare;
mod controls;
mod facts;
mod filters;
pub mod front;
mod health;
mod listing;
mod lookup;
pub mod model;
pub mod models;
mod plot;
mod progress;
mod query_parameters;
pub mod run;
pub mod seals;
pub mod search;
pub mod site_map;
pub mod standings;
mod surroundings;
mod table;
mod text;

pub use self::text::{Scale, day, grouped, minute, system_name};
use self::{
    cached_page::{TaggedPage, answer},
    controls::{more, select},
    lookup::{LeaderboardPageError, find_or_list, no_board, unless_hidden},
    query_parameters::QueryParameters,
};

/// Rows on a page: with agents of long names, and with what is around them, they are under 100 KB.
const ROWS: usize = 70;
