//! Codes of an authenticator.

use aibaas_core::domain::{
    Timestamp,
    totp::{TotpCode, TotpSecret},
};

use crate::Set;

/// RFC 6238, appendix B, those of SHA-1: seconds, and the last six of the eight digits, which are the six-digit code.
const RFC_6238: [(i64, &str); 6] = [
    (59, "287082"),
    (1_111_111_109, "081804"),
    (1_111_111_111, "050471"),
    (1_234_567_890, "005924"),
    (2_000_000_000, "279037"),
    (20_000_000_000, "353130"),
];

pub fn totp() -> Set {
    let mut set = Set::new("RFC 6238 B, SHA-1");
    let secret = TotpSecret::new(*b"12345678901234567890");
    for (seconds, code) in RFC_6238 {
        let step = |at: i64, last_step| secret.matching_step(TotpCode::parse(code)?, Timestamp(at * 1000), last_step);
        let expected = seconds / 30;
        set.count(true, step(seconds, 0) == Some(expected), &code);
        set.count(false, step(seconds, expected).is_some(), &format!("{code}, used before,"));
        set.count(false, step(seconds + 60, 0).is_some(), &format!("{code}, two steps old,"));
    }
    set
}
