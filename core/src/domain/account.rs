//! What an account consists of: address, name, password, role and status, each parsed once, at the edge.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{
    Secret, ValidationError, ValidationErrorCode,
    api_key::Scope,
    common_passwords,
    visible::{has_visible, is_bidi_control, is_control},
};

/// An e-mail address, compared without regard to case and kept in lower case: one mailbox, one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(format = "email", min_length = 3, max_length = 254, example = "ada@example.com")]
pub struct Email(String);

impl Email {
    /// Reads an address (RFC 5321 form in ASCII, without display name, comments or quotes, at most 254 bytes) at a
    /// domain of the DNS.
    ///
    /// An internationalised domain is written with its A-labels (`xn--…`), so that what is stored has one spelling and
    /// no look-alike letters; nothing outside ASCII is folded into it.
    ///
    /// # Errors
    /// [`ValidationError`] `invalid_email`.
    pub fn parse(text: &str) -> Result<Self, ValidationError> {
        let text = text.trim();
        let options =
            email_address::Options::default().without_display_text().without_domain_literal().with_required_tld();
        let well_formed = email_address::EmailAddress::parse_with_options(text, options).is_ok();
        let is_at_domain = text.rsplit_once('@').is_some_and(|(_, domain)| is_domain(domain));
        if well_formed && is_at_domain && text.is_ascii() && text.len() <= 254 && !text.contains('"') {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(ValidationError::new(
                ValidationErrorCode::InvalidEmail,
                "give an e-mail address, such as ada@example.com",
            ))
        }
    }

    /// Returns the address, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks whether this is a DNS name that mail may go to: at least two labels of letters, digits and hyphens (RFC
/// 1123), the last of them a top-level domain, so that no numeric address passes (RFC 3696, 2).
pub(super) fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        let hyphens = label.as_bytes().get(2..4) == Some(b"--".as_slice());
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
            // Hyphens in the third and fourth place are reserved (RFC 5891, 4.2.3.1), but for A-labels.
            && (!hyphens || is_a_label(label))
    };
    let is_top_level =
        |label: &str| label.len() >= 2 && label.bytes().all(|byte| byte.is_ascii_alphabetic()) || is_a_label(label);
    domain.len() <= 253
        && domain.split('.').all(is_label)
        && domain.rsplit_once('.').is_some_and(|(_, label)| is_top_level(label))
}

fn is_a_label(label: &str) -> bool {
    label.len() > 4 && label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"))
}

/// Checks a person's name and returns it trimmed and in NFC: 1 to 200 characters, at least one of them visible, no
/// control characters, and none that change the direction of the text around them.
///
/// # Errors
/// [`ValidationError`] `invalid_name`.
pub fn full_name(text: &str) -> Result<String, ValidationError> {
    let text = text.trim().nfc().collect::<String>();
    let length = text.chars().count();
    let is_forbidden = |character: char| is_control(character) || is_bidi_control(character);
    if length > 200 || !has_visible(&text) || text.chars().any(is_forbidden) {
        return Err(ValidationError::new(
            ValidationErrorCode::InvalidName,
            "give a name of 1 to 200 characters that can be seen, without control characters",
        ));
    }
    Ok(text)
}

/// A new password, as it was typed.
///
/// It has 8 to 128 characters after NFKC normalisation. It is refused with `password_too_short`, `password_too_long`,
/// `password_too_similar` (to the address, the name or the service), `password_too_common`, `password_invisible` (no
/// character that can be seen) or, where the service looks that up, `password_breached`.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(
    as = Password,
    value_type = String,
    format = Password,
    min_length = 8,
    max_length = 128,
    example = "correct horse battery staple"
)]
pub struct ChosenPassword(pub Secret);

/// Normalises a password to log in with (NFKC), so that two keyboards agree; no other rule is applied here.
#[must_use]
pub fn presented_password(text: &Secret) -> Secret {
    Secret::new(text.expose().nfkc().collect::<String>())
}

