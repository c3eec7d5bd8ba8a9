//! The application in this process, under a clock and a database that obey the test.

mod accounts;
mod faults;
mod idempotency;
mod leaderboard;
mod limits;
mod reads;
