//! Password hashes.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    ops::RangeInclusive,
};

use aibaas_argon2id::{Inputs, has_ours, hash_into_with_ours};
use aibaas_core::domain::{
    Secret,
    password_hash::{self, HashJob, HashOutcome},
};
use argon2::{Algorithm, Argon2, AssociatedData, Block, ParamsBuilder, Version};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use serde::Deserialize;

use crate::{Expected, Hex, Set, groups};

/// Of the reference implementation, github.com/P-H-C/phc-winner-argon2, `src/test.c`.
const REFERENCE: [(&str, &str); 6] = [
    ("password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"),
    ("password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"),
    ("password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"),
    ("password", "$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ$9qWtwbpyPd3vm1rB1GThgPzZ3/ydHL92zKL+15XZypg"),
    ("differentpassword", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94"),
    ("password", "$argon2id$v=19$m=65536,t=2,p=1$ZGlmZnNhbHQ$vfMrBczELrFdWP0ZsfhWsRPaHppYdP3MVEMIVlqoFBw"),
];

/// RFC 9106, 5.3.
const RFC_9106: [u8; 32] = [
    0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b, 0x53, 0xc9, 0xd0, 0x1e, 0xf0,
    0x45, 0x2d, 0x75, 0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01, 0xe6, 0x59,
];

/// RFC 7914, 12, without the first, which has no salt, and the last, which takes a gigabyte: core reads neither.
const RFC_7914: [(&str, &str); 2] = [
    (
        "password",
        "$scrypt$ln=10,r=8,p=16$TmFDbA\
         $/bq+HJ00cgB4VucZDQHp/nxq18vII3gw53N2Y0s3MWIurzDZLiKjiG/xCSedmDDaxyevuUqD7m2DYMvfoswGQA",
    ),
    (
        "pleaseletmein",
        "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU\
         $cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw",
    ),
];
const RANDOM_HASHES: usize = 200;
/// The longest hash that core reads.
const LONGEST: usize = 64;

#[derive(Deserialize)]
struct Group {
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    tc_id: u32,
    password: Hex,
    salt: Hex,
    iteration_count: u32,
    dk: Hex,
    result: Expected,
}

/// Those whose password is text: a password comes in JSON.
pub fn pbkdf2() -> Set {
    let mut set = Set::new("Wycheproof pbkdf2_hmacsha256_test");
    for group in groups::<Group>(include_str!("../../data/wycheproof/pbkdf2_hmacsha256_test.json")) {
        for test in group.tests {
            let Ok(password) = String::from_utf8(test.password.0) else {
                set.left_out += 1;
                continue;
            };
            // What PBKDF2 gives for a shorter length is the beginning of what it gives for a longer one.
            let mut hash = test.dk.0;
            hash.truncate(LONGEST);
            let encoded = |hash: &[u8]| {
                let (salt, hash, length) =
                    (STANDARD_NO_PAD.encode(&test.salt.0), STANDARD_NO_PAD.encode(hash), hash.len());
                format!("$pbkdf2-sha256$i={},l={length}${salt}${hash}", test.iteration_count)
            };
            let accepted = verifies(&password, &encoded(&hash));
            set.count(matches!(test.result, Expected::Valid), accepted, &test.tc_id);
            if let Some(byte) = hash.last_mut() {
                *byte ^= 1;
            }
            set.count(false, verifies(&password, &encoded(&hash)), &format!("{}, one bit changed,", test.tc_id));
        }
    }
    set
}

pub fn scrypt() -> Set {
    let mut set = Set::new("RFC 7914 12");
    for (password, encoded) in RFC_7914 {
        set.count(true, verifies(password, encoded), &encoded);
        set.count(false, verifies("Password", encoded), &encoded);
    }
    set.left_out = 2;
    set
}

pub fn argon2id() -> Set {
    let mut set = Set::new("RFC 9106 5.3, Argon2id reference implementation");
    set.count(true, rfc_9106() == Ok(RFC_9106), &"RFC 9106 5.3");
    for (password, encoded) in REFERENCE {
        set.count(true, verifies(password, encoded), &encoded);
        set.count(false, verifies("Password", encoded), &encoded);
    }
    set
}

/// It has a secret and associated data, which our hashes have not.
fn rfc_9106() -> argon2::Result<[u8; 32]> {
    let params = ParamsBuilder::new().m_cost(32).t_cost(3).p_cost(4).data(AssociatedData::new(&[4; 12])?).build()?;
    let inputs = Inputs { password: &[1; 32], salt: &[2; 16], secret: &[3; 8] };
    let mut tag = [0; 32];
    hash_into_with_ours(inputs, &params, &mut vec![Block::new(); params.block_count()], &mut tag)?;
    Ok(tag)
}

/// Random inputs and parameters, of which the crate `argon2` makes the same; in memory that the hash before has filled.
pub fn argon2id_at_random() -> Set {
    let mut set = Set::new("Argon2id at random, as the crate argon2 has it");
    let seed = RandomState::new().build_hasher().finish();
    let mut random = Random(seed);
    let mut memory = Vec::new();
    // Natively that is up to the processor.
    let is_meant = cfg!(not(target_arch = "wasm32")) || has_ours();
    set.count(true, is_meant, &"the crate itself, not our compression function,");
    for number in 0..RANDOM_HASHES {
        let is_same = random.hash(&mut memory) == Ok(true);
        set.count(true, is_same, &format!("hash {number} of the seed {seed}"));
    }
    set
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn among(&mut self, range: RangeInclusive<u32>) -> u32 {
        let width = u64::from(range.end() - range.start()) + 1;
        range.start() + u32::try_from(self.next() % width).expect("less than the width")
    }

    fn bytes(&mut self, lengths: RangeInclusive<u32>) -> Vec<u8> {
        (0..self.among(lengths)).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    /// Whether both make the same of them.
    fn hash(&mut self, memory: &mut Vec<Block>) -> argon2::Result<bool> {
        let lanes = self.among(1..=4);
        let params = ParamsBuilder::new()
            .p_cost(lanes)
            .m_cost(self.among(8 * lanes..=8 * lanes + 1_200))
            .t_cost(self.among(1..=4))
            .data(AssociatedData::new(&self.bytes(0..=32))?)
            .build()?;
        let (password, salt, secret) = (self.bytes(0..=200), self.bytes(8..=64), self.bytes(0..=40));
        let mut tag = self.bytes(4..=80);
        let mut expected = vec![0; tag.len()];
        memory.resize(memory.len().max(params.block_count()), Block::new());
        let inputs = Inputs { password: &password, salt: &salt, secret: &secret };
        hash_into_with_ours(inputs, &params, memory, &mut tag)?;
        Argon2::new_with_secret(&secret, Algorithm::Argon2id, Version::V0x13, params)?.hash_password_into(
            &password,
            &salt,
            &mut expected,
        )?;
        Ok(tag == expected)
    }
}

fn verifies(password: &str, encoded: &str) -> bool {
    let job = HashJob::Verify { password: Secret::new(password), encoded: Secret::new(encoded) };
    matches!(password_hash::run(&job, &mut password_hash::Memory::default()), Ok(HashOutcome::Verified(true)))
}
