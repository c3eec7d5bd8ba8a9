//! The Cloudflare Worker: `worker.mjs` holds its handlers and its Durable Objects, `glue.mjs` the functions between
//! them and this instance, and this module the ports.

mod adapters;
mod analytics;
mod console;
mod current_task;
mod d1;
mod glue;
mod hasher;
mod key_gate;
mod key_object;
mod limiter;
mod mail;
mod requests;
mod tasks;
mod timers;
