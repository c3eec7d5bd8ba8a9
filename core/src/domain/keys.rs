use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use ed25519_dalek::{SigningKey, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use jwt_compact::{AlgorithmExt as _, Claims, Header, Token, UntrustedToken, alg::Ed25519};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::Secret;
use crate::ports::Timestamp;

/// How long an access token lives, in seconds.
pub const ACCESS_TOKEN_SECONDS: i64 = 900;
const TOKEN_TYPE: &str = "at+jwt";
const NONCE_BYTES: usize = 24;

/// How access tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// Ed25519 (RFC 8037): whoever reads the JWK set can verify.
    EdDsa,
    /// HMAC with SHA-256 (RFC 7518, 3.2): only this deployment can verify.
    Hs256,
}

/// Every key of the deployment, derived from its one secret by HKDF-SHA-256 (RFC 5869); those of the previous
/// secret still verify and open, but make nothing new.
pub struct Keys {
    current: KeySet,
    previous: Option<KeySet>,
}

struct KeySet {
    id: String,
    signing: SigningKey,
    verifying: VerifyingKey,
    refresh: Zeroizing<[u8; 32]>,
    sealing: Zeroizing<[u8; 32]>,
}

/// What an access token says (RFC 9068).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Issuer: the API's base URL.
    pub iss: String,
    /// Audience: the same.
    pub aud: String,
    /// The person.
    pub sub: String,
    /// Their session.
    pub sid: String,
    /// The token's own id.
    pub jti: String,
    /// Their address.
    pub email: String,
    /// Their role.
    pub role: String,
}

/// Why an access token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Not a token of ours.
    Invalid,
    /// Ours, but too old.
    Expired,
}

/// What a refresh token names.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session's id.
    pub session_id: String,
    /// Which of the session's tokens this is.
    pub generation: i64,
    mac: Vec<u8>,
}

impl KeySet {
    fn derive(secret: &Secret) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, secret.expose().as_bytes());
        let derive = |purpose: &str| {
            let mut key = Zeroizing::new([0; 32]);
            // 32 bytes are far below HKDF's bound of 255 blocks, its only error.
            let expanded = hkdf.expand(purpose.as_bytes(), key.as_mut());
            debug_assert!(expanded.is_ok());
            key
        };
        let signing = SigningKey::from_bytes(&derive("aibaas/v1/access-token/ed25519"));
        let verifying = signing.verifying_key();
        let x = URL_SAFE_NO_PAD.encode(verifying.as_bytes());
        // RFC 7638 thumbprint of the RFC 8037 key.
        let id = URL_SAFE_NO_PAD.encode(Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)));
        Self {
            id,
            signing,
            verifying,
            refresh: derive("aibaas/v1/refresh-token/hmac"),
            sealing: derive("aibaas/v1/sealing"),
        }
    }

    fn refresh_mac(&self, session_id: &str, generation: i64, nonce: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(self.refresh.as_ref()).ok()?;
        mac.update(session_id.as_bytes());
        mac.update(&generation.to_be_bytes());
        mac.update(nonce);
        Some(mac)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.sealing).into())
    }
}

impl Keys {
    /// Derives them.
    #[must_use]
    pub fn derive(current: &Secret, previous: Option<&Secret>) -> Self {
        Self { current: KeySet::derive(current), previous: previous.map(KeySet::derive) }
    }

