//! The application in this process, with a clock and a database that the test controls.

mod accounts;
mod addresses;
mod faults;
mod guessing;
mod idempotency;
mod leaderboard;
mod limits;
mod log;
mod packs;
mod reads;
mod round_trips;
mod steps;
mod webhooks;
