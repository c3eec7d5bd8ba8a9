mod access_token;
mod jwk;
mod token_cache;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{
    Secret, SessionId, UserId,
    jws::{JwtAlgorithm, Signer, Verifier},
    log_record::TreeHead,
};
use token_cache::TokenCache;

pub use access_token::{ACCESS_TOKEN_SECONDS, AccessClaims, TokenError};
pub use jwk::{Jwk, Jwks};

const NONCE_BYTES: usize = 24;

/// Every key of the deployment, derived from its one secret by HKDF-SHA-256 (RFC 5869). The keys of the previous secret
/// still verify and open, but sign and seal nothing new.
pub struct Keys {
    current: KeySet,
    previous: Option<KeySet>,
    verified: TokenCache,
}

struct KeySet {
    id: String,
    signer: Signer,
    verifier: Verifier,
    refresh: Zeroizing<[u8; 32]>,
    sealing: Zeroizing<[u8; 32]>,
    fingerprint: Zeroizing<[u8; 32]>,
    browser: Zeroizing<[u8; 32]>,
    form: Zeroizing<[u8; 32]>,
    page_tag: Zeroizing<[u8; 32]>,
    log: LogKey,
}

/// A key that signs the heads of the log of changes, and nothing else.
struct LogKey {
    id: String,
    public: String,
    signer: Signer,
}

impl LogKey {
    fn new(seed: &[u8; 32]) -> Self {
        let signer = Signer::ed_dsa(seed);
        let public = match signer.verifier() {
            Verifier::EdDsa(key) => URL_SAFE_NO_PAD.encode(key.as_bytes()),
            Verifier::Hs256(_) => String::new(),
        };
        Self { id: thumbprint(&public), public, signer }
    }
}

/// Computes the RFC 7638 thumbprint of the RFC 8037 key `x`.
fn thumbprint(x: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
}

/// A well-formed refresh token, whose MAC nobody has checked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Id of the session.
    pub session_id: SessionId,
    /// Number of the token among those of its session.
    pub generation: i64,
    mac: Vec<u8>,
}

impl KeySet {
    fn derive(secret: &Secret, algorithm: JwtAlgorithm) -> Self {
        let hkdf = Hkdf::<Sha256>::new(None, secret.expose().as_bytes());
        let derive = |purpose: &str| {
            let mut key = Zeroizing::new([0; 32]);
            // HKDF's only error is above its bound of 255 blocks; 32 bytes are far below.
            let expanded = hkdf.expand(purpose.as_bytes(), key.as_mut());
            debug_assert!(expanded.is_ok());
            key
        };
        let signer = match algorithm {
            JwtAlgorithm::EdDsa => Signer::ed_dsa(&derive("aibaas/v1/access-token/ed25519")),
            JwtAlgorithm::Hs256 => Signer::hs256(derive("aibaas/v1/access-token/hmac-sha256").as_ref()),
        };
        let verifier = signer.verifier();
        let id = match &verifier {
            Verifier::EdDsa(key) => thumbprint(&URL_SAFE_NO_PAD.encode(key.as_bytes())),
            // The id is derived for itself alone and not from the key, so that it reveals nothing about the key.
            Verifier::Hs256(_) => {
                URL_SAFE_NO_PAD.encode(Sha256::digest(derive("aibaas/v1/access-token/hmac-sha256/key-id")))
            }
        };
        Self {
            id,
            signer,
            verifier,
            refresh: derive("aibaas/v1/refresh-token/hmac"),
            sealing: derive("aibaas/v1/sealing"),
            fingerprint: derive("aibaas/v1/request-fingerprint/hmac"),
            browser: derive("aibaas/v1/browser-session/hmac"),
            form: derive("aibaas/v1/form-token/hmac"),
            page_tag: derive("aibaas/v1/page-tag/hmac"),
            log: LogKey::new(&derive("aibaas/v1/log-head/ed25519")),
        }
    }

    fn refresh_mac(&self, session_id: &SessionId, generation: i64, nonce: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(self.refresh.as_ref()).ok()?;
        mac.update(session_id.as_str().as_bytes());
        mac.update(&generation.to_be_bytes());
        mac.update(nonce);
        Some(mac)
    }

    fn fingerprint_mac(&self, digest: &[u8]) -> Option<Hmac<Sha256>> {
        mac_of(&self.fingerprint, digest)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.sealing).into())
    }
}

/// Starts a MAC over the text; the caller finishes or verifies it.
fn mac_of(key: &[u8; 32], text: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).ok()?;
    mac.update(text);
    Some(mac)
}

impl Keys {
    /// Derives the keys. Access tokens of any other algorithm are invalid, even if signed with a key of the same
    /// secret.
    #[must_use]
    pub fn derive(current: &Secret, previous: Option<&Secret>, algorithm: JwtAlgorithm) -> Self {
        let set = |secret| KeySet::derive(secret, algorithm);
        Self { current: set(current), previous: previous.map(set), verified: TokenCache::new() }
    }

