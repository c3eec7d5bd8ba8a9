//! Recovery codes, which people keep for the case that they lose their authenticator.

use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::Secret;

/// Number of random bytes of a code: 120 bits.
const RANDOM_BYTES: usize = 15;
/// Number of codes that a person gets at once.
pub const CODES: usize = 10;
const SYMBOLS: usize = 24;
const GROUP: usize = 6;
/// Crockford's base32, in lower case.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A recovery code: 24 symbols of Crockford's base32, 120 random bits.
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(
    value_type = String,
    pattern = "^[0-9a-hjkmnp-tv-z]{6}(-[0-9a-hjkmnp-tv-z]{6}){3}$",
    example = "012345-6789ab-cdefgh-jkmnpq"
)]
pub struct RecoveryCode(Secret);

impl RecoveryCode {
    /// Creates the code of these random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; RANDOM_BYTES]) -> Self {
        let bits = bytes.iter().fold(0_u128, |bits, byte| bits.wrapping_shl(8) | u128::from(*byte));
        let symbol = |shift: u32| {
            let value = usize::try_from(bits.wrapping_shr(shift) & 31).unwrap_or(0);
            ALPHABET.get(value).map(|symbol| char::from(*symbol))
        };
        Self(Secret::new((0..120).step_by(5).rev().filter_map(symbol).collect::<String>()))
    }

    /// Parses what somebody typed: in either case, hyphens and spaces wherever they like, `O` for `0`, `I` and `L` for
    /// `1`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let typed = text.chars().filter(|character| !matches!(character, '-' | ' '));
        let symbol = |character: char| match character.to_ascii_lowercase() {
            'o' => Some('0'),
            'i' | 'l' => Some('1'),
            symbol => u8::try_from(symbol).is_ok_and(|byte| ALPHABET.contains(&byte)).then_some(symbol),
        };
        let code = typed.take(SYMBOLS.saturating_add(1)).map(symbol).collect::<Option<String>>().map(Secret::new)?;
        (code.expose().len() == SYMBOLS).then_some(Self(code))
    }

    /// Returns the code in groups, as a person gets it: `xxxxxx-xxxxxx-xxxxxx-xxxxxx`.
    #[must_use]
    pub fn grouped(&self) -> Secret {
        let mut grouped = String::with_capacity(SYMBOLS.saturating_add(3));
        for (index, symbol) in self.0.expose().chars().enumerate() {
            if index > 0 && index.is_multiple_of(GROUP) {
                grouped.push('-');
            }
            grouped.push(symbol);
        }
        Secret::new(grouped)
    }

    /// Returns the SHA-256 of the code, all that is stored of it. With 120 random bits nobody finds the code by trying.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0.expose()).to_vec()
    }
}

impl std::fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_counts() {
        let text = |bytes| RecoveryCode::from_random(bytes).grouped().expose().to_owned();
        assert_eq!(text([0; 15]), "000000-000000-000000-000000");
        assert_eq!(text([255; 15]), "zzzzzz-zzzzzz-zzzzzz-zzzzzz");
        assert_eq!(text(std::array::from_fn(|index| u8::try_from(index).unwrap())), "000g40-r40m30-e20918-5gr38e");
        let all = (0..120).map(|bit| {
            let mut bytes = [0; 15];
            bytes[bit / 8] = 1 << (bit % 8);
            text(bytes)
        });
        assert_eq!(all.collect::<std::collections::HashSet<_>>().len(), 120);
    }

    #[test]
    fn codes_as_people_type_them() {
        let code = RecoveryCode::from_random([0x08; 15]);
        let printed = code.grouped().expose().to_owned();
        assert_eq!(printed, "1040g2-081040-g20810-40g208");
        for typed in [
            printed.clone(),
            printed.replace('-', ""),
            printed.to_uppercase(),
            format!(" {} ", printed.replace('-', " ")),
            printed.replace('0', "O"),
            printed.replace('1', "l").replace('0', "o"),
            printed.replace('1', "I"),
        ] {
            assert_eq!(RecoveryCode::parse(&typed).as_ref(), Some(&code), "{typed}");
            assert_eq!(RecoveryCode::parse(&typed).unwrap().hash(), code.hash());
        }
        for bad in [
            "",
            "287082",
            printed.strip_prefix('1').unwrap(),
            &format!("{printed}0"),
            &printed.replace('1', "u"),
            &printed.replace('1', "é"),
        ] {
            assert_eq!(RecoveryCode::parse(bad), None, "{bad}");
        }
        assert_eq!(RecoveryCode::parse(&"0".repeat(1_000_000)), None);
    }

    #[test]
    fn only_the_hash_of_the_normal_form_is_stored() {
        let code = RecoveryCode::from_random([0; 15]);
        assert_eq!(code.hash(), Sha256::digest("0".repeat(24)).to_vec());
    }
}
