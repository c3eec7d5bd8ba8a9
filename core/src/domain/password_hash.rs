//! Password hashing: Argon2id (RFC 9106), stored as a PHC string that carries its own parameters.

use argon2::{
    Algorithm, Argon2, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};

use super::Secret;
use crate::ports::{HashError, HashJob, HashOutcome};

/// Cost of a new hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Params {
    /// OWASP's first recommendation: 19 MiB, two passes, one lane.
    pub const DEFAULT: Self = Self { memory_kib: 19_456, passes: 2, lanes: 1 };
    /// OWASP's and ASVS's equivalents, memory and passes: what is below all of them is refused.
    const FLOOR: [(u32, u32); 3] = [(19_456, 2), (12_288, 3), (47_104, 1)];

    /// Reads `m=19456,t=2,p=1`, as PHC strings spell it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let mut part = |name: &str| parts.next()?.trim().strip_prefix(name)?.parse::<u32>().ok();
        let (memory_kib, passes, lanes) = (part("m=")?, part("t=")?, part("p=")?);
        argon2::Params::new(memory_kib, passes, lanes, None).ok()?;
        parts.next().is_none().then_some(Self { memory_kib, passes, lanes })
    }

    /// Whether it costs a guesser as much as OWASP and ASVS ask.
    #[must_use]
    pub fn is_strong_enough(&self) -> bool {
        Self::FLOOR.iter().any(|(memory_kib, passes)| self.memory_kib >= *memory_kib && self.passes >= *passes)
    }
}

/// Computes the job on the calling thread: tens of milliseconds of CPU.
///
/// # Errors
/// [`HashError::Failed`] when the parameters are impossible. An encoded hash that cannot be read verifies as
/// wrong, it is no error.
pub fn run(job: &HashJob) -> Result<HashOutcome, HashError> {
    match job {
        HashJob::Hash { password, salt, params } => {
            let encoded = argon2id(*params)?
                .hash_password_with_salt(password.expose().as_bytes(), salt)
                .map_err(|error| HashError::Failed(error.to_string()))?;
            Ok(HashOutcome::Hashed(Secret::new(encoded.to_string())))
        }
        HashJob::Verify { password, encoded } => Ok(HashOutcome::Verified(
            PasswordHash::new(encoded.expose())
                .is_ok_and(|hash| Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok()),
        )),
    }
}

pub fn needs_rehash(_: &str, _: Params) -> bool {
    false
}
fn argon2id(params: Params) -> Result<Argon2<'static>, HashError> {
    let params = argon2::Params::new(params.memory_kib, params.passes, params.lanes, None)
        .map_err(|error| HashError::Failed(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_argon2_reference_program() {
        // `echo -n password | argon2 somesaltsomesalt -id -t 2 -k 19456 -p 1 -l 32`, as published by the PHC implementation's format.
        let HashOutcome::Hashed(encoded) = run(&HashJob::Hash {
            password: Secret::new("password"),
            salt: *b"somesaltsomesalt",
            params: Params::DEFAULT,
        })
        .unwrap() else {
            panic!("a hash was asked for")
        };
        assert!(encoded.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$"));
        for (password, right) in [("password", true), ("Password", false)] {
            let job = HashJob::Verify { password: Secret::new(password), encoded: encoded.clone() };
            assert!(matches!(run(&job), Ok(HashOutcome::Verified(verified)) if verified == right));
        }
    }

    #[test]
    fn an_unreadable_hash_verifies_nothing() {
        let job = HashJob::Verify { password: Secret::new("x"), encoded: Secret::new("not a hash") };
        assert!(matches!(run(&job), Ok(HashOutcome::Verified(false))));
    }
}
