//! Signed texts: compact JSON web signatures (RFC 7515), parsed strictly. A key has exactly one algorithm, and the
//! header can only agree with it (RFC 8725, 3.1); keys that the header contains or points to are ignored.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, VerifyingKey};
use jwt_compact::{
    Algorithm, AlgorithmExt as _, AlgorithmSignature, Claims, CreationError, Header, UntrustedToken,
    alg::{Ed25519, Hs256, Hs256Key},
};
use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

/// Algorithm that tokens are signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// Ed25519 (RFC 8037): whoever reads the JWK set can verify.
    EdDsa,
    /// HMAC with SHA-256 (RFC 7518, 3.2): only this deployment can verify.
    Hs256,
}

/// A signing key, together with its algorithm.
pub enum Signer {
    /// Ed25519.
    EdDsa(SigningKey),
    /// HMAC with SHA-256.
    Hs256(Hs256Key),
}

/// A verifying key, together with the only algorithm that it accepts.
pub enum Verifier {
    /// Ed25519.
    EdDsa(VerifyingKey),
    /// HMAC with SHA-256.
    Hs256(Hs256Key),
}

/// A well-formed compact JWS, whose signature nobody has checked yet.
pub struct Unverified<'a> {
    text: &'a str,
    token: UntrustedToken<'a, Extensions>,
}

/// Header members that change how the rest is to be read. None of them is supported, so none may be present.
#[derive(Clone, Deserialize)]
struct Extensions {
    /// Critical extensions (RFC 7515, 4.1.11).
    #[serde(default)]
    crit: Present,
    /// Unencoded payload (RFC 7797).
    #[serde(default)]
    b64: Present,
}

/// Whether a member is present, even if it is null.
#[derive(Clone, Copy, Default)]
struct Present(bool);

impl Signer {
    /// Creates a signer from an Ed25519 private key.
    #[must_use]
    pub fn ed_dsa(key: &[u8; 32]) -> Self {
        Self::EdDsa(SigningKey::from_bytes(key))
    }

    /// Creates a signer from an HMAC key; RFC 7518, 3.2 asks for 32 bytes or more.
    #[must_use]
    pub fn hs256(key: &[u8]) -> Self {
        Self::Hs256(Hs256Key::from(key))
    }

    /// Returns the key that verifies this signer's signatures.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        match self {
            Self::EdDsa(key) => Verifier::EdDsa(key.verifying_key()),
            Self::Hs256(key) => Verifier::Hs256(key.clone()),
        }
    }

    /// Signs the message and returns the signature alone: 64 bytes of Ed25519, 32 of HMAC-SHA-256.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::EdDsa(key) => Ed25519.sign(key, message).as_bytes().into_owned(),
            Self::Hs256(key) => Hs256.sign(key, message).as_bytes().into_owned(),
        }
    }

    /// Creates a JWT (RFC 7519) of these claims.
    ///
    /// # Errors
    /// When the claims cannot be written as JSON.
    pub(super) fn token<T: Serialize>(&self, header: &Header, claims: &Claims<T>) -> Result<String, CreationError> {
        match self {
            Self::EdDsa(key) => Ed25519.token(header, claims, key),
            Self::Hs256(key) => Hs256.token(header, claims, key),
        }
    }
}

impl Verifier {
    /// Creates a verifier from an Ed25519 public key; `None` if the bytes are not a valid key.
    #[must_use]
    pub fn ed_dsa(key: &[u8]) -> Option<Self> {
        VerifyingKey::try_from(key).ok().map(Self::EdDsa)
    }

    /// Creates a verifier from an HMAC key.
    #[must_use]
    pub fn hs256(key: &[u8]) -> Self {
        Self::Hs256(Hs256Key::from(key))
    }

    /// Checks whether the signature is this key's signature of the message.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::EdDsa(key) => verify(Ed25519, key, message, signature),
            Self::Hs256(key) => verify(Hs256, key, message, signature),
        }
    }

    /// Verifies a compact JWS and returns its payload; `None` unless it is well-formed, of this key's algorithm and
    /// signed with this key.
    #[must_use]
    pub fn payload(&self, compact: &str) -> Option<Vec<u8>> {
        Unverified::parse(compact)?.payload(self)
    }

    fn is_of(&self, algorithm: &str) -> bool {
        algorithm
            == match self {
                Self::EdDsa(_) => Ed25519.name(),
                Self::Hs256(_) => Hs256.name(),
            }
    }
}

fn verify<A: Algorithm>(algorithm: A, key: &A::VerifyingKey, message: &[u8], signature: &[u8]) -> bool {
    // Some signature types panic on any other length.
    A::Signature::LENGTH.is_none_or(|length| length.get() == signature.len())
        && A::Signature::try_from_slice(signature)
            .is_ok_and(|signature| algorithm.verify_signature(&signature, key, message))
}

