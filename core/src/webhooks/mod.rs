//! Webhooks, called after the answer and by the tick: apart from mail, so that neither waits for the other, a few at
//! once, and each by one instance at a time.

mod delivery;
mod message;

pub use delivery::{deliver_due, deliver_in_background};
pub use message::{seal, targets};
