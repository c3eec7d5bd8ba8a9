//! Password hashing: Argon2id (RFC 9106), stored as a PHC string that carries its own parameters. Hashes that other
//! systems made are verified too, until their owner's next login replaces them:
//!
//! - Argon2i, Argon2d and Argon2id, `v=16` and `v=19`: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`;
//! - bcrypt: `$2a$`, `$2b$` and `$2y$`, which uses the first 72 bytes of a password;
//! - PBKDF2-HMAC-SHA-256 (RFC 8018): `$pbkdf2-sha256$i=600000,l=32$salt$hash` (PHC), `$pbkdf2-sha256$29000$salt$hash`
//!   (passlib), `pbkdf2_sha256$1000000$salt$hash` (Django);
//! - scrypt (RFC 7914): `$scrypt$ln=16,r=8,p=1$salt$hash` (PHC, passlib).

use std::ops::RangeInclusive;

use argon2::{Algorithm, Argon2, Block, Version};
use base64::{
    Engine as _,
    alphabet::{BCRYPT, STANDARD},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::Zeroizing;

use super::Secret;

/// Longest encoded hash that is parsed, in bytes: no scheme's hash comes near it.
const LONGEST_ENCODED: usize = 512;
const MOST_MEMORY: &str = "64 MiB, filled 8 times";
const MIB: u64 = 1024 * 1024;
/// Algorithm and version of new hashes.
const OWN: (Algorithm, Version) = (Algorithm::Argon2id, Version::V0x13);

/// Cost of a new hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Number of passes over the memory.
    pub passes: u32,
    /// Number of lanes.
    pub lanes: u32,
}

impl Params {
    /// OWASP's first recommendation: 19 MiB, two passes, one lane.
    pub const DEFAULT: Self = Self { memory_kib: 19_456, passes: 2, lanes: 1 };
    /// Equally strong recommendations of OWASP and ASVS, as memory in KiB and passes: what is below all of them is
    /// refused.
    const FLOOR: [(u32, u32); 3] = [(19_456, 2), (12_288, 3), (47_104, 1)];

    /// Parses `m=19456,t=2,p=1`, as PHC strings spell it; `None` above 1 GiB or four passes over as much.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).filter(|params| params.is_within(&Bound::OWN))
    }

    fn read(text: &str) -> Option<Self> {
        let [memory_kib, passes, lanes] = numbers(text, ["m=", "t=", "p="])?;
        let params = Self { memory_kib, passes, lanes };
        params.argon2().is_some().then_some(params)
    }

    /// Checks whether the cost is as high as OWASP and ASVS ask.
    #[must_use]
    pub fn is_strong_enough(&self) -> bool {
        Self::FLOOR.iter().any(|(memory_kib, passes)| self.memory_kib >= *memory_kib && self.passes >= *passes)
    }
    fn argon2(self) -> Option<argon2::Params> {
        argon2::Params::new(self.memory_kib, self.passes, self.lanes, None).ok()
    }

    fn is_within(&self, bound: &Bound) -> bool {
        let filled_kib = u64::from(self.memory_kib).saturating_mul(self.passes.into());
        self.memory_kib <= bound.memory_kib && filled_kib <= bound.filled_kib
    }
}

/// Limits of what verifying a hash may take.
struct Bound {
    memory_kib: u32,
    /// Memory times passes over it, in KiB.
    filled_kib: u64,
}

impl Bound {
    /// Limits of what [`Params::parse`] lets a host be configured to.
    const OWN: Self = Self { memory_kib: 1_048_576, filled_kib: 4 * 1_048_576 };
    /// Limits that every host can bear, for a hash that another system made.
    const IMPORTED: Self = Self { memory_kib: 65_536, filled_kib: 8 * 65_536 };
}

/// A password hash to compute or to check. Holds secrets, so only its kind is printed.
#[derive(Clone, Debug)]
pub enum HashJob {
    /// Hash a new password.
    Hash {
        /// The password, normalised.
        password: Secret,
        /// 16 fresh random bytes.
        salt: [u8; 16],
        /// Cost parameters.
        params: Params,
    },
    /// Check a password against an encoded hash, with the parameters that the hash names.
    Verify {
        /// The password, normalised.
        password: Secret,
        /// Encoded hash, a PHC string.
        encoded: Secret,
    },
}

