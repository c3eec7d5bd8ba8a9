//! Compact JWS.

use aibaas_core::domain::jws::{Signer, Verifier};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Expected, Set, groups};

const FILE: &str = include_str!("../../data/wycheproof/json_web_signature_test.json");
/// The text of 357, which is valid, but labelled invalid: github.com/C2SP/wycheproof/issues/236.
const SAME_AS_357: [u32; 2] = [367, 370];
/// Labelled valid with a `?` in the base64url, which RFC 7515 (2; 5.2, 2.) has no place for.
const NOT_BASE64URL: [u32; 2] = [372, 373];

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    public: Option<Map<String, Value>>,
    private: Map<String, Value>,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Test {
    tc_id: u32,
    jws: String,
    result: Expected,
}

impl Group {
    fn is_hs256(&self) -> bool {
        self.private.get("alg").is_some_and(|algorithm| algorithm == "HS256")
    }
}

/// Those of the algorithm that we accept.
pub fn hs256() -> Set {
    let mut set = Set::new("Wycheproof json_web_signature_test, HS256");
    let groups = groups::<Group>(FILE);
    let text =
        |id: u32| groups.iter().flat_map(|group| &group.tests).find(|test| test.tc_id == id).map(|test| &test.jws);
    for group in groups.iter().filter(|group| group.is_hs256()) {
        let key = group.private.get("k").and_then(Value::as_str).expect("a symmetric key");
        let key = URL_SAFE_NO_PAD.decode(key).expect("base64url");
        for test in &group.tests {
            let valid = match test.tc_id {
                id if SAME_AS_357.contains(&id) => {
                    if Some(&test.jws) != text(357) {
                        set.failures.push(format!("{id} differs from 357 now: take its label"));
                    }
                    true
                }
                id if NOT_BASE64URL.contains(&id) => {
                    if !test.jws.contains('?') {
                        set.failures.push(format!("{id} is base64url now: take its label"));
                    }
                    false
                }
                _ => matches!(test.result, Expected::Valid),
            };
            let accepted = Verifier::hs256(&key).payload(&test.jws).is_some();
            set.count(valid, accepted, &test.tc_id);
            let other = Verifier::ed_dsa(&key).is_some_and(|verifier| verifier.payload(&test.jws).is_some());
            if other || own().iter().any(|verifier| verifier.payload(&test.jws).is_some()) {
                set.failures.push(format!("{} was accepted with another key", test.tc_id));
            }
        }
    }
    set
}

/// None of the others is accepted, whatever part of its key is taken for a key of ours.
pub fn other_algorithms() -> Set {
    let mut set = Set::new("Wycheproof json_web_signature_test, other algorithms");
    for group in groups::<Group>(FILE).iter().filter(|group| !group.is_hs256()) {
        let mut verifiers = Vec::from(own());
        for jwk in group.public.iter().chain([&group.private]) {
            for part in jwk.values().filter_map(Value::as_str) {
                let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
                verifiers.extend([Verifier::hs256(part.as_bytes()), Verifier::hs256(&bytes)]);
                verifiers.extend(Verifier::ed_dsa(&bytes));
            }
            let text = serde_json::to_vec(jwk).expect("JSON");
            verifiers.push(Verifier::hs256(&text));
        }
        for test in &group.tests {
            let accepted = verifiers.iter().any(|verifier| verifier.payload(&test.jws).is_some());
            set.count(false, accepted, &test.tc_id);
        }
    }
    set
}

/// RFC 7515, A.1 and RFC 8037, A.4 and A.5: signed to the very text, which verifies.
pub fn rfcs() -> Set {
    let mut set = Set::new("RFC 7515 A.1, RFC 8037 A.4 and A.5");
    let key = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
    let hs256 =
        Signer::hs256(&key("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"));
    let ed_dsa = key("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    let ed_dsa = Signer::ed_dsa(&ed_dsa.try_into().expect("32 bytes"));
    let public = Verifier::ed_dsa(&key("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")).expect("a public key");
    let examples = [
        (
            "RFC 7515 A.1",
            &hs256,
            hs256.verifier(),
            "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}",
            "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}",
            "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        (
            "RFC 8037 A.4",
            &ed_dsa,
            public,
            "{\"alg\":\"EdDSA\"}",
            "Example of Ed25519 signing",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];
    for (name, signer, verifier, header, payload, signature) in examples {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let same = URL_SAFE_NO_PAD.encode(signer.sign(signed.as_bytes())) == signature;
        let read = verifier.payload(&format!("{signed}.{signature}"));
        set.count(true, same && read.as_deref() == Some(payload.as_bytes()), &name);
    }
    set
}

/// Keys that none of the vectors is signed with.
fn own() -> [Verifier; 2] {
    [Signer::ed_dsa(&[1; 32]).verifier(), Verifier::hs256(&[1; 32])]
}
