use std::sync::Arc;

use jwt_compact::{Claims, Header};
use serde::{Deserialize, Serialize};

use super::{Keys, token_cache::TokenId};
use crate::domain::{Secret, SessionId, Timestamp, UserId, account::Role, jws::Unverified};

/// Lifetime of an access token, in seconds.
pub const ACCESS_TOKEN_SECONDS: i64 = 900;
const TOKEN_TYPE: &str = "at+jwt";

/// Claims of an access token (RFC 9068).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Issuer: the API's base URL.
    pub iss: String,
    /// Audience: the API's base URL, like the issuer.
    pub aud: String,
    /// Id of the user.
    pub sub: UserId,
    /// Id of the user's session.
    pub sid: SessionId,
    /// Id of the token itself.
    pub jti: String,
    /// E-mail address of the user.
    pub email: String,
    /// Role of the user.
    pub role: Role,
}

/// Why an access token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// The token is not one of ours.
    Invalid,
    /// The token is ours, but too old.
    Expired,
}

impl Keys {
    /// Signs an access token that lives [`ACCESS_TOKEN_SECONDS`].
    ///
    /// # Errors
    /// When the claims cannot be written as JSON.
    pub fn sign_access_token(&self, claims: AccessClaims, now: Timestamp) -> Result<Secret, String> {
        let header = Header::empty().with_key_id(self.current.id.clone()).with_token_type(TOKEN_TYPE);
        let mut claims = Claims::new(claims);
        claims.issued_at = chrono::DateTime::from_timestamp(now.seconds(), 0);
        claims.expiration = chrono::DateTime::from_timestamp(now.seconds().saturating_add(ACCESS_TOKEN_SECONDS), 0);
        self.current.signer.token(&header, &claims).map(Secret::new).map_err(|error| error.to_string())
    }

    /// Verifies an access token and returns its claims: only the configured algorithm, only our type, issuer and
    /// audience (RFC 8725). The signature of a token that was accepted before is not computed again.
    ///
    /// # Errors
    /// A [`TokenError`] that says why it is not accepted.
    pub fn verify_access_token(&self, token: &str, issuer: &str, now: Timestamp) -> Result<AccessClaims, TokenError> {
        let id = TokenId::of(token);
        if let Some(claims) = self.verified.get(id) {
            return accepted(&claims, issuer, now);
        }
        let claims = self.genuine(token).map(Arc::new).ok_or(TokenError::Invalid)?;
        let accepted = accepted(&claims, issuer, now)?;
        self.verified.insert(id, claims);
        Ok(accepted)
    }

    /// Returns the claims of an access token that these keys signed, whenever that was.
    fn genuine(&self, token: &str) -> Option<Claims<AccessClaims>> {
        let token = Unverified::parse(token).filter(|token| token.token_type() == Some(TOKEN_TYPE))?;
        let set = self.sets().find(|set| token.key_id() == Some(&set.id))?;
        serde_json::from_slice(&token.payload(&set.verifier)?).ok()
    }
}