/// Result of a [`HashJob`].
#[derive(Clone, Debug)]
pub enum HashOutcome {
    /// PHC string of a new hash.
    Hashed(Secret),
    /// Whether the password is right.
    Verified(bool),
}

/// Reason why no hash was computed.
#[derive(Clone, Debug, Error)]
pub enum HashError {
    /// Too many jobs wait; a client may try again in a second.
    #[error("password hashing is at capacity")]
    Busy,
    /// The job itself is impossible, or its thread is gone.
    #[error("password hashing: {0}")]
    Failed(String),
}

/// The memory that Argon2 fills, kept from one hash to the next: fresh memory costs each hash its page faults, and
/// glibc's allocator keeps what threads give back.
#[derive(Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    /// Most memory that is kept, in blocks of 1 KiB. Above it, glibc maps each allocation apart and gives it back
    /// whole.
    const MOST_KEPT: usize = 32 * 1024;

    fn argon2(
        &mut self,
        (algorithm, version): (Algorithm, Version),
        params: &argon2::Params,
        password: &[u8],
        salt: &[u8],
        out: &mut [u8],
    ) -> argon2::Result<()> {
        let argon2 = || Argon2::new(algorithm, version, params.clone());
        let needed = params.block_count();
        if needed > Self::MOST_KEPT {
            return argon2().hash_password_into(password, salt, out);
        }
        if self.0.len() < needed {
            // Nothing of the old blocks is needed, and copying them would only cost time.
            self.0 = Vec::new();
            self.0.try_reserve_exact(needed).map_err(|_| argon2::Error::OutOfMemory)?;
            self.0.resize(needed, Block::new());
        }
        if (algorithm, version) == OWN {
            let inputs = aibaas_argon2id::Inputs { password, salt, secret: &[] };
            aibaas_argon2id::hash_into(inputs, params, &mut self.0, out)
        } else {
            argon2().hash_password_into_with_memory(password, salt, out, &mut self.0)
        }
    }
}

impl std::fmt::Debug for Memory {
    /// Writes the size of the memory, without its contents, which derive from passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("kib", &self.0.len()).finish()
    }
}

/// Computes the job on the calling thread: tens of milliseconds of CPU, for an imported hash at most some seconds.
///
/// # Errors
/// [`HashError::Failed`] when the parameters are impossible. An encoded hash that cannot be read, or whose parameters
/// ask for too much, is no error: it verifies as wrong.
pub fn run(job: &HashJob, memory: &mut Memory) -> Result<HashOutcome, HashError> {
    match job {
        HashJob::Hash { password, salt, params } => {
            let failed = |error: &dyn std::fmt::Display| HashError::Failed(error.to_string());
            let encoded = hash(password, salt, *params, memory).map_err(|error| failed(&error))?;
            Ok(HashOutcome::Hashed(Secret::new(encoded)))
        }
        HashJob::Verify { password, encoded } => Ok(HashOutcome::Verified(
            Encoded::parse(encoded.expose()).is_ok_and(|hash| hash.verifies(password.expose().as_bytes(), memory)),
        )),
    }
}

/// Computes a new hash and returns it as a PHC string.
fn hash(password: &Secret, salt: &[u8], params: Params, memory: &mut Memory) -> argon2::Result<String> {
    let Params { memory_kib, passes, lanes } = params;
    let mut hash = [0; argon2::Params::DEFAULT_OUTPUT_LEN];
    let params = argon2::Params::new(memory_kib, passes, lanes, None)?;
    memory.argon2(OWN, &params, password.expose().as_bytes(), salt, &mut hash)?;
    let [salt, hash] = [salt, hash.as_slice()].map(|bytes| PHC_BASE64.encode(bytes));
    Ok(format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}"))
}

/// Checks whether a login should replace the hash. Only Argon2id `v=19` whose memory, passes and lanes all equal
/// `params` is current: any other hash, even a stronger one, gives way to the configured cost.
#[must_use]
pub fn needs_rehash(encoded: &str, params: Params) -> bool {
    let (algorithm, version) = OWN;
    let current = Scheme::Argon2 { algorithm, version, params };
    !Encoded::parse(encoded).is_ok_and(|hash| hash.scheme == current)
}

