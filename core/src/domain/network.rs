//! Blocks of IP addresses, and what kind of address an address is.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;

/// A block of addresses (CIDR, RFC 4632 and RFC 4291). IPv4-mapped IPv6 addresses count as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    /// Parses `address` or `address/prefix`; `None` unless the bits beyond the prefix are zero.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let given = address.parse::<IpAddr>().ok()?;
        let address = given.to_canonical();
        let width = width(address);
        let prefix = match prefix {
            None => width,
            Some(prefix) if prefix.len() <= 3 && prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                // The prefix of a mapped block is that of the IPv6 form.
                prefix.parse::<u8>().ok()?.checked_sub(self::width(given).checked_sub(width)?)?
            }
            Some(_) => return None,
        };
        let block = IpNet::new(address, prefix).ok()?;
        (block.network() == address).then_some(Self(block))
    }

    /// Returns the block that a client's limits are counted in: IPv4 /32, IPv6 /64, which one customer has.
    #[must_use]
    pub fn of_client(address: IpAddr) -> Self {
        let block = IpNet::from(address.to_canonical());
        Self(match block {
            IpNet::V4(_) => block,
            IpNet::V6(_) => IpNet::new(block.addr(), 64).map_or(block, |block| block.trunc()),
        })
    }

    /// Checks whether the address is in the block.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Checks whether the block has more addresses than anybody has proxies in: it is wider than the private 10.0.0.0/8
    /// or, in IPv6, than a /16 outside of the private fc00::/7.
    #[must_use]
    pub fn is_too_wide_for_proxies(&self) -> bool {
        match self.0 {
            IpNet::V4(block) => block.prefix_len() < 8,
            IpNet::V6(block) => block.prefix_len() < if block.addr().octets().starts_with(&[0xfc]) { 7 } else { 16 },
        }
    }
}

/// Parses an address as `X-Forwarded-For` has it: alone, or with a port, IPv6 then in brackets. A zone (`%eth0`) means
/// nothing on another machine, and is refused.
#[must_use]
pub fn parse_forwarded(text: &str) -> Option<IpAddr> {
    let is_port =
        |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let address = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
            return None;
        }
        IpAddr::V6(address.parse().ok()?)
    } else {
        match text.split_once(':') {
            Some((address, port)) if is_port(port) && address.contains('.') => IpAddr::V4(address.parse().ok()?),
            _ => text.parse().ok()?,
        }
    };
    Some(address.to_canonical())
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl serde::Serialize for Network {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("no CIDR block"))
    }
}

/// Checks whether the host of a URL or of `Host` is `localhost` or a loopback address, IPv6 with or without brackets.
#[must_use]
pub fn names_this_machine(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Checks whether an address is of the public internet (by IANA's special-purpose registries, RFC 6890), not of a local
/// network or a cloud's metadata, and not reserved. An IPv4-mapped address is judged as IPv4; one that translates or
/// tunnels IPv4 (NAT64, Teredo, 6to4) is never public.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_special = match address.octets() {
        // This network, private networks, loopback, link-local with the metadata of clouds, multicast, reserved.
        [0 | 10 | 127 | 224..=255, ..] | [169, 254, ..] | [172, 16..=31, ..] | [192, 168, ..] => true,
        // Carriers' networks (RFC 6598), protocols, documentation, relays of 6to4, benchmarks.
        [100, 64..=127, ..] | [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        [192, 88, 99, _] | [198, 18..=19, ..] => true,
        // Azure's platform, which every machine there can reach.
        [168, 63, 129, 16] => true,
        _ => false,
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Global unicast is 2000::/3. Not public in it: protocols and Teredo (2001::/23), documentation (2001:db8::/32),
    // 6to4, documentation (3fff::/20).
    match address.segments() {
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_spells_blocks() {
        for (text, spelled) in [
            ("10.1.2.3", "10.1.2.3/32"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("::/0", "::/0"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ] {
            assert_eq!(Network::parse(text).map(|network| network.to_string()).as_deref(), Some(spelled), "{text}");
        }
        for bad in [
            "",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "2001:db8::1/32",
            "host",
            "10.0.0.0/8/8",
            "::ffff:10.0.0.0/8",
        ] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn contains() {
        let block = Network::parse("10.0.0.0/8").unwrap();
        assert!(block.contains("10.255.0.1".parse().unwrap()));
        assert!(block.contains("::ffff:10.1.1.1".parse().unwrap()));
        assert!(!block.contains("11.0.0.1".parse().unwrap()));
        assert!(!block.contains("2001:db8::1".parse().unwrap()));
        assert!(Network::parse("::/0").unwrap().contains("::1".parse().unwrap()));
    }

    #[test]
    fn forwarded_addresses_may_have_a_port() {
        for (text, address) in [
            ("1.2.3.4", "1.2.3.4"),
            ("1.2.3.4:5678", "1.2.3.4"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("[::ffff:1.2.3.4]:80", "1.2.3.4"),
            ("::1", "::1"),
            ("1::2:3", "1::2:3"),
        ] {
            assert_eq!(parse_forwarded(text).map(|address| address.to_string()).as_deref(), Some(address), "{text}");
        }
        for bad in [
            "",
            "unknown",
            "_hidden",
            "1.2.3",
            "1.2.3.4:",
            "1.2.3.4:x",
            "1.2.3.4:65536",
            "1.2.3.4:+80",
            "1.2.3.4:80:80",
            "[1.2.3.4]:80",
            "[2001:db8::1",
            "[2001:db8::1]443",
            "[2001:db8::1]:",
            "[2001:db8::1]:+1",
            "[]",
            "[]:1",
            "fe80::1%eth0",
            "[fe80::1%1]:80",
            "fe80::1%1",
            "1.2.3.4 ",
            "localhost:80",
            "2001:db8::1]:443",
        ] {
            assert_eq!(parse_forwarded(bad), None, "{bad}");
        }
    }

    #[test]
    fn proxies_do_not_have_half_the_internet() {
        for (block, is_too_wide) in [
            ("0.0.0.0/0", true),
            ("128.0.0.0/1", true),
            ("10.0.0.0/7", true),
            ("10.0.0.0/8", false),
            ("104.16.0.0/13", false),
            ("::/0", true),
            ("2000::/3", true),
            ("2a00::/12", true),
            ("2a06:98c0::/29", false),
            ("fc00::/7", false),
            ("::1", false),
            ("::ffff:0.0.0.0/96", true),
        ] {
            assert_eq!(Network::parse(block).unwrap().is_too_wide_for_proxies(), is_too_wide, "{block}");
        }
    }

    #[test]
    fn clients_are_told_apart_by_what_a_customer_has() {
        let of = |text: &str| Network::of_client(text.parse().unwrap()).to_string();
        assert_eq!(of("192.0.2.7"), "192.0.2.7/32");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7/32");
    }

    #[test]
    fn every_machine_calls_itself_by_few_names() {
        for host in ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "::ffff:127.0.0.1"] {
            assert!(names_this_machine(host), "{host}");
        }
        for host in ["", "localhost.example.com", "127.0.0.1.example.com", "192.0.2.1", "[::2]", "[::1", "0.0.0.0"] {
            assert!(!names_this_machine(host), "{host}");
        }
    }

    #[test]
    fn public_addresses_are_of_the_internet() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "2000::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2a00::1",
            "2003::1",
            "3fff:1000::1",
            "3ffe::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::1.1.1.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:101:101::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }
}
