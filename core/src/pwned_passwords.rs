//! Passwords from other sites' breaches, looked up by k-anonymity: the service learns the first 20 bits of a SHA-1 and
//! answers with every hash that begins so, in the manner of <https://haveibeenpwned.com/API/v3#PwnedPasswords>.

use data_encoding::HEXUPPER;
use http::Method;
use sha1::{Digest as _, Sha1};

use crate::{
    app::App,
    domain::{Secret, ValidationError, ValidationErrorCode},
    ports::{Destination, OutboundRequest},
};

const TIMEOUT_MS: u32 = 2_000;

/// Checks whether the password, normalised, is in the list at `BREACHED_PASSWORDS_URL`.
///
/// Returns false without that setting, and also when the service cannot be reached or understood: its outage is no
/// reason to turn people away. The failure is logged, without what was asked.
pub async fn is_pwned(app: &App, password: &Secret) -> bool {
    let Some(url) = &app.config().breached_passwords_url else { return false };
    let hash = Secret::new(HEXUPPER.encode(&Sha1::digest(password.expose())));
    let Some((prefix, suffix)) = hash.expose().split_at_checked(5) else { return false };
    let request = OutboundRequest {
        destination: Destination::Configured,
        method: Method::GET,
        url: format!("{url}/{prefix}"),
        headers: vec![
            // Padding makes answers of similar length, so that an observer of the connection does not see which one it
            // was.
            ("add-padding", Secret::new("true")),
            ("user-agent", Secret::new(concat!("aibaas/", env!("CARGO_PKG_VERSION")))),
        ],
        body: Vec::new(),
        timeout_ms: TIMEOUT_MS,
    };
    let failure = match app.ports().http_client.send(request).await {
        Ok(answer) if answer.status == 200 => match times_seen(&answer.body, suffix) {
            Some(times) => return times > 0,
            None => "its answer is no list of hashes".to_owned(),
        },
        Ok(answer) => format!("it answered {}", answer.status),
        // Some hosts name the URL in their errors.
        Err(error) => error.to_string().replace(prefix, "…"),
    };
    tracing::warn!(error = %failure, "a new password was not looked up among the breached ones");
    false
}

/// Creates the error for a breached password.
pub fn refusal() -> ValidationError {
    ValidationError::new(
        ValidationErrorCode::PasswordBreached,
        "this password is in a list that was stolen elsewhere; choose another",
    )
}

/// Returns the count beside the hash in lines of `35 hexadecimal digits:count`, 0 where it is missing or mere padding,
/// and `None` when a line is anything else.
fn times_seen(body: &[u8], suffix: &str) -> Option<u64> {
    let mut times = 0;
    for line in std::str::from_utf8(body).ok()?.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (hash, count) = line.split_once(':')?;
        if hash.len() != 35 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let count = count.parse::<u64>().ok()?;
        if hash.eq_ignore_ascii_case(suffix) {
            times = count;
        }
    }
    Some(times)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::{
        config::{Config, HostDefaults},
        counting_ports::Counting,
        ports::OutboundResponse,
    };

    /// Returns whether `password` is breached when the service answers so, and the requests that were sent.
    fn ask(url: Option<&str>, answer: Option<(u16, &[u8])>) -> (bool, Vec<OutboundRequest>) {
        let answer = answer.map(|(status, body)| OutboundResponse { status, headers: Vec::new(), body: body.to_vec() });
        let counting = Arc::new(Counting { answer, ..Counting::default() });
        let lookup = |name: &str| url.filter(|_| name == "BREACHED_PASSWORDS_URL").map(str::to_owned);
        let defaults = HostDefaults::development("http://a.example");
        let app = App::new(counting.ports(), Config::load(&lookup, defaults).unwrap());
        let breached = is_pwned(&app, &Secret::new("password")).now_or_never().expect("these ports never wait");
        let requests = counting.requests.lock().unwrap().clone();
        (breached, requests)
    }

    const URL: Option<&str> = Some("https://pwned.example/range/");

    #[test]
    fn asks_for_five_digits_and_finds_the_rest() {
        // SHA-1 of `password` is 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8, as every description of the service has it.
        let body = b"1D2DA4053E34E76F6576ED1DA63134B5E2A:2\r\n1E4C9B93F3F0682250B6CF8331B7EE68FD8:3861493\r\n\
                     1E4CC8F0D5F5C7E1D0E0A3F1E1A1A1A1A1A:0\r\n";
        let (breached, requests) = ask(URL, Some((200, body)));
        assert!(breached);
        let [request] = requests.as_slice() else { panic!("one request") };
        assert_eq!((&request.method, request.url.as_str()), (&Method::GET, "https://pwned.example/range/5BAA6"));
        assert!(request.headers.contains(&("add-padding", Secret::new("true"))));
        assert!(request.headers.iter().any(|(name, _)| *name == "user-agent"));
        assert!(request.body.is_empty() && request.timeout_ms == 2_000);

        assert!(ask(URL, Some((200, b"1e4c9b93f3f0682250b6cf8331b7ee68fd8:1"))).0);
    }

    #[test]
    fn others_and_padding_are_no_breach() {
        for body in [
            "",
            "1D2DA4053E34E76F6576ED1DA63134B5E2A:2\r\n0018A45C4D1DEF81644B54AB7F969B88D65:1",
            "1E4C9B93F3F0682250B6CF8331B7EE68FD8:0\r\n",
        ] {
            assert!(!ask(URL, Some((200, body.as_bytes()))).0, "{body}");
        }
    }

    #[test]
    fn fails_open() {
        let found = b"1E4C9B93F3F0682250B6CF8331B7EE68FD8:3861493".as_slice();
        for answer in [
            None,
            Some((429, found)),
            Some((503, b"down".as_slice())),
            Some((302, found)),
            Some((200, b"<html>1E4C9B93F3F0682250B6CF8331B7EE68FD8:1".as_slice())),
            Some((200, b"1E4C9B93F3F0682250B6CF8331B7EE68FD8:many".as_slice())),
            Some((200, b"1E4C9B93F3F0682250B6CF8331B7EE68FD8".as_slice())),
            Some((200, b"\xff\xfe:1".as_slice())),
        ] {
            assert!(!ask(URL, answer).0, "{answer:?}");
        }
        let (breached, requests) = ask(None, Some((200, found)));
        assert!(!breached && requests.is_empty(), "nobody is asked unless configured");
    }
}
