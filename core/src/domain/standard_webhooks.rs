//! Signatures of webhooks as in Standard Webhooks 1.0, and in Svix before it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::Secret;

/// Largest difference between the time of a message and ours, in seconds.
const TOLERANCE_SECONDS: u64 = 300;
/// Most signatures of a message that are checked: it has more than two only while secrets are being rotated.
const MOST_SIGNATURES: usize = 8;

/// A secret that both sides know: `whsec_` and 24 to 64 bytes in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSecret(Secret);

impl WebhookSecret {
    /// Parses a secret; `None` where it has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix("whsec_")?;
        let length = STANDARD.decode(encoded).ok()?.len();
        (24..=64).contains(&length).then(|| Self(Secret::new(encoded)))
    }

    /// Creates a secret from fresh randomness.
    #[must_use]
    pub fn generate(random: &[u8; 32]) -> Self {
        Self(Secret::new(STANDARD.encode(random)))
    }

    /// Returns the text of the secret, for its owner and for the seal that it is stored under.
    #[must_use]
    pub fn text(&self) -> Secret {
        Secret::new(format!("whsec_{}", self.0.expose()))
    }

    /// Signs a message and returns the signature as `v1,…`; `None` where the secret is unreadable, which
    /// [`WebhookSecret::parse`] never lets in.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
        let signature = self.mac(id, timestamp, body)?.finalize().into_bytes();
        Some(format!("v1,{}", STANDARD.encode(signature)))
    }

    /// Checks whether one of the signatures (`v1,…`, separated by spaces) is this secret's signature of the message.
    /// Each is compared in constant time.
    #[must_use]
    pub fn verify(&self, id: &str, timestamp: &str, body: &[u8], signatures: &str) -> bool {
        let signatures = signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
        let signatures = signatures.take(MOST_SIGNATURES).filter_map(|signature| STANDARD.decode(signature).ok());
        let Some(mac) = self.mac(id, timestamp, body) else { return false };
        signatures.fold(false, |found, signature| found | mac.clone().verify_slice(&signature).is_ok())
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
        let key = STANDARD.decode(self.0.expose()).ok()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        Some(mac)
    }
}

/// Checks whether the time of a message (seconds since the epoch) is within [`TOLERANCE_SECONDS`] of now, late or
/// early.
#[must_use]
pub fn is_timely(timestamp: &str, now_seconds: i64) -> bool {
    let is_number = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let told = timestamp.parse::<i64>().ok().filter(|_| is_number);
    told.is_some_and(|told| told.abs_diff(now_seconds) <= TOLERANCE_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in Svix's documentation and in its libraries' tests.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: &str = "1614265330";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_documented_example_verifies() {
        let secret = WebhookSecret::parse(SECRET).unwrap();
        assert!(secret.verify(ID, TIMESTAMP, BODY, SIGNATURE));
        let other = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
        let asymmetric = SIGNATURE.replace("v1,", "v1a,");
        for several in [format!("{other} {SIGNATURE}"), format!("{asymmetric} {SIGNATURE} {other}")] {
            assert!(secret.verify(ID, TIMESTAMP, BODY, &several), "{several}");
        }
        for wrong in [
            "",
            "v1,",
            " ",
            other,
            asymmetric.as_str(),
            SIGNATURE.trim_start_matches("v1,"),
            SIGNATURE.trim_end_matches("E="),
        ] {
            assert!(!secret.verify(ID, TIMESTAMP, BODY, wrong), "{wrong}");
        }
        assert!(!secret.verify("msg_other", TIMESTAMP, BODY, SIGNATURE));
        assert!(!secret.verify(ID, "1614265331", BODY, SIGNATURE));
        assert!(!secret.verify(ID, TIMESTAMP, br#"{"test":2432232314}"#, SIGNATURE));
        let longer = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwBBBB").unwrap();
        assert!(!longer.verify(ID, TIMESTAMP, BODY, SIGNATURE));
    }

    #[test]
    fn the_documented_example_is_signed() {
        let secret = WebhookSecret::parse(SECRET).unwrap();
        assert_eq!(secret.sign(ID, TIMESTAMP, BODY).as_deref(), Some(SIGNATURE));
        // The example on Svix's page about verifying by hand, whose secret is shorter than the specification wants.
        let secret = WebhookSecret(Secret::new("plJ3nmyCDGBKInavdOK15jsl"));
        let body = br#"{"event_type":"ping","data":{"success":true}}"#;
        let signed = secret.sign("msg_loFOjxBNrRLzqYUf", "1731705121", body);
        assert_eq!(signed.as_deref(), Some("v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="));
    }

    #[test]
    fn a_new_secret_signs_what_it_verifies() {
        let secret = WebhookSecret::generate(&[7; 32]);
        let shown = secret.text();
        assert_eq!(WebhookSecret::parse(shown.expose()).as_ref(), Some(&secret));
        let signature = secret.sign("a", "1", b"{}").unwrap();
        assert!(secret.verify("a", "1", b"{}", &signature));
        assert!(!WebhookSecret::generate(&[8; 32]).verify("a", "1", b"{}", &signature));
        let both = format!("{} {signature}", WebhookSecret::generate(&[8; 32]).sign("a", "1", b"{}").unwrap());
        assert!(secret.verify("a", "1", b"{}", &both), "two secrets sign one beside the other");
    }

    #[test]
    fn a_secret_has_one_form() {
        let short = format!("whsec_{}", STANDARD.encode([1; 23]));
        let long = format!("whsec_{}", STANDARD.encode([1; 65]));
        for wrong in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64!", &short, &long] {
            assert!(WebhookSecret::parse(wrong).is_none(), "{wrong}");
        }
        let secret = WebhookSecret::parse(SECRET).unwrap();
        assert!(!format!("{secret:?}").contains("MfKQ"), "it never prints");
    }

    #[test]
    fn a_message_is_of_now() {
        let now = 1_614_265_330;
        for (timestamp, timely) in [
            (TIMESTAMP, true),
            ("1614265030", true),
            ("1614265029", false),
            ("1614265630", true),
            ("1614265631", false),
            ("+1614265330", false),
            ("-1614265330", false),
            ("1614265330.0", false),
            ("99999999999999999999", false),
            ("", false),
        ] {
            assert_eq!(is_timely(timestamp, now), timely, "{timestamp}");
        }
    }
}
