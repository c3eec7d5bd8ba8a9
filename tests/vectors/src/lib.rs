//! Published test vectors, held against what core itself verifies with. It asks for no operating system, so it runs
//! natively and as a component.

mod codes;
mod jws;
mod passwords;
mod signatures;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What came of one set of vectors.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// Where they are from.
    pub name: String,
    /// How many were to be accepted.
    pub valid: usize,
    /// How many were to be refused.
    pub invalid: usize,
    /// How many cannot be asked of core, which takes no such input.
    pub left_out: usize,
    /// Those that were answered otherwise.
    pub failures: Vec<String>,
}

/// Runs all of them.
#[must_use]
pub fn run() -> Vec<Set> {
    vec![
        signatures::ecdsa_p256(),
        signatures::ed25519(),
        signatures::hmac_sha256(),
        jws::hs256(),
        jws::other_algorithms(),
        jws::rfcs(),
        passwords::argon2id(),
        passwords::argon2id_at_random(),
        passwords::pbkdf2(),
        passwords::scrypt(),
        codes::totp(),
    ]
}

impl Set {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Counts a vector, and whether core answered as it should.
    fn count(&mut self, valid: bool, accepted: bool, vector: &dyn std::fmt::Display) {
        *if valid { &mut self.valid } else { &mut self.invalid } += 1;
        if accepted != valid {
            self.failures.push(format!("{vector} was {}", if accepted { "accepted" } else { "refused" }));
        }
    }
}

/// A file of Wycheproof.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<G> {
    test_groups: Vec<G>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Expected {
    Valid,
    Invalid,
}

fn groups<G: DeserializeOwned>(file: &str) -> Vec<G> {
    serde_json::from_str::<File<G>>(file).expect("a file of Wycheproof").test_groups
}

/// Bytes as Wycheproof writes them.
struct Hex(Vec<u8>);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}
