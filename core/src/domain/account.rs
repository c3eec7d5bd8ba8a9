//! What an account is made of: address, name, password; parsed once, at the edge.

use sha2::{Digest as _, Sha256};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::{Secret, common_passwords};

/// Why a value is refused: a stable code and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `lower_snake_case`, stable.
    pub code: &'static str,
    /// For a person.
    pub detail: String,
}

/// A refusal.
pub(crate) fn refuse(code: &'static str, detail: impl Into<String>) -> Refusal {
    Refusal { code, detail: detail.into() }
}

/// An address, trimmed and in lower case: one mailbox, one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address (RFC 5321 form in ASCII, without display name, comments or quotes, at most 254 bytes).
    ///
    /// # Errors
    /// [`Refusal`] `invalid_email`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let text = text.trim().to_lowercase();
        let options =
            email_address::Options::default().without_display_text().without_domain_literal().with_required_tld();
        let well_formed = email_address::EmailAddress::parse_with_options(&text, options).is_ok();
        // Ours to check: that the domain is a host name (RFC 1123), and that providers take the rest.
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let is_host = text.rsplit_once('@').is_some_and(|(_, domain)| domain.split('.').all(is_label));
        if well_formed && is_host && text.is_ascii() && text.len() <= 254 && !text.contains('"') {
            Ok(Self(text))
        } else {
            Err(refuse("invalid_email", "give an e-mail address, such as ada@example.com"))
        }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person's name as they write it: 1–200 characters, no control characters.
///
/// # Errors
/// [`Refusal`] `invalid_name`.
pub fn full_name(text: &str) -> Result<String, Refusal> {
    let text = text.trim().nfc().collect::<String>();
    let length = text.chars().count();
    if length == 0 || length > 200 || text.chars().any(char::is_control) {
        return Err(refuse("invalid_name", "give a name of 1 to 200 characters, without control characters"));
    }
    Ok(text)
}

/// A password to log in with: normalised (NFKC), so that two keyboards agree; nothing else is asked of it here.
#[must_use]
pub fn presented_password(text: &Secret) -> Secret {
    Secret::new(text.expose().nfkc().collect::<String>())
}

/// A password to be set: 8–128 characters after NFKC, not a common one ([`common_passwords`]), and neither the address,
/// its local part, the first label of its domain (of 4 letters or more) nor the name, whatever digits and punctuation
/// are put before or after.
///
/// # Errors
/// [`Refusal`] `password_too_short`, `password_too_long`, `password_too_similar` or `password_too_common`.
pub fn new_password(text: &Secret, email: Option<&Email>, name: Option<&str>) -> Result<Secret, Refusal> {
    let password = presented_password(text);
    match password.expose().chars().count() {
        0..8 => return Err(refuse("password_too_short", "a password has at least 8 characters")),
        8..=128 => {}
        _ => return Err(refuse("password_too_long", "a password has at most 128 characters")),
    }
    let lower = Zeroizing::new(password.expose().to_lowercase());
    let (local_part, domain) = email.and_then(|email| email.as_str().split_once('@')).unzip();
    let label = domain.and_then(|domain| domain.split('.').next()).filter(|label| label.len() >= 4);
    let personal = [email.map(Email::as_str), local_part, label, name];
    if personal.into_iter().flatten().any(|own| is_similar(&lower, &own.nfkc().collect::<String>().to_lowercase())) {
        return Err(refuse(
            "password_too_similar",
            "a password is not the address or the name, with or without digits",
        ));
    }
    if common_passwords::contains(password.expose()) {
        return Err(refuse("password_too_common", "this password is one of the first that a guesser tries"));
    }
    Ok(password)
}

/// Whether they are the same but for what is no letter at either end. Both are in lower case.
fn is_similar(password: &str, own: &str) -> bool {
    let is_filler = |character: char| !character.is_alphabetic();
    let (password_core, own_core) = (password.trim_matches(is_filler), own.trim_matches(is_filler));
    password == own || (!own_core.is_empty() && password_core == own_core)
}

/// SHA-256 of a random token: all that is stored of it.
#[must_use]
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            &long,
        ] {
            assert_eq!(Email::parse(bad).unwrap_err().code, "invalid_email", "{bad}");
        }
    }

    #[test]
    fn passwords() {
        let email = Email::parse("adalovelace@example.com").unwrap();
        let check = |text: &str| {
            new_password(&Secret::new(text), Some(&email), Some("Ada Lovelace")).map_err(|refusal| refusal.code)
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
        // Letters that say more are another password.
        assert!(check("adalovelace and a horse").is_ok());
        assert!(check("my example of a password").is_ok());
        // An address of digits is not every password of digits; a short domain is no word.
        let digits = Email::parse("19151129@abc.org").unwrap();
        let check = |text: &str| new_password(&Secret::new(text), Some(&digits), None).map_err(|refusal| refusal.code);
        assert_eq!(check("19151129"), Err("password_too_similar"));
        assert!(check("92115191").is_ok() && check("abc-92115191").is_ok());
        // The same password from two keyboards: composed and decomposed.
        assert_eq!(
            presented_password(&Secret::new("caf\u{e9} \u{fb01}x")),
            presented_password(&Secret::new("cafe\u{301} fix"))
        );
    }
}
