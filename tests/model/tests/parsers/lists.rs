//! Lists: pages together are the whole list, and foreign cursors and wrong page sizes are refused.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use crate::{
    application::{self, Application, PASSWORD, asked, is_refused, is_sound},
    given::{seeded, text},
};

/// Paths of lists, each with the JSON pointer to an item's identifier.
const LISTS: &[(&str, &str)] = &[
    ("/models?", "/id"),
    ("/benchmarks?", "/id"),
    ("/benchmarks/b0/versions/1/tasks?", "/id"),
    ("/runs/RUN/results?", "/task"),
    ("/auth/sessions?", "/id"),
    ("/api-keys?", "/id"),
    ("/users/me/audit-log?", "/id"),
    ("/admin/users?", "/id"),
    ("/admin/audit-log?", "/id"),
    ("/leaderboard?benchmark=sim&", "/model"),
    ("/changes?", "/id"),
];

/// Creates something for every list.
fn fill(application: &mut Application) {
    for number in 0..3 {
        application.key(&json!({ "name": format!("key {number}"), "scopes": ["results:write"] }));
        application.refresh_token();
        let person = json!({ "email": format!("person{number}@example.com"), "password": PASSWORD });
        let answer = application.json("POST", "/auth/register", "", &person);
        assert_eq!(answer.status, 202, "{}", answer.text);
        let benchmark =
            json!({ "title": "B", "metric": "pass_rate", "tasks": [{ "id": "t" }, { "id": "u" }, { "id": "v" }] });
        let answer = application.json("PUT", &format!("/benchmarks/b{number}/versions/1"), "KEY", &benchmark);
        assert_eq!(answer.status, 201, "{}", answer.text);
        application.publish(number, "sim", &application::tasks());
    }
    application.publish(0, "b0", &["t", "u", "v"].map(str::to_owned));
}

fn read(path: &str) -> Result<(Vec<Value>, Option<String>), TestCaseError> {
    let answer = asked("GET", path, &[("authorization", b"PERSON".to_vec())], Vec::new());
    prop_assert_eq!(answer.status, 200, "{}: {}", path, &answer.text);
    let data = answer.json["data"].as_array().cloned().unwrap_or_default();
    Ok((data, answer.json["nextCursor"].as_str().map(str::to_owned)))
}

fn filled() {
    thread_local!(static IS_FILLED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
    if !IS_FILLED.replace(true) {
        application::with(fill);
    }
}

proptest! {
    #![proptest_config(seeded())]

    #[test]
    fn pages_put_together_are_the_list((list, id) in select(LISTS.to_vec()), limits in vec(1_u32..4, 1..4)) {
        filled();
        let (whole, _) = read(&format!("{list}limit=100"))?;
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        for round in 0.. {
            let limit = limits[round % limits.len()];
            let (page, next) = read(&format!("{list}limit={limit}{cursor}"))?;
            prop_assert!(page.len() <= limit as usize && round <= whole.len(), "{list}: {} in one page", page.len());
            pages.extend(page);
            let Some(next) = next else { break };
            // A cursor can stand in a URL as it is.
            prop_assert!(next.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{next}");
            cursor = format!("&cursor={next}");
        }
        let ids = |items: &[Value]| items.iter().map(|item| item.pointer(id).cloned()).collect::<Vec<_>>();
        prop_assert!(whole.len() > 1 && ids(&whole).iter().all(Option::is_some), "{list}: {whole:?}");
        prop_assert_eq!(ids(&pages), ids(&whole), "{}", list);
    }

    #[test]
    fn cursors_are_ours_or_refused(
        (list, _) in select(LISTS.to_vec()), of_other in select(LISTS.to_vec()), at in any::<prop::sample::Index>(),
        with in any::<u8>(), cut in any::<bool>(), shape in crate::given::json(),
        foreign in prop_oneof![text("[A-Za-z0-9_-]{0,40}[!.~*'()][A-Za-z0-9_-]{0,40}"), text("[A-Za-z0-9_-]{4097,4200}"), text("[A-Za-z0-9]{1,40}={1,2}")],
    ) {
        filled();
        let ask = |cursor: &str| asked("GET", &format!("{list}limit=2&cursor={cursor}"), &[("authorization", b"PERSON".to_vec())], Vec::new());
        is_refused(&ask(&foreign), 400, "malformed_request", &format!("{list} {foreign}"))?;
        is_refused(&ask(&URL_SAFE_NO_PAD.encode(b"[1,")), 400, "malformed_request", list)?;
        // JSON of any shape, a cursor of another list, and one with a changed byte or a missing end.
        is_sound(&ask(&URL_SAFE_NO_PAD.encode(shape.to_string())), &format!("{list} {shape}"))?;
        let Some(other) = read(&format!("{}limit=1", of_other.0))?.1 else { return Ok(()) };
        is_sound(&ask(&other), &format!("{list} with the cursor of {}", of_other.0))?;
        let mut bytes = URL_SAFE_NO_PAD.decode(&other).expect("base64");
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = with }
        is_sound(&ask(&URL_SAFE_NO_PAD.encode(&bytes)), &format!("{list} {bytes:?}"))?;
    }

    #[test]
    fn sizes_of_pages_are_1_to_100(
        (list, _) in select(LISTS.to_vec()),
        size in prop_oneof![
            any::<i64>().prop_map(|size| size.to_string()), (-3_i64..110).prop_map(|size| size.to_string()),
            select(vec!["", "1.0", "0x10", "1e1", "%2B", "%20", "٣", "99999999999999999999"]).prop_map(str::to_owned),
        ],
    ) {
        filled();
        // `parse` takes a sign, which is harmless: negative sizes are out of range.
        let is_size = size.parse::<i64>().is_ok_and(|size| (1..=100).contains(&size));
        let encoded = size.bytes().map(|byte| if byte.is_ascii() { char::from(byte).to_string() } else { format!("%{byte:02X}") });
        let path = format!("{list}limit={}", encoded.collect::<String>());
        let ask = |path: &str| asked("GET", path, &[("authorization", b"PERSON".to_vec())], Vec::new());
        let answer = ask(&path);
        match is_size {
            true => prop_assert_eq!(answer.status, 200, "{}: {}", path, &answer.text),
            false => is_refused(&answer, 400, "malformed_request", &path)?,
        }
        is_refused(&ask(&format!("{list}limit=5&limit=5")), 400, "malformed_request", list)?;
        is_refused(&ask(&format!("{list}limit=5&limits=5")), 400, "malformed_request", list)?;
    }
}