/// Checks a password to be set and returns it in NFKC: 8 to 128 characters, not all of them invisible, not a common one
/// ([`common_passwords`]), and neither the address, its local part, the first label of its domain (of 4 letters or
/// more) nor the name, whatever digits and punctuation are put before or after.
///
/// # Errors
/// [`ValidationError`] `password_too_short`, `password_too_long`, `password_invisible`, `password_too_similar` or
/// `password_too_common`.
pub fn new_password(text: &Secret, email: Option<&Email>, name: Option<&str>) -> Result<Secret, ValidationError> {
    let password = presented_password(text);
    match password.expose().chars().count() {
        0..8 => {
            return Err(ValidationError::new(
                ValidationErrorCode::PasswordTooShort,
                "a password has at least 8 characters",
            ));
        }
        8..=128 => {}
        _ => {
            return Err(ValidationError::new(
                ValidationErrorCode::PasswordTooLong,
                "a password has at most 128 characters",
            ));
        }
    }
    if !has_visible(password.expose()) {
        return Err(ValidationError::new(
            ValidationErrorCode::PasswordInvisible,
            "a password has at least one character that can be seen",
        ));
    }
    let lower = Zeroizing::new(password.expose().to_lowercase());
    let (local_part, domain) = email.and_then(|email| email.as_str().split_once('@')).unzip();
    let label = domain.and_then(|domain| domain.split('.').next()).filter(|label| label.len() >= 4);
    let personal = [email.map(Email::as_str), local_part, label, name];
    if personal.into_iter().flatten().any(|own| is_similar(&lower, &own.nfkc().collect::<String>().to_lowercase())) {
        return Err(ValidationError::new(
            ValidationErrorCode::PasswordTooSimilar,
            "a password is not the address or the name, with or without digits",
        ));
    }
    if common_passwords::contains(password.expose()) {
        return Err(ValidationError::new(
            ValidationErrorCode::PasswordTooCommon,
            "this password is one of the first that a guesser tries",
        ));
    }
    Ok(password)
}

/// Checks whether both texts, which are in lower case, are the same but for characters at either end that are not
/// letters.
fn is_similar(password: &str, own: &str) -> bool {
    let is_filler = |character: char| !character.is_alphabetic();
    let (password_core, own_core) = (password.trim_matches(is_filler), own.trim_matches(is_filler));
    password == own || (!own_core.is_empty() && password_core == own_core)
}

/// Returns the SHA-256 of a random token, the only thing that is stored of the token.
#[must_use]
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

/// Whether somebody may log in and use their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// They may.
    Active,
    /// An administrator has suspended them.
    Suspended,
}

impl AccountStatus {
    /// Returns the name of the status in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
        }
    }

    /// Returns the status with this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Active, Self::Suspended].into_iter().find(|status| status.as_str() == name)
    }
}

/// What somebody may do besides what everybody may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Nothing.
    User,
    /// Publish, where the deployment lets only some.
    Publisher,
    /// Ask about keys that are shown to a service.
    Service,
    /// Administer the deployment, and publish.
    Admin,
}

impl Role {
    /// Returns the name of the role in the database and on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Publisher => "publisher",
            Self::Service => "service",
            Self::Admin => "admin",
        }
    }

    /// Returns the role with this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::User, Self::Publisher, Self::Service, Self::Admin].into_iter().find(|role| role.as_str() == name)
    }

    /// Checks whether the role may administer the deployment.
    #[must_use]
    pub fn administers(self) -> bool {
        self == Self::Admin
    }

    /// Checks whether the role may publish where the deployment restricts publishing.
    #[must_use]
    pub fn publishes(self) -> bool {
        matches!(self, Self::Publisher | Self::Admin)
    }

    /// Checks whether keys of the role may verify everybody's keys.
    #[must_use]
    pub fn serves(self) -> bool {
        self == Self::Service
    }
}

/// Who may publish results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publishing {
    /// Whoever has a key with the scope.
    Open,
    /// Only keys whose owner is a publisher or an administrator.
    Roles,
}

impl Publishing {
    /// Checks whether the scope works only in keys of users who may publish.
    #[must_use]
    pub fn needs_publisher(self, scope: Scope) -> bool {
        self == Self::Roles && scope.publishes()
    }