    fn sets(&self) -> impl Iterator<Item = &KeySet> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// Returns the public keys that verify access tokens, as a JWK set (RFC 7517, RFC 8037); empty where these keys are
    /// secret.
    #[must_use]
    pub fn jwks(&self) -> Jwks {
        let jwk = |set: &KeySet| match &set.verifier {
            Verifier::EdDsa(key) => Some(Jwk::new(set.id.clone(), URL_SAFE_NO_PAD.encode(key.as_bytes()))),
            Verifier::Hs256(_) => None,
        };
        Jwks { keys: self.sets().filter_map(jwk).collect() }
    }

    /// Returns the public keys that verify heads of the log of changes, as a JWK set, whatever signs access tokens.
    #[must_use]
    pub fn log_keys(&self) -> Jwks {
        Jwks { keys: self.sets().map(|set| Jwk::new(set.log.id.clone(), set.log.public.clone())).collect() }
    }

    /// Returns the id of the key that signs heads of the log.
    #[must_use]
    pub fn log_key_id(&self) -> &str {
        &self.current.log.id
    }

    /// Signs a head of the log and returns the signature in base64url.
    #[must_use]
    pub fn sign_log_head(&self, head: &TreeHead) -> String {
        URL_SAFE_NO_PAD.encode(self.current.log.signer.sign(head.note().as_bytes()))
    }

    /// Computes the refresh token of a session's generation. It is not stored, so the current one can be given again to
    /// a client that lost the reply; the session's nonce keeps a leaked secret alone from forging it.
    ///
    /// # Errors
    /// Never in practice: HMAC takes a key of any length.
    pub fn refresh_token(&self, session_id: &SessionId, generation: i64, nonce: &[u8]) -> Result<Secret, String> {
        let mac = self.current.refresh_mac(session_id, generation, nonce).ok_or("no refresh key")?;
        let mac = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        Ok(Secret::new(format!("aibr_{session_id}.{generation}.{mac}")))
    }

    /// Checks whether the token is one of its session, whose `nonce` is read from the database.
    #[must_use]
    pub fn is_refresh_token(&self, token: &RefreshToken, nonce: &[u8]) -> bool {
        self.sets().any(|set| {
            set.refresh_mac(&token.session_id, token.generation, nonce)
                .is_some_and(|mac| mac.verify_slice(&token.mac).is_ok())
        })
    }

    /// Computes a fingerprint of a request from its digest. It is a MAC, because the request may hold a password, which
    /// a bare hash as fast as this would not protect.
    ///
    /// # Errors
    /// Never in practice: HMAC takes a key of any length.
    pub fn fingerprint(&self, digest: &[u8]) -> Result<Vec<u8>, String> {
        let mac = self.current.fingerprint_mac(digest).ok_or("a MAC takes any key")?;
        Ok(mac.finalize().into_bytes().to_vec())
    }

    /// Checks whether [`Keys::fingerprint`] computed this fingerprint from the digest.
    #[must_use]
    pub fn is_fingerprint(&self, digest: &[u8], fingerprint: &[u8]) -> bool {
        let is = |set: &KeySet| set.fingerprint_mac(digest).is_some_and(|mac| mac.verify_slice(fingerprint).is_ok());
        self.sets().any(is)
    }