impl<'a> Unverified<'a> {
    /// Parses three parts of strict base64url, with a header that asks for nothing unknown; `None` otherwise.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let token = UntrustedToken::<Extensions>::try_from(text).ok()?;
        let Extensions { crit, b64 } = token.header().other_fields;
        (!crit.0 && !b64.0).then_some(Self { text, token })
    }

    /// Returns the id of the key that the header claims as signer (`kid`).
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.token.header().key_id.as_deref()
    }

    /// Returns the type that the header claims (`typ`).
    #[must_use]
    pub fn token_type(&self) -> Option<&str> {
        self.token.header().token_type.as_deref()
    }

    /// Returns the payload; `None` unless algorithm and signature are the verifier's.
    #[must_use]
    pub fn payload(&self, verifier: &Verifier) -> Option<Vec<u8>> {
        let (signed, _) = self.text.rsplit_once('.')?;
        let (_, payload) = signed.split_once('.')?;
        let genuine =
            verifier.is_of(self.token.algorithm()) && verifier.verify(signed.as_bytes(), self.token.signature_bytes());
        genuine.then(|| URL_SAFE_NO_PAD.decode(payload).ok()).flatten()
    }
}

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    fn compact(signer: &Signer, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signer.sign(signed.as_bytes())))
    }

    #[test]
    fn rfc_8037_appendix_a() {
        // A.1 and A.2: the key; A.4: signing; A.5: validation.
        let key = bytes("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
        let signer = Signer::ed_dsa(&key.try_into().unwrap());
        let public = bytes("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        let (header, payload) = (r#"{"alg":"EdDSA"}"#, "Example of Ed25519 signing");
        let expected = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCj\
                        P0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(compact(&signer, header, payload), expected);
        assert_eq!(Verifier::ed_dsa(&public).unwrap().payload(expected).unwrap(), payload.as_bytes());
        assert!(matches!(signer.verifier(), Verifier::EdDsa(key) if key.as_bytes() == public.as_slice()));
    }

    #[test]
    fn rfc_7515_appendix_a_1() {
        let key = bytes("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
        let header = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}";
        let payload = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
        let expected = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(compact(&Signer::hs256(&key), header, payload), expected);
        assert_eq!(Verifier::hs256(&key).payload(expected).unwrap(), payload.as_bytes());
        assert_eq!(Verifier::hs256(&key[1..]).payload(expected), None);
    }

    #[test]
    fn a_key_accepts_its_own_algorithm_only() {
        let ed_dsa = Signer::ed_dsa(&[1; 32]);
        let Verifier::EdDsa(public) = ed_dsa.verifier() else { panic!("an Ed25519 key") };
        // The attack that gave algorithm confusion its name: the public key taken for an HMAC key.
        let confused = Signer::hs256(public.as_bytes());
        let right = |signer: &Signer, algorithm: &str| compact(signer, &format!(r#"{{"alg":"{algorithm}"}}"#), "{}");
        for algorithm in ["HS256", "EdDSA", "HS512", "none", "None", "NONE", "nOnE", "", "hs256", "eddsa", "Ed25519"] {
            let accepted =
                |signer: &Signer, verifier: &Signer| verifier.verifier().payload(&right(signer, algorithm)).is_some();
            assert!(!accepted(&confused, &ed_dsa), "{algorithm}");
            assert!(!accepted(&ed_dsa, &confused), "{algorithm}");
            assert_eq!(accepted(&ed_dsa, &ed_dsa), algorithm == "EdDSA");
            assert_eq!(accepted(&confused, &confused), algorithm == "HS256");
            let signed = right(&ed_dsa, algorithm);
            let (unsigned, _) = signed.rsplit_once('.').unwrap();
            for bare in [unsigned.to_owned(), format!("{unsigned}."), format!("{unsigned}.AA")] {
                for verifier in [ed_dsa.verifier(), confused.verifier()] {
                    assert_eq!(verifier.payload(&bare), None, "{bare}");
                }
            }
        }
    }

    #[test]
    fn the_header_cannot_bring_a_key_nor_ask_for_more() {
        let (signer, stranger) = (Signer::ed_dsa(&[1; 32]), Signer::ed_dsa(&[2; 32]));
        let Verifier::EdDsa(public) = stranger.verifier() else { panic!("an Ed25519 key") };
        let x = URL_SAFE_NO_PAD.encode(public.as_bytes());
        let jwk = format!(r#""jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#);
        let keys =
            [&jwk, r#""jku":"https://evil.example/jwks.json""#, r#""x5u":"https://evil.example/x""#, r#""x5c":["AA"]"#];
        for key in keys {
            let header = format!(r#"{{"alg":"EdDSA",{key}}}"#);
            assert_eq!(signer.verifier().payload(&compact(&stranger, &header, "{}")), None, "{header}");
        }
        let refused = [
            r#""crit":["exp"],"exp":1"#,
            r#""crit":[]"#,
            r#""crit":null"#,
            r#""crit":["b64"],"b64":false"#,
            r#""b64":false"#,
            r#""kid":"a","kid":"b""#,
            r#""alg":"EdDSA""#,
            r#""alg":"none""#,
        ];
        for member in refused {
            let header = format!(r#"{{"alg":"EdDSA",{member}}}"#);
            assert_eq!(signer.verifier().payload(&compact(&signer, &header, "{}")), None, "{header}");
        }
        for header in ["{}", "[]", "null", "\"EdDSA\"", "", r#"{"alg":["EdDSA"]}"#, r#"{"alg":null}"#] {
            assert_eq!(signer.verifier().payload(&compact(&signer, header, "{}")), None, "{header}");
        }
    }

    #[test]
    fn base64url_is_read_strictly() {
        let signer = Signer::hs256(&[1; 32]);
        let right = compact(&signer, r#"{"alg":"HS256"}"#, "a");
        assert!(signer.verifier().payload(&right).is_some());
        for wrong in
            [format!("{right}="), format!(" {right}"), format!("{right}\n"), format!("{right}."), format!(".{right}")]
        {
            assert_eq!(signer.verifier().payload(&wrong), None, "{wrong}");
        }
        // "YQ" and "YR" decode to the same byte when the unused bits are not looked at.
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
        for payload in ["YR", "YQ==", "Y", "YQ\n"] {
            let signed = format!("{header}.{payload}");
            let text = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signer.sign(signed.as_bytes())));
            assert_eq!(signer.verifier().payload(&text), None, "{text}");
        }
    }
}
