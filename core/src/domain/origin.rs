//! Origins of web pages, in the only form in which browsers send them.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;

/// Returns the origin of a URL as browsers send it in `Origin`: scheme and host in lower case, no default port, no
/// path. `None` where no browser has such an origin.
///
/// The rules are those of the URL Standard (<https://url.spec.whatwg.org/>) for what configurations hold.
#[must_use]
pub fn as_browsers_send(url: &str) -> Option<String> {
    let uri = url.parse::<Uri>().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let given = uri.host()?;
    let authority = uri.authority()?.as_str();
    let port = authority.rsplit('@').next()?.strip_prefix(given)?;
    let port = match port.strip_prefix(':').unwrap_or_default() {
        "" => None,
        digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => Some(digits.parse::<u16>().ok()?),
        _ => return None,
    };
    let host = host(given)?;
    Some(match port {
        Some(port) if !is_default(&scheme, port) => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

/// Checks whether this is the origin of a page on this machine itself (`localhost`, `127.0.0.1` or `[::1]`), on any
/// port.
#[must_use]
pub fn is_of_this_machine(origin: &str) -> bool {
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    let names = ["localhost", "127.0.0.1", "[::1]"];
    let rest = host.and_then(|host| names.iter().find_map(|name| host.strip_prefix(name)));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        && as_browsers_send(origin).as_deref() == Some(origin)
}

fn is_default(scheme: &str, port: u16) -> bool {
    matches!((scheme, port), ("http", 80) | ("https", 443))
}

fn host(given: &str) -> Option<String> {
    if let Some(address) = given.strip_prefix('[') {
        let address = address.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?;
        // Rust writes the last 32 bits of an IPv4-mapped address as IPv4; a browser does not.
        return Some(match (address.to_ipv4_mapped(), address.segments()) {
            (Some(_), [.., high, low]) => format!("[::ffff:{high:x}:{low:x}]"),
            _ => format!("[{address}]"),
        });
    }
    let is_named = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let last = given.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|digit| digit.is_ascii_digit());
    if !given.bytes().all(is_named) || is_number && given.parse::<Ipv4Addr>().is_err() {
        return None;
    }
    Some(given.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_send_stays_as_it_is() {
        for origin in [
            "https://app.example.com",
            "https://xn--bcher-kva.example",
            "https://app.example.com:8443",
            "https://app.example.com:80",
            "http://app.example.com:443",
            "http://localhost:3000",
            "http://my_host.",
            "http://127.0.0.1:5173",
            "http://[::1]:5173",
            "http://[2001:db8::1]",
            "http://[::ffff:7f00:1]",
            "capacitor://localhost",
        ] {
            assert_eq!(as_browsers_send(origin).as_deref(), Some(origin));
        }
    }

    #[test]
    fn what_they_write_otherwise_is_told() {
        for (given, sent) in [
            ("https://App.Example.com", "https://app.example.com"),
            ("HTTPS://app.example.com", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("https://app.example.com:", "https://app.example.com"),
            ("https://app.example.com:08443", "https://app.example.com:8443"),
            ("http://localhost:80", "http://localhost"),
            ("https://app.example.com/", "https://app.example.com"),
            ("https://app.example.com/path?q=1#top", "https://app.example.com"),
            ("https://user@app.example.com:443", "https://app.example.com"),
            ("http://[2001:DB8:0:0:0:0:0:1]:80", "http://[2001:db8::1]"),
            ("http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]"),
        ] {
            assert_eq!(as_browsers_send(given).as_deref(), Some(sent), "{given}");
        }
    }

    #[test]
    fn pages_of_this_machine_have_any_port_and_no_other_name() {
        for origin in [
            "http://localhost",
            "http://localhost:5173",
            "https://localhost:3000",
            "http://127.0.0.1:1",
            "http://[::1]:80800",
        ] {
            assert_eq!(is_of_this_machine(origin), origin != "http://[::1]:80800", "{origin}");
        }
        for origin in [
            "null",
            "localhost:5173",
            "ftp://localhost",
            "http://localhost.evil.example",
            "http://localhost:5173.evil.example",
            "http://app.localhost:5173",
            "http://LOCALHOST:5173",
            "http://localhost:5173/",
            "http://localhost:80",
            "http://localhost:",
            "http://localhost:a@evil.example",
            "http://127.0.0.10:5173",
            "http://127.0.0.1.evil.example",
            "http://10.0.0.1:5173",
        ] {
            assert!(!is_of_this_machine(origin), "{origin}");
        }
    }

    #[test]
    fn what_is_no_origin_has_no_other_form() {
        for given in [
            "",
            "*",
            "null",
            "app.example.com",
            "app.example.com:443",
            "https://",
            "https:///path",
            "https://*.example.com",
            "https://a.example:65536",
            "https://a.example:+80",
            "http://127.1",
            "http://256.0.0.1",
            "http://[::1",
            "https://a b.example",
            "https://bücher.example",
        ] {
            assert_eq!(as_browsers_send(given), None, "{given}");
        }
    }
}