    /// Creates the token that a browser's cookie holds: a session's id, its user's id, and a MAC of both. Like an
    /// access token it only claims the session, which the database confirms.
    ///
    /// # Errors
    /// Never in practice: HMAC takes a key of any length.
    pub fn browser_token(&self, session_id: &SessionId, user_id: &UserId) -> Result<Secret, String> {
        let claim = format!("{session_id}.{user_id}");
        let mac = mac_of(&self.current.browser, claim.as_bytes()).ok_or("a MAC takes any key")?;
        Ok(Secret::new(format!("{claim}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))))
    }

    /// Returns the session and the user that a cookie claims; `None` unless [`Keys::browser_token`] made it.
    #[must_use]
    pub fn read_browser_token(&self, token: &str) -> Option<(SessionId, UserId)> {
        let (claim, mac) = token.rsplit_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        let is_genuine =
            |set: &KeySet| mac_of(&set.browser, claim.as_bytes()).is_some_and(|made| made.verify_slice(&mac).is_ok());
        let (session_id, user_id) = claim.split_once('.').filter(|_| self.sets().any(is_genuine))?;
        Some((session_id.to_owned().into(), user_id.to_owned().into()))
    }

    /// Creates the token by which a form shows that it was made for this session, or for this browser.
    ///
    /// # Errors
    /// Never in practice: HMAC takes a key of any length.
    pub fn form_token(&self, made_for: &str) -> Result<String, String> {
        let mac = mac_of(&self.current.form, made_for.as_bytes()).ok_or("a MAC takes any key")?;
        Ok(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    /// Checks whether [`Keys::form_token`] made this token.
    #[must_use]
    pub fn is_form_token(&self, made_for: &str, token: &str) -> bool {
        let Ok(token) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let is =
            |set: &KeySet| mac_of(&set.form, made_for.as_bytes()).is_some_and(|made| made.verify_slice(&token).is_ok());
        self.sets().any(is)
    }

    /// Computes the tag of a page from what determines the page. It is a MAC, because that may include what nobody is
    /// shown, which a bare hash would let everybody confirm.
    ///
    /// # Errors
    /// Never in practice: HMAC takes a key of any length.
    pub fn page_tag(&self, determined_by: &[u8]) -> Result<Vec<u8>, String> {
        let mac = mac_of(&self.current.page_tag, determined_by).ok_or("a MAC takes any key")?;
        Ok(mac.finalize().into_bytes().to_vec())
    }

    /// Seals a text that must wait in the database (XChaCha20-Poly1305), bound to the row that it belongs to.
    ///
    /// # Errors
    /// When the text is beyond the cipher's bound of 256 GiB.
    pub fn seal(&self, row_id: &str, nonce: [u8; NONCE_BYTES], text: &[u8]) -> Result<Vec<u8>, String> {
        let payload = Payload { msg: text, aad: row_id.as_bytes() };
        let sealed = self.current.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|error| error.to_string())?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`Keys::seal`] made for this row; `None` if it was made for another row or with other keys.
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
    /// Parses the form of a refresh token; [`Keys::is_refresh_token`] checks whether it is genuine.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("aibr_")?.split('.');
        let session_id = uuid::Uuid::try_parse(parts.next()?).ok()?.to_string().into();
        let generation = parts.next()?.parse().ok().filter(|generation| *generation >= 0)?;
        let mac = URL_SAFE_NO_PAD.decode(parts.next()?).ok().filter(|mac| mac.len() == 32)?;
        parts.next().is_none().then_some(Self { session_id, generation, mac })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &str) -> Keys {
        Keys::derive(&Secret::new(secret), None, JwtAlgorithm::EdDsa)
    }

    #[test]
    fn refresh_tokens_are_bound_to_session_generation_and_nonce() {
        let id = "0199b6a0-0000-7000-8000-000000000000";
        let token = keys("a").refresh_token(&id.into(), 3, b"nonce").unwrap();
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
    fn cookies_claim_the_session_that_they_were_made_for() {
        let ids = ("0199b6a0-0000-7000-8000-000000000000".into(), "0199b6a0-0000-7000-8000-000000000001".into());
        let token = keys("a").browser_token(&ids.0, &ids.1).unwrap().expose().to_owned();
        assert_eq!(keys("a").read_browser_token(&token), Some(ids.clone()));
        let rotated = Keys::derive(&Secret::new("b"), Some(&Secret::new("a")), JwtAlgorithm::EdDsa);
        assert_eq!(rotated.read_browser_token(&token), Some(ids.clone()));
        assert_eq!(keys("b").read_browser_token(&token), None);
        let swapped = keys("a").browser_token(&ids.1.as_str().into(), &ids.0.as_str().into()).unwrap();
        let mac = |token: &str| token.rsplit('.').next().unwrap().to_owned();
        for made_up in [
            String::new(),
            "..".to_owned(),
            token.replace(&mac(&token), &mac(swapped.expose())),
            token.replace(&mac(&token), ""),
            format!("{token}.{}", mac(&token)),
        ] {
            assert_eq!(keys("a").read_browser_token(&made_up), None, "{made_up}");
        }
        // Tokens of forms are made with another key than those of cookies.
        let claim = format!("{}.{}", ids.0, ids.1);
        assert!(!keys("a").is_form_token(&claim, &mac(&token)));
        let form = keys("a").form_token(&claim).unwrap();
        assert!(keys("a").is_form_token(&claim, &form) && !keys("a").is_form_token("other", &form));
        assert!(!keys("b").is_form_token(&claim, &form) && !keys("a").is_form_token(&claim, ""));
    }

    #[test]
    fn heads_of_the_log_have_keys_of_their_own() {
        let (new, old) = (Secret::new("new"), Secret::new("old"));
        let head = TreeHead { size: 1, root: [7; 32], timestamp: crate::domain::Timestamp(0) };
        for algorithm in [JwtAlgorithm::EdDsa, JwtAlgorithm::Hs256] {
            let before = Keys::derive(&old, None, algorithm);
            let keys = Keys::derive(&new, Some(&old), algorithm);
            let published = serde_json::json!(keys.log_keys())["keys"].as_array().unwrap().clone();
            let ids = published.iter().map(|key| key["kid"].as_str().unwrap()).collect::<Vec<_>>();
            assert_eq!(ids, [keys.log_key_id(), before.log_key_id()]);
            for (key, signs) in published.iter().zip([&keys, &before]) {
                let public = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
                let signature = URL_SAFE_NO_PAD.decode(signs.sign_log_head(&head)).unwrap();
                let verifier = Verifier::ed_dsa(&public).unwrap();
                assert!(verifier.verify(head.note().as_bytes(), &signature));
                assert!(!verifier.verify(TreeHead { size: 2, ..head }.note().as_bytes(), &signature));
            }
            let tokens = serde_json::json!(keys.jwks())["keys"].to_string();
            assert!(ids.iter().all(|id| !tokens.contains(id)));
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
