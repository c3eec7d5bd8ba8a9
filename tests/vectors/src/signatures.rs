//! Signatures of plain messages: what the tokens' verifiers do below JWS, and what others sign.

use aibaas_core::domain::{
    ecdsa_p256,
    jws::{Signer, Verifier},
};
use serde::Deserialize;

use crate::{Expected, Hex, Set, groups};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EdGroup {
    public_key: PublicKey,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct PublicKey {
    pk: Hex,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    tc_id: u32,
    msg: Hex,
    sig: Hex,
    result: Expected,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EcdsaGroup {
    public_key_pem: String,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MacGroup {
    tag_size: usize,
    tests: Vec<MacTest>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MacTest {
    tc_id: u32,
    key: Hex,
    msg: Hex,
    tag: Hex,
    result: Expected,
}

pub fn ed25519() -> Set {
    let mut set = Set::new("Wycheproof ed25519_test");
    for group in groups::<EdGroup>(include_str!("../../data/wycheproof/ed25519_test.json")) {
        let verifier = Verifier::ed_dsa(&group.public_key.pk.0);
        for test in group.tests {
            let accepted = verifier.as_ref().is_some_and(|verifier| verifier.verify(&test.msg.0, &test.sig.0));
            set.count(matches!(test.result, Expected::Valid), accepted, &test.tc_id);
        }
    }
    set
}

pub fn ecdsa_p256() -> Set {
    let mut set = Set::new("Wycheproof ecdsa_secp256r1_sha256_test");
    for group in groups::<EcdsaGroup>(include_str!("../../data/wycheproof/ecdsa_secp256r1_sha256_test.json")) {
        let key = ecdsa_p256::PublicKey::from_pem(&group.public_key_pem);
        for test in group.tests {
            let accepted = key.as_ref().is_some_and(|key| key.verify(&test.msg.0, &test.sig.0));
            set.count(matches!(test.result, Expected::Valid), accepted, &test.tc_id);
        }
    }
    set
}

pub fn hmac_sha256() -> Set {
    let mut set = Set::new("Wycheproof hmac_sha256_test");
    for group in groups::<MacGroup>(include_str!("../../data/wycheproof/hmac_sha256_test.json")) {
        for test in group.tests {
            let verified = Verifier::hs256(&test.key.0).verify(&test.msg.0, &test.tag.0);
            let accepted = if group.tag_size == 256 {
                verified
            } else {
                // No token has a shortened MAC: the verifier accepts none, and the left part of ours is compared.
                let mac = Signer::hs256(&test.key.0).sign(&test.msg.0);
                if verified {
                    set.failures.push(format!("{}: {} bits were accepted for 256", test.tc_id, group.tag_size));
                }
                mac.get(..group.tag_size / 8) == Some(&test.tag.0)
            };
            set.count(matches!(test.result, Expected::Valid), accepted, &test.tc_id);
        }
    }
    set
}
