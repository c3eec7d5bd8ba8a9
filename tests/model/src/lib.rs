//! A simulation of the whole application against a model of what it promises, while everything around it fails.
//!
//! A *seed* makes an episode: a list of [`plan::Step`]s, each with a random stream of its own, so that a step does the
//! same whatever stands beside it, and a failing list can be shortened. [`run`] plays the steps: several clients call
//! the application, and at each call to a port (over the [`world`]) another client may go on, the port may fail, or
//! the process may die. [`linear`] checks each answer against the models ([`account`], [`board`]), which are written
//! independently of the application and know only requests and answers. What has to hold is listed in [`invariants`].

pub mod account;
mod answers;
pub mod board;
pub mod client;
pub mod clock;
pub mod faults;
pub mod invariants;
pub mod ledger;
pub mod linear;
pub mod mailbox;
pub mod meaning;
pub mod plan;
mod ports;
mod readings;
mod rest;
mod revise;
pub mod run;
mod setup;
pub mod shrink;
mod sqlite;
pub mod world;

/// The number of a request, in the order in which requests were sent.
pub type Op = u32;