    /// Finds the first of the scopes that does not work in keys of users of this role.
    #[must_use]
    pub fn refused_scope(self, role: Role, scopes: &[Scope]) -> Option<Scope> {
        scopes.iter().copied().find(|scope| self.needs_publisher(*scope) && !role.publishes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_roles_publish_other_roles_only_read() {
        let scopes = [Scope::LeaderboardRead, Scope::ModelsWrite, Scope::ResultsWrite];
        for role in [Role::User, Role::Service] {
            assert_eq!(Publishing::Roles.refused_scope(role, &scopes), Some(Scope::ModelsWrite));
            assert_eq!(Publishing::Roles.refused_scope(role, &[Scope::LeaderboardRead]), None);
            assert_eq!(Publishing::Open.refused_scope(role, &scopes), None);
        }
        for role in [Role::Publisher, Role::Admin] {
            assert_eq!(Publishing::Roles.refused_scope(role, &scopes), None);
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(Email::parse("  Ada@Example.COM ").unwrap().as_str(), "ada@example.com");
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "a b@example.com",
            "ada@localhost",
            "ada@exa+ple.com",
            "ada@-example.com",
            "ada@example..com",
            "adä@example.com",
            "Ada <ada@example.com>",
            "ada@[127.0.0.1]",
            "a@b.c\r\nBcc: x@y.z",
            // No domains: numeric addresses, a dot at an end, labels and names that are too long or reserved.
            "ada@127.0.0.1",
            "ada@192.0.2.1.",
            "ada@example.1",
            "ada@2130706433",
            "ada@[IPv6:::1]",
            "ada@example.com.",
            "ada@.example.com",
            "ada@example.c",
            "ada@example.c0m",
            "ada@ab--c.example",
            "ada@xn--.example",
            &format!("ada@{}.com", "a".repeat(64)),
            &format!("ada@{}com", "abcdefghi.".repeat(26)),
            // Dots and letters that look like those of ASCII, or are folded into them.
            "ada@evil。example",
            "ada@evil．example",
            "ada@ｅxample.com",
            "ada@exаmple.com",
            "\u{212a}im@example.com",
            "ada@\u{212a}ey.com",
            "ada@example.com\u{200b}",
            "ada@müller.example",
            &long,
        ] {
            assert_eq!(Email::parse(bad).unwrap_err().code, ValidationErrorCode::InvalidEmail, "{bad}");
        }
    }

    #[test]
    fn one_spelling_of_a_domain() {
        for (typed, stored) in [
            ("ada@XN--MLLER-KVA.Example", "ada@xn--mller-kva.example"),
            ("ada@mail.xn--p1ai", "ada@mail.xn--p1ai"),
            ("\u{3000}a.d+a@a-b.co.uk ", "a.d+a@a-b.co.uk"),
            ("ada@1.2.3.example", "ada@1.2.3.example"),
        ] {
            assert_eq!(Email::parse(typed).unwrap().as_str(), stored);
        }
    }

    #[test]
    fn names_can_be_seen() {
        for name in ["Ada Lovelace", "李雷", "نازنین\u{200c}زهرا", "\u{1f469}\u{200d}\u{1f4bb}", "O'Brien-Smith Jr."]
        {
            assert_eq!(full_name(name).unwrap(), name);
        }
        for name in [
            "",
            "\u{200b}",
            "\u{3164}\u{2800}",
            "Ada\u{202e}ecalevoL",
            "A\u{2066}b",
            "a\nb",
            "a\u{2028}b",
            &"é".repeat(201),
        ] {
            assert_eq!(full_name(name).unwrap_err().code, ValidationErrorCode::InvalidName, "{name:?}");
        }
    }

    #[test]
    fn passwords() {
        let email = Email::parse("adalovelace@example.com").unwrap();
        let check = |text: &str| {
            new_password(&Secret::new(text), Some(&email), Some("Ada Lovelace"))
                .map_err(|refusal| refusal.code.as_str())
        };
        assert!(check("correct horse").is_ok());
        assert_eq!(check("seven77"), Err("password_too_short"));
        assert_eq!(check(&"é".repeat(129)), Err("password_too_long"));
        assert!(check(&"é".repeat(128)).is_ok());
        assert_eq!(check("AdaLovelace"), Err("password_too_similar"));
        assert_eq!(check("ADA LOVELACE"), Err("password_too_similar"));
        for similar in ["adalovelace@example.com", "AdaLovelace1815!", "42 ada lovelace", "example1", "Example.2026"] {
            assert_eq!(check(similar), Err("password_too_similar"), "{similar}");
        }
        for common in ["Password123", "QWERTYUIOP", "aibaas-2026", "\u{ff50}assword1"] {
            assert_eq!(check(common), Err("password_too_common"), "{common}");
        }
        for invisible in [" ".repeat(8), "\u{200b}\u{3164}\u{feff}\u{2800}".repeat(2), "\u{e0061}\u{a0}".repeat(4)] {
            assert_eq!(check(&invisible), Err("password_invisible"), "{invisible:?}");
        }
        assert!(check(&format!("{}é", "\u{200b}".repeat(7))).is_ok());
        // A name or an address with more letters is another password.
        assert!(check("adalovelace and a horse").is_ok());
        assert!(check("my example of a password").is_ok());
        // An address of digits is not every password of digits; a short domain is no word.
        let digits = Email::parse("19151129@abc.org").unwrap();
        let check =
            |text: &str| new_password(&Secret::new(text), Some(&digits), None).map_err(|refusal| refusal.code.as_str());
        assert_eq!(check("19151129"), Err("password_too_similar"));
        assert!(check("92115191").is_ok() && check("abc-92115191").is_ok());
        // The same password from two keyboards: composed and decomposed.
        assert_eq!(
            presented_password(&Secret::new("caf\u{e9} \u{fb01}x")),
            presented_password(&Secret::new("cafe\u{301} fix"))
        );
    }
}