    fn sets(&self) -> impl Iterator<Item = &KeySet> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// The public keys that verify access tokens, as a JWK set (RFC 7517, RFC 8037).
    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        let jwk = |set: &KeySet| {
            serde_json::json!({
                "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": set.id,
                "x": URL_SAFE_NO_PAD.encode(set.verifying.as_bytes()),
            })
        };
        serde_json::json!({ "keys": self.sets().map(jwk).collect::<Vec<_>>() })
    }

    /// Signs an access token that lives [`ACCESS_TOKEN_SECONDS`].
    ///
    /// # Errors
    /// When the claims cannot be written as JSON.
    pub fn sign_access_token(&self, claims: AccessClaims, now: Timestamp) -> Result<Secret, String> {
        let header = Header::empty().with_key_id(self.current.id.clone()).with_token_type(TOKEN_TYPE);
        let mut claims = Claims::new(claims);
        claims.issued_at = chrono::DateTime::from_timestamp(now.seconds(), 0);
        claims.expiration = chrono::DateTime::from_timestamp(now.seconds().saturating_add(ACCESS_TOKEN_SECONDS), 0);
        Ed25519.token(&header, &claims, &self.current.signing).map(Secret::new).map_err(|error| error.to_string())
    }

    /// Reads an access token. Only EdDSA, only our type, issuer and audience (RFC 8725).
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn verify_access_token(&self, token: &str, issuer: &str, now: Timestamp) -> Result<AccessClaims, TokenError> {
        let untrusted = UntrustedToken::new(token).map_err(|_| TokenError::Invalid)?;
        let header = untrusted.header();
        if header.token_type.as_deref() != Some(TOKEN_TYPE) {
            return Err(TokenError::Invalid);
        }
        let set = self.sets().find(|set| header.key_id.as_deref() == Some(&set.id)).ok_or(TokenError::Invalid)?;
        let token: Token<AccessClaims> =
            Ed25519.validator(&set.verifying).validate(&untrusted).map_err(|_| TokenError::Invalid)?;
        let claims = token.claims();
        let expires = claims.expiration.ok_or(TokenError::Invalid)?.timestamp();
        if claims.custom.iss != issuer || claims.custom.aud != issuer {
            return Err(TokenError::Invalid);
        }
        if expires <= now.seconds() {
            return Err(TokenError::Expired);
        }
        Ok(claims.custom.clone())
    }

    /// The refresh token of a session's generation. It is computed, not stored, so the current one can be given
    /// again to a client that lost the reply; the session's nonce keeps a leaked secret alone from forging it.
    ///
    /// # Errors
    /// Never in practice: HMAC takes a key of any length.
    pub fn refresh_token(&self, session_id: &str, generation: i64, nonce: &[u8]) -> Result<Secret, String> {
        let mac = self.current.refresh_mac(session_id, generation, nonce).ok_or("no refresh key")?;
        let mac = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        Ok(Secret::new(format!("aibr_{session_id}.{generation}.{mac}")))
    }

    /// Whether the token is that of its session, of which `nonce` is read from the database.
    #[must_use]
    pub fn is_refresh_token(&self, token: &RefreshToken, nonce: &[u8]) -> bool {
        self.sets().any(|set| {
            set.refresh_mac(&token.session_id, token.generation, nonce)
                .is_some_and(|mac| mac.verify_slice(&token.mac).is_ok())
        })
    }

    /// Seals what must wait in the database (XChaCha20-Poly1305), bound to the row it belongs to.
    ///
    /// # Errors
    /// When the text is beyond the cipher's bound of 256 GiB.
    pub fn seal(&self, row_id: &str, nonce: [u8; NONCE_BYTES], text: &[u8]) -> Result<Vec<u8>, String> {
        let payload = Payload { msg: text, aad: row_id.as_bytes() };
        let sealed = self.current.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|error| error.to_string())?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Keys::seal`] made for this row.
    #[must_use]
    pub fn open(&self, row_id: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let open = |set: &KeySet| {
            set.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: row_id.as_bytes() }).ok()
        };
        self.sets().find_map(open).map(Zeroizing::new)
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RefreshToken").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

impl RefreshToken {
    /// Reads the form; whether it is genuine, [`Keys::is_refresh_token`] says.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("aibr_")?.split('.');
        let session_id = uuid::Uuid::try_parse(parts.next()?).ok()?.to_string();
        let generation = parts.next()?.parse().ok().filter(|generation| *generation >= 0)?;
        let mac = URL_SAFE_NO_PAD.decode(parts.next()?).ok().filter(|mac| mac.len() == 32)?;
        parts.next().is_none().then_some(Self { session_id, generation, mac })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_395_723_004);

    fn keys(secret: &str) -> Keys {
        Keys::derive(&Secret::new(secret), None)
    }

    fn claims() -> AccessClaims {
        let text = |text: &str| text.to_owned();
        AccessClaims {
            iss: text("i"),
            aud: text("i"),
            sub: text("u"),
            sid: text("s"),
            jti: text("j"),
            email: text("e"),
            role: text("user"),
        }
    }

    #[test]
    fn a_token_lives_fifteen_minutes_under_its_own_key() {
        let token = keys("a").sign_access_token(claims(), NOW).unwrap();
        let verify = |keys: &Keys, issuer, now| keys.verify_access_token(token.expose(), issuer, now);
        assert_eq!(verify(&keys("a"), "i", NOW), Ok(claims()));
        assert_eq!(verify(&keys("a"), "i", NOW.plus_seconds(899)), Ok(claims()));
        assert_eq!(verify(&keys("a"), "i", NOW.plus_seconds(900)), Err(TokenError::Expired));
        assert_eq!(verify(&keys("a"), "other", NOW), Err(TokenError::Invalid));
        assert_eq!(verify(&keys("b"), "i", NOW), Err(TokenError::Invalid));
        let rotated = Keys::derive(&Secret::new("b"), Some(&Secret::new("a")));
        assert_eq!(verify(&rotated, "i", NOW), Ok(claims()));
    }

    #[test]
    fn no_other_algorithm_is_accepted() {
        let token = keys("a").sign_access_token(claims(), NOW).unwrap();
        let (_, rest) = token.expose().split_once('.').unwrap();
        for header in [r#"{"alg":"none","typ":"at+jwt"}"#, r#"{"alg":"HS256","typ":"at+jwt","kid":"x"}"#, "{}"] {
            let forged = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header));
            assert_eq!(keys("a").verify_access_token(&forged, "i", NOW), Err(TokenError::Invalid));
        }
    }

    #[test]
    fn refresh_tokens_are_bound_to_session_generation_and_nonce() {
        let id = "0199b6a0-0000-7000-8000-000000000000";
        let token = keys("a").refresh_token(id, 3, b"nonce").unwrap();
        let parsed = RefreshToken::parse(token.expose()).unwrap();
        assert_eq!((parsed.session_id.as_str(), parsed.generation), (id, 3));
        assert!(keys("a").is_refresh_token(&parsed, b"nonce"));
        assert!(!keys("a").is_refresh_token(&parsed, b"other"));
        assert!(!keys("b").is_refresh_token(&parsed, b"nonce"));
        assert!(!keys("a").is_refresh_token(&RefreshToken { generation: 4, ..parsed }, b"nonce"));
        for bad in ["", "aibr_", "aibr_x.1.y", &format!("aibr_{id}.-1.AAAA"), &format!("{}.x", token.expose())] {
            assert_eq!(RefreshToken::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_sealed_opens_for_its_row_only() {
        let sealed = keys("a").seal("row", [7; 24], b"text").unwrap();
        assert_eq!(keys("a").open("row", &sealed).unwrap().as_slice(), b"text");
        assert!(keys("a").open("other", &sealed).is_none());
        assert!(keys("b").open("row", &sealed).is_none());
        assert!(keys("a").open("row", &sealed[..10]).is_none());
    }
}
