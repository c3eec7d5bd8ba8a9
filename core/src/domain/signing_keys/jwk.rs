use serde::Serialize;
use utoipa::ToSchema;

/// Public keys: a JWK set (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
pub struct Jwks {
    /// The current key first, then the previous one while it still verifies. Of access tokens empty with HS256, whose
    /// keys are nobody else's.
    pub keys: Vec<Jwk>,
}

/// A public key of Ed25519 (RFC 8037).
#[derive(Debug, Serialize, ToSchema)]
pub struct Jwk {
    #[schema(extensions(("x-const" = json!("OKP"))))]
    kty: &'static str,
    #[schema(extensions(("x-const" = json!("Ed25519"))))]
    crv: &'static str,
    #[schema(extensions(("x-const" = json!("EdDSA"))))]
    alg: &'static str,
    #[schema(extensions(("x-const" = json!("sig"))))]
    r#use: &'static str,
    #[schema(min_length = 1, max_length = 128, example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
    kid: String,
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$", example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    x: String,
}

impl Jwk {
    /// Describes the key `x`, in base64url, by its id.
    pub(super) fn new(kid: String, x: String) -> Self {
        Self { kty: "OKP", crv: "Ed25519", alg: "EdDSA", r#use: "sig", kid, x }
    }
}
