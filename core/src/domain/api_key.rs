//! API keys: `aib_live_` or `aib_test_`, 32 base62 characters, and 6 base62 characters of CRC-32 over all before.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::{Secret, ValidationError, ValidationErrorCode};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BODY: usize = 32;
const CHECKSUM: usize = 6;
/// Length of the start of a key that is stored and shown, to tell keys apart.
const SHOWN: usize = 13;

/// What a key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Scope {
    /// Reading what is public at the key's own limit.
    #[serde(rename = "leaderboard:read")]
    LeaderboardRead,
    /// Writing runs and their results.
    #[serde(rename = "results:write")]
    ResultsWrite,
    /// Writing models and benchmarks.
    #[serde(rename = "models:write")]
    ModelsWrite,
    /// Asking about keys that a service was shown.
    #[serde(rename = "keys:verify")]
    KeysVerify,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::LeaderboardRead, Self::ResultsWrite, Self::ModelsWrite, Self::KeysVerify];

    /// Returns the name of the scope, such as `results:write`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LeaderboardRead => "leaderboard:read",
            Self::ResultsWrite => "results:write",
            Self::ModelsWrite => "models:write",
            Self::KeysVerify => "keys:verify",
        }
    }

    /// Returns the scope with this name.
    ///
    /// # Errors
    /// [`ValidationError`] `invalid_value`, which names all scopes.
    pub fn named(name: &str) -> Result<Self, ValidationError> {
        let unknown = || {
            ValidationError::new(
                ValidationErrorCode::InvalidValue,
                format!("the scopes are {}", Self::ALL.map(Self::as_str).join(", ")),
            )
        };
        Self::ALL.into_iter().find(|scope| scope.as_str() == name).ok_or_else(unknown)
    }

    /// Checks whether the scope allows changing what is published.
    #[must_use]
    pub fn publishes(self) -> bool {
        matches!(self, Self::ResultsWrite | Self::ModelsWrite)
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An API key whose form and checksum are valid.
#[derive(Clone, Debug)]
pub struct ApiKey(Secret);

impl ApiKey {
    /// Creates a key for the environment (`live` or `test`). `random` must be fresh; bytes of 248 and above are skipped
    /// so that every character is equally likely.
    ///
    /// Returns `None` in the unlikely case that `random` holds too few usable bytes.
    #[must_use]
    pub fn generate(environment: &str, random: &[u8; 64]) -> Option<Self> {
        let body = random
            .iter()
            .filter(|byte| **byte < 248)
            .filter_map(|byte| ALPHABET.get(usize::from(byte % 62)))
            .take(BODY)
            .map(|byte| char::from(*byte))
            .collect::<String>();
        let start = format!("aib_{environment}_{body}");
        let checksum = checksum(&start);
        (body.len() == BODY).then(|| Self(Secret::new(format!("{start}{checksum}"))))
    }

    /// Parses a key; `None` unless its form and its checksum are right. Needs no I/O.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("aib_live_").or_else(|| text.strip_prefix("aib_test_"))?;
        let whole =
            rest.len() == BODY.saturating_add(CHECKSUM) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let (start, given) = text.split_at_checked(text.len().checked_sub(CHECKSUM)?)?;
        (whole && checksum(start) == given).then(|| Self(Secret::new(text)))
    }

    /// Returns the whole key, which is shown only once.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.0
    }

    /// Returns the SHA-256 of the whole key, all that is stored of it. The key has 190 random bits, so no slow hash is
    /// needed.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.0.expose()).into())
    }

    /// Returns the start of the key, which is stored and shown.
    #[must_use]
    pub fn shown_prefix(&self) -> &str {
        self.0.expose().get(..SHOWN).unwrap_or_default()
    }
}

/// Whether a key still works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ApiKeyStatus)]
pub enum KeyStatus {
    /// It works.
    Active,
    /// It was revoked.
    Revoked,
    /// It ended by itself.
    Expired,
}

impl KeyStatus {
    /// Returns the name of the status on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

/// SHA-256 of an API key: what identifies the key everywhere except with its holder. Compared in constant time.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Creates the hash from the bytes that are stored; `None` unless there are 32.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Returns the bytes of the hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the hash in lower-case hexadecimal.
    #[must_use]
    pub fn to_hex(self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyHash {}

impl std::hash::Hash for KeyHash {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// Hides the hash: it reveals nothing about the key, but has no place in a log.
impl std::fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// Serialises the hash in lower-case hexadecimal.
impl Serialize for KeyHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for KeyHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok();
        bytes.and_then(|bytes| Self::from_bytes(&bytes)).ok_or_else(|| serde::de::Error::custom("no SHA-256 in hex"))
    }
}

/// Checks whether a credential is meant to be an API key: it begins with `aib_`.
#[must_use]
pub fn looks_like_key(text: &str) -> bool {
    text.starts_with("aib_")
}

fn checksum(start: &str) -> String {
    let mut crc = crc32fast::hash(start.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = usize::try_from(crc % 62).ok().and_then(|index| ALPHABET.get(index)).copied().unwrap_or(b'0');
        crc /= 62;
    }
    digits.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_and_every_single_change_is_refused() {
        let key = ApiKey::generate("live", &std::array::from_fn(|index| index as u8 * 3)).unwrap();
        let text = key.secret().expose();
        assert_eq!(text.len(), 47);
        assert!(ApiKey::parse(text).is_some());
        for index in 0..text.len() {
            let mut changed = text.to_owned().into_bytes();
            changed[index] = if changed[index] == b'x' { b'y' } else { b'x' };
            assert!(ApiKey::parse(std::str::from_utf8(&changed).unwrap()).is_none(), "at {index}");
        }
        assert!(ApiKey::parse(&format!("{text}0")).is_none());
        assert!(ApiKey::parse("aib_live_ééééééééééééééééééé").is_none());
    }

    #[test]
    fn the_checksum_is_crc32_in_base62() {
        // CRC-32 of "123456789" is 0xCBF43926 = 3421780262.
        let decoded = checksum("123456789")
            .bytes()
            .fold(0, |sum, byte| sum * 62 + ALPHABET.iter().position(|digit| *digit == byte).unwrap() as u64);
        assert_eq!(decoded, 0xCBF4_3926);
    }
}
