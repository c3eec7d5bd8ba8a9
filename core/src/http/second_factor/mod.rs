//! The second factor of a person who logs in or is logged in: codes, and the guesses at them.

mod code;
mod errors;
mod throttle;

pub use code::{Code, open};
pub use errors::{code_required, not_enabled};
pub use throttle::{code_throttle, failed};