/// Why a hash that another system made cannot be imported. It never contains the hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ForeignHashError {
    /// The hash has no form that is verified here.
    #[error("the hash is not of Argon2, bcrypt, PBKDF2-SHA-256 or scrypt in a known form")]
    Unknown,
    /// The hash has a known form, but one of its parts is invalid.
    #[error("{0}; the hash may be truncated")]
    Malformed(&'static str),
    /// Verifying the hash would take more than a host can bear; with the limit, in words.
    #[error("verifying the hash would take too long or too much memory: at most {0}")]
    TooCostly(&'static str),
}

/// Checks that a hash that another system made can be imported: it is in one of the forms that [`run`] verifies, whole,
/// and verifying it takes at most 64 MiB and some seconds on every host (bcrypt up to cost 14, PBKDF2 up to 2,000,000
/// rounds, Argon2 and scrypt up to 64 MiB, filled 8 times).
///
/// # Errors
/// A [`ForeignHashError`] that says why it cannot be imported.
pub fn check_importable(encoded: &str) -> Result<(), ForeignHashError> {
    match Encoded::parse(encoded)?.scheme {
        Scheme::Argon2 { params, .. } if !params.is_within(&Bound::IMPORTED) => {
            Err(ForeignHashError::TooCostly(MOST_MEMORY))
        }
        _ => Ok(()),
    }
}

/// Parses `a=1,b=2` with exactly these names, in this order.
fn numbers<const N: usize>(text: &str, names: [&str; N]) -> Option<[u32; N]> {
    let mut parts = text.split(',');
    let mut values = [0; N];
    for (value, name) in values.iter_mut().zip(names) {
        *value = parts.next()?.trim().strip_prefix(name)?.parse().ok()?;
    }
    parts.next().is_none().then_some(values)
}

/// Base64 with or without padding. Bits that belong to no byte are refused: they are the mark of a truncated text.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Base64 without padding, as PHC strings have it.
const PHC_BASE64: GeneralPurpose = base64::engine::general_purpose::STANDARD_NO_PAD;
/// Base64 of bcrypt. Bits that belong to no byte are accepted, as some old implementations left them at a salt's end.
const BCRYPT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

fn decode(engine: &GeneralPurpose, text: &str) -> Result<Vec<u8>, ForeignHashError> {
    engine.decode(text).map_err(|_| ForeignHashError::Malformed("the salt or the hash is not in base64"))
}

#[derive(Debug, PartialEq, Eq)]
enum Scheme {
    Argon2 { algorithm: Algorithm, version: Version, params: Params },
    Bcrypt { cost: u32 },
    Pbkdf2 { rounds: u32 },
    Scrypt { log_n: u8, r: u32, p: u32 },
}

/// A hash of a known scheme, whole and within its limits.
struct Encoded {
    scheme: Scheme,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Encoded {
    fn parse(text: &str) -> Result<Self, ForeignHashError> {
        if text.len() > LONGEST_ENCODED {
            return Err(ForeignHashError::Unknown);
        }
        let fields = text.split('$').collect::<Vec<_>>();
        match fields.as_slice() {
            ["", name, version, params, salt, hash] if name.starts_with("argon2") => {
                Self::argon2(name, version, params, salt, hash)
            }
            // Argon2's first version wrote no version into the hash.
            ["", name, params, salt, hash] if name.starts_with("argon2") => {
                Self::argon2(name, "v=16", params, salt, hash)
            }
            ["", "2a" | "2b" | "2y", cost, salt_and_hash] => Self::bcrypt(cost, salt_and_hash),
            ["", "pbkdf2-sha256", params, salt, hash] => {
                // passlib writes `.` for `+`.
                let (salt, hash) = (salt.replace('.', "+"), hash.replace('.', "+"));
                let (rounds, length) = if let Some([rounds, length]) = numbers(params, ["i=", "l="]) {
                    (Some(rounds), usize::try_from(length).unwrap_or(usize::MAX))
                } else {
                    (numbers(params, ["i="]).or_else(|| numbers(params, [""])).map(|[rounds]| rounds), 32)
                };
                Self::pbkdf2(rounds, decode(&BASE64, &salt)?, &hash, length)
            }
            ["pbkdf2_sha256", rounds, salt, hash] => {
                Self::pbkdf2(rounds.parse().ok(), salt.as_bytes().to_vec(), hash, 32)
            }
            ["", "scrypt", params, salt, hash] => Self::scrypt(params, salt, hash),
            ["", name, ..] | [name, ..] if is_known(name) => {
                Err(ForeignHashError::Malformed("a part is missing or one too many"))
            }
            _ => Err(ForeignHashError::Unknown),
        }
    }

    fn argon2(name: &str, version: &str, params: &str, salt: &str, hash: &str) -> Result<Self, ForeignHashError> {
        let algorithm = Algorithm::try_from(name).map_err(|_| ForeignHashError::Unknown)?;
        let version = match version {
            "v=16" => Version::V0x10,
            "v=19" => Version::V0x13,
            _ => return Err(ForeignHashError::Unknown),
        };
        let params = Params::read(params)
            .ok_or(ForeignHashError::Malformed("the parameters are not m, t and p as Argon2 has them"))?;
        // Hashes of this kind may be made here, at the configured cost.
        let bound = match (algorithm, version) {
            (Algorithm::Argon2id, Version::V0x13) => Bound::OWN,
            _ => Bound::IMPORTED,
        };
        if !params.is_within(&bound) {
            return Err(ForeignHashError::TooCostly(MOST_MEMORY));
        }
        let (salt, hash) = (decode(&BASE64, salt)?, decode(&BASE64, hash)?);
        Self { scheme: Scheme::Argon2 { algorithm, version, params }, salt, hash }.with_lengths(8..=64, 16..=64)
    }

    fn bcrypt(cost: &str, salt_and_hash: &str) -> Result<Self, ForeignHashError> {
        let cost = cost.parse().ok().filter(|cost| (4..=31).contains(cost));
        let cost = cost.ok_or(ForeignHashError::Malformed("the cost is none of bcrypt's"))?;
        if cost > 14 {
            return Err(ForeignHashError::TooCostly("cost 14"));
        }
        let (salt, hash) =
            salt_and_hash.split_at_checked(22).ok_or(ForeignHashError::Malformed("the salt is too short"))?;
        let (salt, hash) = (decode(&BCRYPT_BASE64, salt)?, decode(&BCRYPT_BASE64, hash)?);
        Self { scheme: Scheme::Bcrypt { cost }, salt, hash }.with_lengths(16..=16, 23..=23)
    }

    fn pbkdf2(rounds: Option<u32>, salt: Vec<u8>, hash: &str, length: usize) -> Result<Self, ForeignHashError> {
        let rounds =
            rounds.filter(|rounds| *rounds > 0).ok_or(ForeignHashError::Malformed("the rounds are not given"))?;
        if rounds > 2_000_000 {
            return Err(ForeignHashError::TooCostly("2,000,000 rounds"));
        }
        if !(16..=64).contains(&length) {
            return Err(ForeignHashError::Malformed("the length is not 16 to 64 bytes"));
        }
        // A beginning of the hash would match too: the length must be the one that it was made with.
        let hash = decode(&BASE64, hash)?;
        Self { scheme: Scheme::Pbkdf2 { rounds }, salt, hash }.with_lengths(1..=LONGEST_ENCODED, length..=length)
    }

    fn scrypt(params: &str, salt: &str, hash: &str) -> Result<Self, ForeignHashError> {
        let [log_n, r, p] = numbers(params, ["ln=", "r=", "p="])
            .filter(|numbers| numbers.iter().all(|number| *number > 0))
            .ok_or(ForeignHashError::Malformed("the parameters are not ln, r and p as scrypt has them"))?;
        let block = u64::from(r).saturating_mul(128);
        let memory = block.saturating_mul(1_u64.checked_shl(log_n).unwrap_or(u64::MAX));
        let (filled, lanes) = (memory.saturating_mul(p.into()), block.saturating_mul(p.into()));
        let is_within = memory <= 64 * MIB && filled <= 8 * 64 * MIB && lanes <= MIB;
        let Some(log_n) = u8::try_from(log_n).ok().filter(|_| is_within) else {
            return Err(ForeignHashError::TooCostly(MOST_MEMORY));
        };
        let (salt, hash) = (decode(&BASE64, salt)?, decode(&BASE64, hash)?);
        // A beginning of the hash would match too, as PBKDF2 is scrypt's last step: only the lengths in use are
        // accepted.
        let length = if hash.len() == 64 { 64 } else { 32 };
        Self { scheme: Scheme::Scrypt { log_n, r, p }, salt, hash }.with_lengths(1..=LONGEST_ENCODED, length..=length)
    }

    fn with_lengths(self, salt: RangeInclusive<usize>, hash: RangeInclusive<usize>) -> Result<Self, ForeignHashError> {
        if salt.contains(&self.salt.len()) && hash.contains(&self.hash.len()) {
            Ok(self)
        } else {
            Err(ForeignHashError::Malformed("the salt or the hash has another length than the scheme gives it"))
        }
    }

    fn verifies(&self, password: &[u8], memory: &mut Memory) -> bool {
        let mut computed = vec![0; self.hash.len()];
        let is_computed = match self.scheme {
            Scheme::Argon2 { algorithm, version, params } => params.argon2().is_some_and(|params| {
                memory.argon2((algorithm, version), &params, password, &self.salt, &mut computed).is_ok()
            }),
            Scheme::Bcrypt { cost } => bcrypt(password, cost, &self.salt, &mut computed).is_some(),
            Scheme::Pbkdf2 { rounds } => {
                pbkdf2::pbkdf2_hmac::<Sha256>(password, &self.salt, rounds, &mut computed);
                true
            }
            Scheme::Scrypt { log_n, r, p } => scrypt::Params::new(log_n, r, p)
                .is_ok_and(|params| scrypt::scrypt(password, &self.salt, &params, &mut computed).is_ok()),
        };
        is_computed && bool::from(computed.ct_eq(&self.hash))
    }
}

fn is_known(name: &str) -> bool {
    name.starts_with("argon2") || ["2a", "2b", "2y", "pbkdf2-sha256", "pbkdf2_sha256", "scrypt"].contains(&name)
}

/// Computes bcrypt of the password; the key is the password and a zero byte, of which the first 72 bytes count.
fn bcrypt(password: &[u8], cost: u32, salt: &[u8], computed: &mut [u8]) -> Option<()> {
    let key = Zeroizing::new(password.iter().copied().chain([0]).take(72).collect::<Vec<_>>());
    let hash = bcrypt::bcrypt(cost, salt.try_into().ok()?, &key);
    computed.copy_from_slice(hash.get(..computed.len())?);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verifies(password: &str, encoded: &str) -> bool {
        let job = HashJob::Verify { password: Secret::new(password), encoded: Secret::new(encoded) };
        matches!(run(&job, &mut Memory::default()), Ok(HashOutcome::Verified(true)))
    }

    fn refusal(encoded: &str) -> Option<&'static str> {
        check_importable(encoded).err().map(|error| match error {
            ForeignHashError::Unknown => "unknown",
            ForeignHashError::Malformed(_) => "malformed",
            ForeignHashError::TooCostly(_) => "too costly",
        })
    }

    /// Asserts that each hash verifies its own password only, and that the importer takes it.
    fn all_verify(known: &[(&str, &str)]) {
        for (password, encoded) in known {
            assert!(verifies(password, encoded), "{encoded}");
            assert!(!verifies(&format!("{password}x"), encoded) || password.len() >= 72, "{encoded}");
            assert!(!verifies("", encoded) || password.is_empty(), "{encoded}");
            assert_eq!(refusal(encoded), None, "{encoded}");
            assert!(needs_rehash(encoded, Params::DEFAULT), "{encoded}");
        }
    }

    /// The hash that the reference library (argon2-cffi 25.1.0 over phc-winner-argon2) makes of `password` and
    /// `somesaltsomesalt`, with `-id -t 2 -k 19456 -p 1 -l 32`.
    const OURS: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$K13EBUiG7JV+9ZxztmHFTdb7J0WQsnj2V8bZaqyPptE";

    #[test]
    fn hashes_as_the_reference_library() {
        let job =
            HashJob::Hash { password: Secret::new("password"), salt: *b"somesaltsomesalt", params: Params::DEFAULT };
        assert!(
            matches!(run(&job, &mut Memory::default()), Ok(HashOutcome::Hashed(encoded)) if encoded.expose() == OURS)
        );
        assert!(verifies("password", OURS) && !verifies("Password", OURS));
    }

    #[test]
    fn memory_that_another_hash_filled_changes_nothing() {
        let mut memory = Memory::default();
        let mut hash = |password: &str, memory_kib, passes, lanes| {
            let params = Params { memory_kib, passes, lanes };
            let job = HashJob::Hash { password: Secret::new(password), salt: *b"somesaltsomesalt", params };
            let (kept, fresh) = (run(&job, &mut memory), run(&job, &mut Memory::default()));
            match (kept, fresh) {
                (Ok(HashOutcome::Hashed(kept)), Ok(HashOutcome::Hashed(fresh))) => {
                    assert_eq!(kept.expose(), fresh.expose())
                }
                other => panic!("{other:?}"),
            }
            memory.0.len()
        };
        assert_eq!(hash("a", 64, 2, 1), 64);
        assert_eq!(hash("b", 1024, 1, 2), 1024);
        assert_eq!(hash("c", 64, 3, 1), 1024, "a smaller one uses a part of it");
        assert_eq!(hash("d", 33 * 1024, 1, 1), 1024, "what a large one takes is given back");
    }

    #[test]
    fn argon2_of_every_kind() {
        all_verify(&[
            // phc-winner-argon2: README.md, then src/test.c.
            ("password", "$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG"),
            ("password", "$argon2i$m=256,t=2,p=2$c29tZXNhbHQ$tsEVYKap1h6scGt5ovl9aLRGOqOth+AMB+KwHpDFZPs"),
            ("password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"),
            ("password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"),
            (
                "differentpassword",
                "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94",
            ),
            // passlib 1.7.4, tests/test_handlers_argon2.py, from the reference program.
            ("password", "$argon2d$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$cZn5d+rFh+ZfuRhm2iGUGgcrW5YLeM6q7L3vBsdmFA0"),
        ]);
    }

    #[test]
    fn bcrypt_of_every_prefix() {
        all_verify(&[
            // jBCrypt, test/org/mindrot/jbcrypt/TestBCrypt.java.
            ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
            ("a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
            // John the Ripper, src/BF_fmt.c.
            ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
            ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
            (
                "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored",
                "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
            ),
            // passlib 1.7.4, tests/test_handlers_bcrypt.py: bytes above 127, the bug that `$2x$` has, a salt with bits
            // that belong to no byte.
            ("t\u{e1}\u{411}\u{2113}\u{259}", "$2b$05$Z17AXnnlpzddNUvnC6cZNOSwMA/8oNiKnHTHTwLlBijfucQQlHjaG"),
            ("\u{451}", "$2y$05$6bNw2HLQYeqHYyBfLMsv/OUcZd0LKP39b87nBw3.S2tVZSqiQX6eu"),
            ("test", "$2a$04$oaQbBqq8JnSM1NHRPQGXORY4Vw3bdHKLIXTecPDRAcJ98cz1ilveO"),
        ]);
        // 72 bytes count, no fewer.
        let nearly = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ012345678";
        assert!(!verifies(nearly, "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"));
    }

    #[test]
    fn pbkdf2_of_every_writing() {
        all_verify(&[
            // RFC 7914, section 11, in base64.
            (
                "passwd",
                "$pbkdf2-sha256$i=1,l=64$c2FsdA$\
                 VawEblbjCJ/sFpHCJUS2BflBhSFt3gRl5oudV8INrLxJypzM8Xm2RZkWZLOdd+8xfHG4RbHjC9UJESBB06GXgw",
            ),
            (
                "Password",
                "$pbkdf2-sha256$i=80000,l=64$TmFDbA$\
                 TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ",
            ),
            // passlib 1.7.4, tests/test_handlers_pbkdf2.py; the same in the PHC form; tests/test_handlers_django.py.
            ("password", "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ"),
            ("password", "$pbkdf2-sha256$i=1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg+fJPeq1h/gXXY7acBp9/6c+tmQ"),
            ("not a password", "pbkdf2_sha256$10000$kjVJaVz6qsnJ$5yPHw3rwJGECpUf70daLGhOrQ5+AMxIJdz1c3bqK1Rs="),
        ]);
    }

    #[test]
    fn scrypt_in_phc_form() {
        all_verify(&[
            // RFC 7914, section 12, in base64: all 64 bytes, then the first 32, as passlib 1.7.4 tests them.
            (
                "password",
                "$scrypt$ln=10,r=8,p=16$TmFDbA$\
                 /bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA",
            ),
            ("password", "$scrypt$ln=10,r=8,p=16$TmFDbA$/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWI"),
            (
                "pleaseletmein",
                "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$\
                 cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw",
            ),
            // passlib 1.7.4, tests/test_handlers_scrypt.py.
            ("nacl", "$scrypt$ln=1,r=4,p=2$yhnD+J+Tci4lZCwFgHCuVQ$fAsEWmxSHuC0cHKMwKVFPzrQukgvK09Sj+NueTSxKds"),
        ]);
    }

    #[test]
    fn what_cannot_be_verified_is_wrong_and_not_importable() {
        let hash = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        for (code, encoded) in [
            ("unknown", String::new()),
            ("unknown", "not a hash".to_owned()),
            ("unknown", "$".repeat(100)),
            ("unknown", "5f4dcc3b5aa765d61d8327deb882cf99".to_owned()),
            ("unknown", "$2x$05$6bNw2HLQYeqHYyBfLMsv/OUcZd0LKP39b87nBw3.S2tVZSqiQX6eu".to_owned()),
            ("unknown", "$1$salt$qJH7.N4xYta3aEG/dfqo/0".to_owned()),
            ("unknown", format!("$pbkdf2-sha512$1212$c29tZXNhbHQ${hash}")),
            ("unknown", format!("$argon2x$v=19$m=256,t=2,p=1$c29tZXNhbHQ${hash}")),
            ("unknown", format!("$argon2id$v=20$m=256,t=2,p=1$c29tZXNhbHQ${hash}")),
            ("unknown", format!("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ${hash}{}", "A".repeat(500))),
            ("malformed", format!("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ${}", hash.trim_end_matches('4'))),
            ("malformed", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ".to_owned()),
            ("malformed", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$".to_owned()),
            ("malformed", format!("$argon2id$v=19$m=256,t=2,p=1$${hash}")),
            ("malformed", format!("$argon2id$v=19$m=256,t=2$c29tZXNhbHQ${hash}")),
            ("malformed", format!("$argon2id$v=19$t=2,m=256,p=1$c29tZXNhbHQ${hash}")),
            ("malformed", format!("$argon2id$v=19$m=256,t=2,p=1,keyid=AAAA$c29tZXNhbHQ${hash}")),
            ("malformed", format!("$argon2id$v=19$m=127,t=2,p=16$c29tZXNhbHQ${hash}")),
            ("malformed", format!("$argon2id$v=19$m=256,t=8589934592,p=1$c29tZXNhbHQ${hash}")),
            ("malformed", format!("$argon2id$v=19$m=256,t=2,p=4294967295$c29tZXNhbHQ${hash}")),
            ("malformed", "$2b$05$6bNw2HLQYeqHYyBfLMsv/OUcZd0LKP39b87nBw3.S2tVZSqiQX6e".to_owned()),
            ("malformed", "$2b$05$6bNw2HLQYeqHYyBfLMsv/O".to_owned()),
            ("malformed", "$2b$05$6bNw2HLQYeqHYyBfLMsv\u{e9}\u{e9}UcZd0LKP39b87nBw3.S2tVZSqiQX6eu".to_owned()),
            ("malformed", "$2b$03$6bNw2HLQYeqHYyBfLMsv/OUcZd0LKP39b87nBw3.S2tVZSqiQX6eu".to_owned()),
            ("malformed", "$2b$99$6bNw2HLQYeqHYyBfLMsv/OUcZd0LKP39b87nBw3.S2tVZSqiQX6eu".to_owned()),
            ("malformed", "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1".to_owned()),
            ("malformed", format!("$pbkdf2-sha256$0$c29tZXNhbHQ${hash}")),
            ("malformed", format!("$pbkdf2-sha256$i=1,l=4$c29tZXNhbHQ${hash}")),
            ("malformed", format!("pbkdf2_sha256$1000$$${hash}")),
            ("malformed", format!("$scrypt$ln=10,r=0,p=1$TmFDbA${hash}")),
            ("malformed", format!("$scrypt$ln=10,r=8$TmFDbA${hash}")),
            ("malformed", format!("$scrypt$ln=10,r=8,p=1$TmFDbA${}", hash.trim_end_matches("Gi/4"))),
            ("too costly", "$2b$15$6bNw2HLQYeqHYyBfLMsv/OUcZd0LKP39b87nBw3.S2tVZSqiQX6eu".to_owned()),
            ("too costly", format!("$pbkdf2-sha256$2000001$c29tZXNhbHQ${hash}")),
            ("too costly", format!("$argon2i$v=19$m=65537,t=1,p=1$c29tZXNhbHQ${hash}")),
            ("too costly", format!("$argon2id$v=16$m=65536,t=9,p=1$c29tZXNhbHQ${hash}")),
            ("too costly", format!("$argon2id$v=19$m=1048577,t=1,p=1$c29tZXNhbHQ${hash}")),
            ("too costly", format!("$argon2id$v=19$m=256,t=4294967295,p=1$c29tZXNhbHQ${hash}")),
            // RFC 7914's last vector takes 1 GiB.
            ("too costly", format!("$scrypt$ln=20,r=8,p=1$U29kaXVtQ2hsb3JpZGU${hash}")),
            ("too costly", format!("$scrypt$ln=17,r=8,p=1$U29kaXVtQ2hsb3JpZGU${hash}")),
            ("too costly", format!("$scrypt$ln=16,r=8,p=9$U29kaXVtQ2hsb3JpZGU${hash}")),
            ("too costly", format!("$scrypt$ln=1,r=1,p=100000$U29kaXVtQ2hsb3JpZGU${hash}")),
            ("too costly", format!("$scrypt$ln=4294967295,r=4294967295,p=4294967295$TmFDbA${hash}")),
        ] {
            assert_eq!(refusal(&encoded), Some(code), "{encoded}");
            assert!(!verifies("password", &encoded), "{encoded}");
            assert!(needs_rehash(&encoded, Params::DEFAULT), "{encoded}");
        }
    }

    #[test]
    fn only_the_configured_cost_is_current() {
        assert!(!needs_rehash(OURS, Params::DEFAULT));
        for other in ["m=19456,t=3,p=1", "m=12288,t=3,p=1", "m=19456,t=2,p=2", "m=47104,t=1,p=1"] {
            assert!(needs_rehash(OURS, Params::parse(other).unwrap()), "{other}");
        }
        assert!(needs_rehash(&OURS.replace("$argon2id$", "$argon2i$"), Params::DEFAULT));
        assert!(needs_rehash(&OURS.replace("$v=19$", "$v=16$"), Params::DEFAULT));
    }

    #[test]
    fn whatever_cost_can_be_configured_verifies() {
        for (text, possible) in [
            ("m=19456,t=2,p=1", true),
            ("m=1048576,t=4,p=4", true),
            ("m=1048577,t=1,p=1", false),
            ("m=1048576,t=5,p=1", false),
            ("m=7,t=2,p=1", false),
            ("m=19456,t=0,p=1", false),
            ("m=19456,t=2", false),
            ("m=19456,t=2,p=1,x=1", false),
        ] {
            assert_eq!(Params::parse(text).is_some(), possible, "{text}");
            let encoded = OURS.replace("m=19456,t=2,p=1", text);
            assert_eq!(Encoded::parse(&encoded).is_ok(), possible, "{text}");
        }
        // A hash of such a cost is this host's own; another host could not verify it.
        let large = OURS.replace("m=19456", "m=1048576");
        assert_eq!(refusal(&large), Some("too costly"));
    }
}
