//! Codes of an authenticator (RFC 6238): HMAC-SHA-1, 30 seconds, 6 digits, which is what every authenticator supports.

use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use qrcode2::{Color, EcLevel, QrCode};
use sha1::Sha1;
use subtle::{ConditionallySelectable as _, ConstantTimeEq as _, ConstantTimeGreater as _};
use zeroize::Zeroizing;

use super::Secret;
use crate::domain::Timestamp;

/// Length of a secret in bytes: that of SHA-1's output (RFC 4226, 4).
const SECRET_BYTES: usize = 20;
const STEP_SECONDS: i64 = 30;
const DIGITS: u32 = 6;
const ISSUER: &str = "AIBaaS";
/// Characters to encode in a URI: all but the unreserved ones (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Width of the light border around a QR code, in modules (ISO/IEC 18004).
const QUIET_ZONE: usize = 4;

/// A secret from which every code of an authenticator follows.
pub struct TotpSecret(Zeroizing<[u8; SECRET_BYTES]>);

/// A code of six digits that somebody typed.
#[derive(Clone, Copy)]
pub struct TotpCode(u32);

impl std::fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl TotpCode {
    /// Parses six ASCII digits; spaces are ignored, since authenticators show some.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.chars().filter(|character| *character != ' ').collect::<String>();
        let is_code = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|_| is_code).map(Self)
    }
}

impl TotpSecret {
    /// Creates the secret of these random bytes.
    #[must_use]
    pub fn new(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Creates the secret of stored bytes; `None` unless there are [`SECRET_BYTES`].
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::new)
    }

    /// Returns the bytes to be stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }

    /// Returns the secret for a person to type: base32 (RFC 4648, 6) without padding.
    #[must_use]
    pub fn base32(&self) -> Secret {
        Secret::new(BASE32_NOPAD.encode(self.as_bytes()))
    }

    /// Returns the secret for an authenticator to read, in the Key URI Format.
    #[must_use]
    pub fn uri(&self, account: &str) -> Secret {
        let account = utf8_percent_encode(account, RESERVED);
        let secret = self.base32();
        Secret::new(format!(
            "otpauth://totp/{ISSUER}:{account}?secret={}&issuer={ISSUER}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}",
            secret.expose()
        ))
    }

    /// Returns the time step that the code is of, from one before `now`'s to one after it (RFC 6238, 5.2), if it is
    /// newer than `last_step`: with the step stored as the next `last_step`, a code is accepted once.
    ///
    /// Of several steps that match it returns the newest, so that none of the others can be used later. It takes the
    /// same time whatever matches.
    #[must_use]
    pub fn matching_step(&self, code: TotpCode, now: Timestamp, last_step: i64) -> Option<i64> {
        let current = now.seconds().div_euclid(STEP_SECONDS);
        let last_step = u64::try_from(last_step).unwrap_or(0);
        let mut matching = 0_u64;
        for step in [current.saturating_sub(1), current, current.saturating_add(1)] {
            let step = u64::try_from(step).unwrap_or(0);
            let is_new_match = self.code(step, DIGITS)?.ct_eq(&code.0) & step.ct_gt(&last_step);
            matching.conditional_assign(&step, is_new_match);
        }
        i64::try_from(matching).ok().filter(|step| *step > 0)
    }

    /// Computes the code of a step (RFC 4226, 5.3). `None` never happens: HMAC takes any key and its output is long
    /// enough.
    fn code(&self, step: u64, digits: u32) -> Option<u32> {
        let mac = Hmac::<Sha1>::new_from_slice(self.as_bytes()).ok()?.chain_update(step.to_be_bytes());
        let mac = mac.finalize().into_bytes();
        let offset = usize::from(mac.last()? & 0x0f);
        let truncated = u32::from_be_bytes(*mac.get(offset..)?.first_chunk()?) & 0x7fff_ffff;
        truncated.checked_rem(10_u32.checked_pow(digits)?)
    }
}

