//! `/api/v1/auth/mfa`: the second factor.

pub mod recovery_codes;
mod step_up_request;
pub mod totp;

pub use self::step_up_request::StepUp;
use self::step_up_request::second_factor;
