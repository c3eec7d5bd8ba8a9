//! Mail: queued with its cause, sent after the answer and again by the tick until a provider accepts it.

mod delivery;
mod kept;
mod key_notices;
mod providers;
mod queue;
mod templates;

pub use self::{
    delivery::{deliver_due, deliver_in_background},
    kept::{KeptMail, kept},
    key_notices::queue_key_notices,
    queue::{QueueError, notice, queue},
    templates::{EmailTemplate, Notice},
};
