//! Values by themselves: what parses prints as it parses, and what is nearly a value is refused.

use aibaas_core::{
    Config, Environment, HostDefaults, OwnMail,
    domain::{
        JwtAlgorithm, Keys, RefreshToken, Secret, SessionId, Timestamp,
        account::{self, Email},
        api_key::ApiKey,
        jws::Verifier,
        network::{Network, parse_forwarded},
        password_hash::{self, HashJob},
        recovery_code::RecoveryCode,
        strict_json::StrictObject,
        totp::TotpCode,
        user_agent, values,
    },
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::given::{mutated, mutated_text, seeded, text};

/// Variables that the application reads.
const SETTINGS: &[&str] = &[
    "ADMIN_EMAILS",
    "APP_URL",
    "BASE_URL",
    "BREACHED_PASSWORDS_URL",
    "CORS_ORIGINS",
    "DEV_CLOCK",
    "ENVIRONMENT",
    "GITHUB_SECRET_SCANNING_KEYS_URL",
    "JWT_ALGORITHM",
    "JWT_SECRET",
    "JWT_SECRET_PREVIOUS",
    "MAIL_FROM",
    "PACK_RESULTS_AFTER_HOURS",
    "PASSWORD_ARGON2ID",
    "RATE_LIMIT_LOGIN",
    "RATE_LIMIT_REGISTER",
    "RATE_LIMIT_RESEND",
    "RATE_LIMIT_UNKNOWN_KEYS",
    "REQUEST_DEADLINE_SECONDS",
    "RESEND_API_KEY",
    "RESEND_API_URL",
    "RESEND_WEBHOOK_SECRET",
    "SENDGRID_API_KEY",
    "SENDGRID_API_URL",
    "SENDGRID_WEBHOOK_KEY",
    "STORAGE_QUOTA_BYTES",
    "TICK_SECRET",
    "TRUSTED_PROXIES",
    "WEBHOOK_PRIVATE_TARGETS",
];

/// Formats these bits as a UUID.
fn id_of(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn addresses_read_as_they_print(given in prop_oneof![any::<String>(), text("[A-Za-z.+-]{1,20}@[a-z.-]{1,30}")]) {
        if let Ok(email) = Email::parse(&given) {
            let printed = email.as_str().to_owned();
            prop_assert_eq!(Email::parse(&printed).map(|email| email.as_str().to_owned()).ok(), Some(printed));
        }
        let _ = account::full_name(&given);
        let _ = account::new_password(&Secret::new(given.as_str()), None, Some(&given));
    }

    #[test]
    fn networks_read_as_they_print(
        given in prop_oneof![any::<String>(), text("[0-9a-f.:/]{1,40}"), text("[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,3}")],
        address in any::<std::net::IpAddr>(), length in 0_u8..140,
    ) {
        let printed = |network: &Network| network.to_string();
        for text in [given, format!("{address}/{length}"), address.to_string()] {
            let Some(network) = Network::parse(&text) else { continue };
            prop_assert_eq!(Network::parse(&printed(&network)).as_ref().map(printed), Some(printed(&network)));
            let _ = network.contains(address);
        }
        prop_assert!(Network::parse(&address.to_string()).is_some_and(|network| network.contains(address)));
        prop_assert!(Network::of_client(address).contains(address) || address.to_canonical() != address);
    }

    #[test]
    fn one_wrong_character_makes_no_key(random in vec(any::<u8>(), 64), at in 9_usize..47, with in "[0-9A-Za-z]", other in any::<String>()) {
        let random = <[u8; 64]>::try_from(random.as_slice()).expect("64 bytes");
        let _ = ApiKey::parse(&other);
        let Some(key) = ApiKey::generate("live", &random) else { return Ok(()) };
        let sound = key.secret().expose().to_owned();
        prop_assert!(ApiKey::parse(&sound).is_some());
        let mut wrong = sound.clone();
        wrong.replace_range(at..=at, &with);
        prop_assert_eq!(ApiKey::parse(&wrong).is_some(), wrong == sound, "{}", wrong);
    }

    #[test]
    fn what_is_no_address_is_refused(
        local in text("[a-z]{1,10}"), domain in text("[a-z]{1,10}\\.[a-z]{2,5}"), label in text("[a-z]{1,10}"),
        odd in select(vec![" ", "@", "\0", "\n", "\u{200B}", "\u{3002}", "(", "<", ",", "\"", "é"]), digits in any::<std::net::Ipv4Addr>(),
    ) {
        prop_assert_eq!(Email::parse(&format!(" {}@{}\n", local.to_uppercase(), domain)).map(|email| email.as_str().to_owned()).ok(), Some(format!("{local}@{domain}")));
        for broken in [
            format!("{local}{odd}{local}@{domain}"), format!("{local}@{label}{odd}{domain}"), format!("{local}@{digits}"),
            format!("{local}@[{digits}]"), format!("{local}@{label}"), format!("{local}@-{domain}"), format!("{local}@{domain}."),
            format!("{local}@.{domain}"), format!("@{domain}"), format!("{local}@"), format!("{local}..{local}@{domain}"),
            format!("Ada <{local}@{domain}>"), format!("{local}@{}.{domain}", "a".repeat(64)), format!("{local}@{domain}/{label}"),
        ] {
            prop_assert!(Email::parse(&broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn what_is_no_block_is_refused(address in any::<std::net::Ipv4Addr>(), length in 0_u32..33, other in any::<std::net::Ipv6Addr>(), longer in 0_u32..129) {
        let mask = |width: u32, length: u32| if length == 0 { 0 } else { u128::MAX << (width - length) };
        let (bits, mask_4) = (u128::from(address.to_bits()), mask(32, length) & u128::from(u32::MAX));
        let sound = format!("{address}/{length}");
        prop_assert_eq!(Network::parse(&sound).is_some(), bits & mask_4 == bits, "{}", &sound);
        let (bits, mask_6) = (other.to_bits(), mask(128, longer));
        if other.to_ipv4_mapped().is_none() {
            let block = std::net::Ipv6Addr::from_bits(bits & mask_6);
            prop_assume!(block.to_ipv4_mapped().is_none());
            let network = Network::parse(&format!("{block}/{longer}"));
            prop_assert!(network.is_some_and(|network| network.contains(other.into())), "{block}/{longer}");
            prop_assert_eq!(Network::parse(&format!("{other}/{longer}")).is_some(), bits & mask_6 == bits);
        }
        let beyond = 33 + length;
        for broken in [
            format!("{address}/{beyond}"), format!("{address}/"), format!("{address}/-1"), format!("{address}/+8"), format!("{address}/{length} "),
            format!(" {sound}"), format!("{sound}/8"), format!("{other}/{}", 129 + longer % 800), format!("[{other}]/64"), format!("{other}%1"),
            format!("{address}:80"), "/8".to_owned(), format!("{address}/0x8"), format!("{address}/{length}\0"),
        ] {
            prop_assert_eq!(Network::parse(&broken), None, "{:?}", &broken);
        }
    }

    #[test]
    fn forwarded_addresses_read_as_they_print(address in any::<std::net::IpAddr>(), port in any::<u16>(), given in any::<String>(), near in mutated_text("[2001:db8::1]:443")) {
        let with_port = std::net::SocketAddr::new(address, port).to_string();
        for text in [address.to_string(), with_port] {
            prop_assert_eq!(parse_forwarded(&text), Some(address.to_canonical()), "{}", text);
        }
        for text in [given, near] {
            let Some(read) = parse_forwarded(&text) else { continue };
            prop_assert_eq!(parse_forwarded(&read.to_string()), Some(read));
        }
    }

    #[test]
    fn refresh_tokens_read_as_they_print(id in any::<u128>(), generation in 0..i64::MAX, at in any::<prop::sample::Index>(), with in any::<char>()) {
        let id = SessionId::from(id_of(id));
        let keys = Keys::derive(&Secret::new("a secret of this test, and long enough"), None, JwtAlgorithm::EdDsa);
        let token = keys.refresh_token(&id, generation, b"nonce").expect("a token").expose().to_owned();
        let read = RefreshToken::parse(&token).expect("a token");
        prop_assert_eq!((&read.session_id, read.generation), (&id, generation));
        prop_assert!(keys.is_refresh_token(&read, b"nonce") && !keys.is_refresh_token(&read, b"other"));
        let mut wrong = token.chars().collect::<Vec<_>>();
        let at = at.index(wrong.len());
        wrong[at] = with;
        let wrong = wrong.into_iter().collect::<String>();
        // The hex digits of the id may be in upper case, and mean the same.
        let same = wrong.eq_ignore_ascii_case(&token) && wrong[41..] == token[41..];
        if let Some(read) = RefreshToken::parse(&wrong) {
            prop_assert!(same || !keys.is_refresh_token(&read, b"nonce"), "{wrong} of {token}");
        }
        for broken in [format!("{token}."), format!("{token}="), format!(" {token}"), token.replacen('.', ".-", 1), token.replacen('.', "..", 1)] {
            prop_assert_eq!(RefreshToken::parse(&broken), None, "{}", &broken);
        }
    }

    #[test]
    fn codes_that_people_type_read_as_they_print(random in any::<[u8; 15]>(), at in 0_usize..24, with in text("[ \\-oOiIlL0-9a-z]"), digits in 0_u32..1_000_000, given in any::<String>()) {
        let code = RecoveryCode::from_random(random);
        let printed = code.grouped().expose().to_owned();
        for typed in [printed.clone(), printed.to_uppercase(), printed.replace('-', " "), printed.replace('0', "O").replace('1', "l")] {
            prop_assert_eq!(RecoveryCode::parse(&typed).map(|code| code.hash()), Some(code.hash()), "{}", &typed);
        }
        for broken in [printed[1..].to_owned(), format!("{printed}0"), printed.replacen('-', "_", 1), printed.replacen('-', "u", 1), String::new()] {
            prop_assert!(RecoveryCode::parse(&broken).is_none(), "{broken}");
        }
        let mut other = printed.clone();
        other.replace_range(at..=at, &with);
        if let Some(read) = RecoveryCode::parse(&other) {
            let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "").replace('o', "0").replace(['i', 'l'], "1");
            prop_assert_eq!(read.hash() == code.hash(), plain(&other) == plain(&printed), "{}", &other);
        }
        let six = format!("{digits:06}");
        let apart = format!("{} {}", &six[..3], &six[3..]);
        prop_assert!(TotpCode::parse(&six).is_some() && TotpCode::parse(&apart).is_some());
        for broken in [&six[1..], &format!("{six}0"), &format!("+{}", &six[1..]), &format!("{}-{}", &six[..3], &six[3..])] {
            prop_assert!(TotpCode::parse(broken).is_none(), "{broken}");
        }
        let is_code = given.chars().filter(|character| *character != ' ').collect::<String>();
        let is_code = is_code.len() == 6 && is_code.bytes().all(|byte| byte.is_ascii_digit());
        prop_assert_eq!(TotpCode::parse(&given).is_some(), is_code);
    }

    #[test]
    fn times_read_as_they_print(ms in -62_000_000_000_000_i64..250_000_000_000_000, near in mutated_text("2026-11-23T01:02:03.004Z"), given in any::<String>()) {
        let printed = Timestamp(ms).to_string();
        prop_assert_eq!(values::timestamp(&printed).map(|time| time.0).ok(), Some(ms), "{}", &printed);
        for text in [near, given] {
            if let Ok(time) = values::timestamp(&text) {
                prop_assert_eq!(values::timestamp(&time.to_string()).ok(), Some(time), "{}", &text);
            }
            if let Ok(day) = values::day_or_month(&text) {
                prop_assert!(matches!(day.len(), 7 | 10) && day == text, "{day:?}");
            }
        }
        for broken in [printed.replace('Z', ""), printed.replace("Z", "+99:00"), format!("{printed} "), printed[..10].to_owned()] {
            prop_assert!(values::timestamp(&broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn objects_keep_every_member_or_are_refused(object in crate::given::json(), name in text("[a-z]{1,5}"), near in mutated_text(r#"{"a":1,"b":{"a":[1,{"c":9007199254740991}]}}"#), number in any::<i64>()) {
        let read = |text: &str| serde_json::from_str::<StrictObject>(text).ok();
        let written = object.to_string();
        // A member twice, at the top level and inside.
        for broken in [format!(r#"{{"{name}":1,"{name}":1}}"#), format!(r#"{{"x":[{{"{name}":1,"y":0,"{name}":2}}]}}"#), format!(r#"{{"\u{:04x}{}":1,"{name}":2}}"#, u32::from(name.as_bytes()[0]), &name[1..])] {
            prop_assert_eq!(read(&broken), None, "{}", &broken);
        }
        let fits = number.unsigned_abs() < 1 << 53;
        prop_assert_eq!(read(&format!(r#"{{"{name}":[{number}]}}"#)).is_some(), fits);
        for text in [written, near] {
            if let Some(object) = read(&text) {
                let again = serde_json::to_string(&object).expect("JSON");
                prop_assert_eq!(read(&again), Some(object), "{}", &text);
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&again).ok(), serde_json::from_str(&text).ok());
            }
        }
    }

    #[test]
    fn settings_are_read_or_told_of(
        given in vec((select(SETTINGS.to_vec()), prop_oneof![
            any::<String>(), mutated_text("http://simulation.example"), mutated_text("203.0.113.0/24, 2001:db8::/32"), mutated_text("10/60"),
            mutated_text("https://app.example,https://b.example:8443"), mutated_text("ops@example.com, Ops <o@example.com>"), text("[ -~]{0,80}"),
        ]), 1..5),
        is_production in any::<bool>(),
    ) {
        let lookup = |name: &str| given.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let environment = if is_production { Environment::Production } else { Environment::Development };
        let defaults = HostDefaults { environment, base_url: "http://simulation.example".to_owned(), most_hash_memory_kib: 65_536, own_mail: OwnMail::Smtp, most_packing_statements: HostDefaults::PACKING_STATEMENTS };
        if let Ok(config) = Config::load(&lookup, defaults) {
            for block in &config.trusted_proxies {
                prop_assert_eq!(Network::parse(&block.to_string()), Some(*block));
            }
        }
    }

    #[test]
    fn tokens_are_ours_or_refused(given in any::<String>(), near in mutated("eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImEifQ.eyJzdWIiOiIxIiwiZXhwIjo5fQ.c2ln")) {
        let near = String::from_utf8_lossy(&near).into_owned();
        for algorithm in [JwtAlgorithm::EdDsa, JwtAlgorithm::Hs256] {
            let keys = Keys::derive(&Secret::new("a secret of this test, and long enough"), None, algorithm);
            for token in [&given, &near] {
                prop_assert!(keys.verify_access_token(token, "http://a.example", Timestamp(0)).is_err());
                prop_assert!(Verifier::hs256(b"another").payload(token).is_none());
                if let Some(token) = RefreshToken::parse(token) {
                    prop_assert!(!keys.is_refresh_token(&token, b"nonce"));
                }
            }
        }
        let _ = (RecoveryCode::parse(&given), values::timestamp(&given), values::day_or_month(&given), user_agent::device(&given));
        let _ = values::text(&given, 1, 100);
    }

    #[test]
    fn hashes_of_other_systems_are_read_or_wrong(
        given in any::<String>(),
        near in prop_oneof![
            mutated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"),
            mutated("$2b$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde"),
            mutated("$pbkdf2-sha256$i=1000,l=32$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            mutated("pbkdf2_sha256$1000$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            mutated("$scrypt$ln=4,r=8,p=1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ],
    ) {
        for encoded in [given, String::from_utf8_lossy(&near).into_owned()] {
            // Hashes that would take minutes are bounded in unit tests of their own.
            let _ = password_hash::needs_rehash(&encoded, password_hash::Params::DEFAULT);
            if encoded.len() < 120 && !encoded.contains("m=1") && !encoded.contains("00000") {
                let job = HashJob::Verify { password: Secret::new("x"), encoded: Secret::new(encoded) };
                prop_assert!(password_hash::run(&job, &mut password_hash::Memory::default()).is_ok());
            }
        }
    }
}
