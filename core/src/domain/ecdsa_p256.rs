//! ECDSA over NIST P-256 with SHA-256 (FIPS 186-5), to verify others' signatures: the key in PEM or DER, the signature
//! in DER.

use p256::{
    ecdsa::{Signature, VerifyingKey, signature::Verifier as _},
    pkcs8::DecodePublicKey as _,
};

/// A public key on the curve P-256.
#[derive(Clone, Debug)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads a `PUBLIC KEY` in PEM (RFC 7468, 13; RFC 5480); `None` if it is not a point of this curve.
    #[must_use]
    pub fn from_pem(pem: &str) -> Option<Self> {
        VerifyingKey::from_public_key_pem(pem).ok().map(Self)
    }

    /// Reads a `SubjectPublicKeyInfo` in DER (RFC 5480); `None` if it is not a point of this curve.
    #[must_use]
    pub fn from_der(der: &[u8]) -> Option<Self> {
        VerifyingKey::from_public_key_der(der).ok().map(Self)
    }

    /// Checks whether the key signed the message. The signature must be an `ECDSA-Sig-Value` (RFC 3279, 2.2.3) in DER
    /// and nothing else, so that a signature has one spelling.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_der(signature).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    /// The example in GitHub's documentation of its secret scanning, signed with a key of GitHub's.
    const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
                       MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\n\
                       AjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n\
                       -----END PUBLIC KEY-----\n";
    const MESSAGE: &[u8] =
        br#"[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]"#;
    const SIGNATURE: &str =
        "MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg==";

    #[test]
    fn githubs_example_verifies() {
        let key = PublicKey::from_pem(KEY).unwrap();
        let signature = STANDARD.decode(SIGNATURE).unwrap();
        assert!(key.verify(MESSAGE, &signature));
        assert!(!key.verify(MESSAGE.trim_ascii_end().strip_suffix(b"]").unwrap(), &signature));
        for index in 0..signature.len() {
            let mut changed = signature.clone();
            changed[index] ^= 1;
            assert!(!key.verify(MESSAGE, &changed), "at {index}");
        }
        for length in 0..signature.len() {
            assert!(!key.verify(MESSAGE, &signature[..length]), "{length} bytes");
        }
    }

    /// Verifies the example in the tests of SendGrid's libraries, signed with a key of SendGrid's: its timestamp stands
    /// before the body.
    #[test]
    fn sendgrids_example_verifies() {
        let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
        let signature =
            "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
        let message = concat!(
            r#"1600112502[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address","#,
            r#""sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA","#,
            r#""sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0","#,
            r#""smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]"#,
            "\r\n"
        );
        let key = PublicKey::from_der(&STANDARD.decode(key).unwrap()).unwrap();
        let signature = STANDARD.decode(signature).unwrap();
        assert!(key.verify(message.as_bytes(), &signature));
        assert!(!key.verify(message.trim_end().as_bytes(), &signature), "the line's end is signed too");
        assert!(!key.verify(message.replacen("1600112502", "1600112503", 1).as_bytes(), &signature));
        assert!(PublicKey::from_pem(KEY).is_some_and(|other| !other.verify(message.as_bytes(), &signature)));
    }

    #[test]
    fn what_is_no_key_of_the_curve_is_none() {
        let private = KEY.replace("PUBLIC", "PRIVATE");
        let other_point = KEY.replace("AjPuDPRc", "AjPuDPRd");
        let ed25519 = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
                       -----END PUBLIC KEY-----\n";
        for pem in ["", "key", &private, &other_point, ed25519] {
            assert!(PublicKey::from_pem(pem).is_none(), "{pem}");
            assert!(PublicKey::from_der(pem.as_bytes()).is_none(), "{pem}");
        }
    }
}