/// Draws the text as a QR code: an SVG of one path on white, which refers to nothing outside of it.
///
/// # Errors
/// When the text is too long for a QR code: more than 2,331 bytes.
pub fn qr_svg(text: &str) -> Result<String, String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|error| error.to_string())?;
    let width = code.width();
    let side = width.saturating_add(QUIET_ZONE.saturating_mul(2));
    let mut path = String::new();
    for (row, modules) in code.into_colors().chunks(width).enumerate() {
        let mut column = 0_usize;
        for run in modules.chunk_by(|left, right| left == right) {
            if run.first() == Some(&Color::Dark) {
                let (x, y) = (column.saturating_add(QUIET_ZONE), row.saturating_add(QUIET_ZONE));
                path.push_str(&format!("M{x} {y}h{0}v1h-{0}z", run.len()));
            }
            column = column.saturating_add(run.len());
        }
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\" \
         role=\"img\" aria-label=\"QR code\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\
         <path d=\"{path}\" fill=\"#000\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    const RFC_SECRET: [u8; SECRET_BYTES] = *b"12345678901234567890";

    fn secret() -> TotpSecret {
        TotpSecret::new(RFC_SECRET)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    fn code_of(step: u64) -> TotpCode {
        TotpCode(secret().code(step, DIGITS).unwrap())
    }

    #[test]
    fn rfc_6238_appendix_b() {
        for (seconds, code) in [
            (59_u64, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ] {
            assert_eq!(secret().code(seconds / 30, 8), Some(code), "{seconds}");
            let six = TotpCode(code % 1_000_000);
            let now = at(i64::try_from(seconds).unwrap());
            assert_eq!(secret().matching_step(six, now, 0), Some(now.seconds() / 30));
        }
    }

    #[test]
    fn rfc_4226_appendix_d() {
        let codes = [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(secret().code(counter, DIGITS), Some(code));
        }
    }

    #[test]
    fn a_code_counts_one_step_early_and_one_late() {
        let code = code_of(1000);
        for (seconds, expected) in
            [(29_969, None), (29_970, Some(1000)), (30_000, Some(1000)), (30_059, Some(1000)), (30_060, None)]
        {
            assert_eq!(secret().matching_step(code, at(seconds), 0), expected, "{seconds}");
        }
        assert_eq!(TotpSecret::new([1; 20]).matching_step(code, at(30_000), 0), None);
    }

    #[test]
    fn a_code_counts_once_and_none_before_it() {
        let now = at(30_000);
        assert_eq!(secret().matching_step(code_of(1000), now, 999), Some(1000));
        assert_eq!(secret().matching_step(code_of(1000), now, 1000), None);
        assert_eq!(secret().matching_step(code_of(999), now, 1000), None);
        assert_eq!(secret().matching_step(code_of(1001), now, 1000), Some(1001));
    }

    #[test]
    fn codes_as_people_type_them() {
        for text in ["287082", " 287 082 ", "2 8 7 0 8 2"] {
            assert_eq!(TotpCode::parse(text).map(|code| code.0), Some(287_082), "{text}");
        }
        assert_eq!(TotpCode::parse("000012").map(|code| code.0), Some(12));
        for text in ["", "28708", "2870820", "+87082", "-87082", "28708a", "287-082", "２８７０８２", "287\t082"]
        {
            assert!(TotpCode::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_uri_is_of_the_key_uri_format() {
        assert_eq!(secret().base32().expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            secret().uri("ada+1@example.com").expose(),
            "otpauth://totp/AIBaaS:ada%2B1%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=AIBaaS\
             &algorithm=SHA1&digits=6&period=30"
        );
    }

    /// Draws the SVG's path as a viewer would, ten dots a unit, and reads the picture.
    fn scan(svg: &str) -> String {
        let attribute = |name: &str| svg.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap();
        let side = attribute("viewBox").split(' ').next_back().unwrap().parse::<usize>().unwrap();
        let mut dark = vec![false; side * side];
        for run in attribute("d").split_terminator('z') {
            let (position, lines) = run.strip_prefix('M').unwrap().split_once('h').unwrap();
            let (x, y) = position.split_once(' ').unwrap();
            let (length, back) = lines.split_once("v1h-").unwrap();
            assert_eq!(length, back);
            let start = y.parse::<usize>().unwrap() * side + x.parse::<usize>().unwrap();
            dark[start..start + length.parse::<usize>().unwrap()].fill(true);
        }
        let mut picture =
            rqrr::PreparedImage::prepare_from_bitmap(side * 10, side * 10, |x, y| dark[y / 10 * side + x / 10]);
        let grids = picture.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    #[test]
    fn the_qr_code_says_the_uri() {
        for account in ["a@b.example", "ada@example.com", &format!("{}@example.com", "a".repeat(242))] {
            let uri = secret().uri(account);
            let svg = qr_svg(uri.expose()).unwrap();
            assert_eq!(scan(&svg), uri.expose());
            assert!(account.len() > 100 || svg.len() < 10_000, "{}", svg.len());
        }
        assert!(qr_svg(&"a".repeat(2332)).is_err());
    }
}
