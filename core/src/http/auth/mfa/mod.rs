//! `/api/v1/auth/mfa`: the second factor.

mod code;
mod errors;
pub mod recovery_codes;
mod second_factor;
mod throttle;
pub mod totp;

pub use self::{
    code::Code,
    errors::{code_required, not_enabled},
    second_factor::StepUp,
    throttle::{code_throttle, failed},
};
use self::{code::open, second_factor::second_factor};