fn accepted(claims: &Claims<AccessClaims>, issuer: &str, now: Timestamp) -> Result<AccessClaims, TokenError> {
    let expires = claims.expiration.ok_or(TokenError::Invalid)?.timestamp();
    let early = claims.not_before.is_some_and(|time| time.timestamp() > now.seconds());
    if early || claims.custom.iss != issuer || claims.custom.aud != issuer {
        return Err(TokenError::Invalid);
    }
    if expires <= now.seconds() {
        return Err(TokenError::Expired);
    }
    Ok(claims.custom.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jws::{JwtAlgorithm, Signer};

    const NOW: Timestamp = Timestamp(1_795_395_723_004);
    const BOTH: [JwtAlgorithm; 2] = [JwtAlgorithm::EdDsa, JwtAlgorithm::Hs256];

    fn keys(secret: &str, algorithm: JwtAlgorithm) -> Keys {
        Keys::derive(&Secret::new(secret), None, algorithm)
    }

    fn claims() -> AccessClaims {
        let text = |text: &str| text.to_owned();
        AccessClaims {
            iss: text("i"),
            aud: text("i"),
            sub: "u".into(),
            sid: "s".into(),
            jti: text("j"),
            email: text("e"),
            role: Role::User,
        }
    }

    fn token_of(keys: &Keys) -> Secret {
        keys.sign_access_token(claims(), NOW).unwrap()
    }

    #[test]
    fn a_token_lives_fifteen_minutes_under_its_own_key() {
        for algorithm in BOTH {
            let token = token_of(&keys("a", algorithm));
            let verify = |keys: &Keys, issuer, now| keys.verify_access_token(token.expose(), issuer, now);
            let same = keys("a", algorithm);
            assert_eq!(verify(&same, "i", NOW), Ok(claims()));
            assert_eq!(verify(&same, "i", NOW.plus_seconds(899)), Ok(claims()));
            // From here on the token is in the cache; its claims are checked all the same.
            for keys in [&same, &keys("a", algorithm)] {
                assert_eq!(verify(keys, "i", NOW.plus_seconds(900)), Err(TokenError::Expired));
                assert_eq!(verify(keys, "other", NOW), Err(TokenError::Invalid));
            }
            assert_eq!(verify(&keys("b", algorithm), "i", NOW), Err(TokenError::Invalid));
            let rotated = Keys::derive(&Secret::new("b"), Some(&Secret::new("a")), algorithm);
            assert_eq!(verify(&rotated, "i", NOW), Ok(claims()));
        }
    }

    #[test]
    fn a_token_for_later_is_refused() {
        let keys = keys("a", JwtAlgorithm::EdDsa);
        let header = Header::empty().with_key_id(keys.current.id.clone()).with_token_type(TOKEN_TYPE);
        let mut later = Claims::new(claims());
        later.not_before = chrono::DateTime::from_timestamp(NOW.seconds() + 10, 0);
        later.expiration = chrono::DateTime::from_timestamp(NOW.seconds() + 20, 0);
        let token = keys.current.signer.token(&header, &later).unwrap();
        let verify = |seconds| keys.verify_access_token(&token, "i", NOW.plus_seconds(seconds));
        assert_eq!(verify(9), Err(TokenError::Invalid));
        assert_eq!(verify(10), Ok(claims()));
        assert_eq!(verify(9), Err(TokenError::Invalid));
        assert_eq!(verify(20), Err(TokenError::Expired));
        later.expiration = None;
        let token = keys.current.signer.token(&header, &later).unwrap();
        assert_eq!(keys.verify_access_token(&token, "i", NOW.plus_seconds(10)), Err(TokenError::Invalid));
    }

    #[test]
    fn only_the_configured_algorithm_type_and_key_are_accepted() {
        let (eddsa, hs256) = (keys("a", JwtAlgorithm::EdDsa), keys("a", JwtAlgorithm::Hs256));
        let refused = |keys: &Keys, token: &str| {
            assert_eq!(keys.verify_access_token(token, "i", NOW), Err(TokenError::Invalid), "{token}");
        };
        refused(&eddsa, token_of(&hs256).expose());
        refused(&hs256, token_of(&eddsa).expose());

        let mut good = Claims::new(claims());
        good.expiration = chrono::DateTime::from_timestamp(NOW.seconds() + 1, 0);
        let public = serde_json::json!(eddsa.jwks())["keys"][0]["x"].as_str().unwrap().to_owned();
        for (keys, other) in [(&eddsa, &hs256), (&hs256, &eddsa)] {
            let header = Header::empty().with_key_id(keys.current.id.clone()).with_token_type(TOKEN_TYPE);
            let sign = |signer: &Signer, header: &Header| signer.token(header, &good).unwrap();
            assert!(keys.verify_access_token(&sign(&keys.current.signer, &header), "i", NOW).is_ok());
            // The other algorithm's own key under this one's id, and the public key as an HMAC key.
            refused(keys, &sign(&other.current.signer, &header));
            refused(keys, &sign(&Signer::hs256(public.as_bytes()), &header));
            // Right key, wrong header.
            refused(keys, &sign(&keys.current.signer, &header.clone().with_token_type("JWT")));
            refused(keys, &sign(&keys.current.signer, &header.clone().with_key_id(other.current.id.clone())));
            refused(keys, &sign(&keys.current.signer, &Header::empty().with_token_type(TOKEN_TYPE)));
        }
    }

    #[test]
    fn a_symmetric_key_is_never_published() {
        let (secret, previous) = (Secret::new("a"), Secret::new("b"));
        let published = |algorithm| Keys::derive(&secret, Some(&previous), algorithm).jwks().keys.len();
        assert_eq!((published(JwtAlgorithm::EdDsa), published(JwtAlgorithm::Hs256)), (2, 0));
    }

    #[test]
    fn a_repeated_token_costs_no_signature_check() {
        for algorithm in BOTH {
            let mut keys = keys("a", algorithm);
            let (known, unknown) = (token_of(&keys), token_of(&keys).expose().to_owned() + "A");
            assert_eq!(keys.verify_access_token(known.expose(), "i", NOW), Ok(claims()));
            // With this verifier any check fails.
            keys.current.verifier = Signer::ed_dsa(&[9; 32]).verifier();
            assert_eq!(keys.verify_access_token(known.expose(), "i", NOW), Ok(claims()));
            assert_eq!(keys.verify_access_token(&unknown, "i", NOW), Err(TokenError::Invalid));
        }
    }

    #[test]
    fn a_tampered_token_is_not_taken_for_a_known_one() {
        let keys = keys("a", JwtAlgorithm::EdDsa);
        let token = token_of(&keys);
        assert!(keys.verify_access_token(token.expose(), "i", NOW).is_ok());
        for place in 0..token.expose().len() {
            let mut bytes = token.expose().as_bytes().to_vec();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let tampered = String::from_utf8(bytes).unwrap();
            assert_eq!(keys.verify_access_token(&tampered, "i", NOW), Err(TokenError::Invalid), "{tampered}");
        }
        assert_eq!(keys.verified.len(), 1);
    }

    #[test]
    fn only_accepted_tokens_are_kept_and_only_so_many() {
        let mut keys = keys("a", JwtAlgorithm::Hs256);
        let token =
            |number: usize| keys.sign_access_token(AccessClaims { jti: number.to_string(), ..claims() }, NOW).unwrap();
        let tokens = (0..5000).map(token).collect::<Vec<_>>();
        assert!(keys.verify_access_token(tokens[0].expose(), "other", NOW).is_err());
        assert!(keys.verify_access_token(tokens[0].expose(), "i", NOW.plus_seconds(900)).is_err());
        assert!(keys.verify_access_token("a.b.c", "i", NOW).is_err());
        assert_eq!(keys.verified.len(), 0);
        for token in &tokens {
            assert!(keys.verify_access_token(token.expose(), "i", NOW).is_ok());
        }
        assert_eq!(keys.verified.len(), 4096);
        keys.current.verifier = Signer::ed_dsa(&[9; 32]).verifier();
        assert!(keys.verify_access_token(tokens[4999].expose(), "i", NOW).is_ok());
        assert!(keys.verify_access_token(tokens[0].expose(), "i", NOW).is_err());
    }
}
