//! Conversion of a row to an account.

use aibaas_core::{
    domain::{
        Secret, Timestamp,
        account::{self, Email},
        password_hash,
    },
    operators::ImportedUser,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::rows::Cells;

/// Parses the row's cells. An error repeats no value: the columns may be mixed up, and a hash is never shown.
pub(super) fn parse(cells: Cells, now: Timestamp) -> Result<ImportedUser, String> {
    let email = text("email", cells.email)?.ok_or("email is missing")?;
    let email = Email::parse(&email).map_err(|refusal| format!("email: {}", refusal.detail))?;
    Ok(ImportedUser {
        id: id(cells.id)?,
        email: email.as_str().to_owned(),
        password_hash: hash(cells.password_hash)?,
        full_name: name(cells.full_name)?,
        email_verified: boolean(cells.email_verified)?,
        created_at: time(cells.created_at, now)?,
    })
}

/// Reads a text without the space around it; `None` where it is empty or missing.
fn text(column: &str, cell: Option<Value>) -> Result<Option<String>, String> {
    match cell {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(_) => Err(format!("{column} is not a text")),
    }
}

/// Reads an id. A UUID stays as it is; any other id becomes the same UUID every time, so that an import can be
/// repeated.
fn id(cell: Option<Value>) -> Result<String, String> {
    let id = match cell {
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        cell => text("id", cell)?,
    };
    let id = id.ok_or("id is missing")?;
    if let Ok(id) = Uuid::try_parse(&id) {
        return Ok(id.hyphenated().to_string());
    }
    let digest = Sha256::digest(format!("imported account {id}"));
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, digest)| *byte = digest);
    Ok(uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string())
}

fn hash(cell: Option<Value>) -> Result<Option<Secret>, String> {
    let Some(hash) = text("password_hash", cell)?.map(Secret::new) else { return Ok(None) };
    password_hash::check_importable(hash.expose()).map_err(|error| format!("password_hash: {error}"))?;
    Ok(Some(hash))
}

fn name(cell: Option<Value>) -> Result<Option<String>, String> {
    let Some(name) = text("full_name", cell)? else { return Ok(None) };
    account::full_name(&name).map(Some).map_err(|refusal| format!("full_name: {}", refusal.detail))
}

fn boolean(cell: Option<Value>) -> Result<bool, String> {
    let text = match cell {
        Some(Value::Bool(boolean)) => return Ok(boolean),
        Some(Value::Number(number)) => Some(number.to_string()),
        cell => text("email_verified", cell)?,
    };
    match text.ok_or("email_verified is missing")?.to_ascii_lowercase().as_str() {
        "t" | "true" | "1" => Ok(true),
        "f" | "false" | "0" => Ok(false),
        _ => Err("email_verified is neither true nor false".to_owned()),
    }
}

/// Reads a time between 1970 and now: RFC 3339, PostgreSQL's own form, or milliseconds. Without an offset it is UTC.
fn time(cell: Option<Value>, now: Timestamp) -> Result<Timestamp, String> {
    let ms = match cell {
        Some(Value::Number(number)) => number.as_i64().ok_or("created_at is not a whole number of milliseconds")?,
        cell => {
            let text = text("created_at", cell)?.ok_or("created_at is missing")?;
            let local = || text.parse::<jiff::civil::DateTime>()?.to_zoned(jiff::tz::TimeZone::UTC);
            let time = text.parse::<jiff::Timestamp>().or_else(|_| local().map(|zoned| zoned.timestamp()));
            time.map_err(|_| "created_at is not a time, such as 2024-01-02 03:04:05.123456+00")?.as_millisecond()
        }
    };
    match ms {
        ..0 => Err("created_at is before 1970".to_owned()),
        ms if ms > now.0 => Err("created_at is in the future".to_owned()),
        ms => Ok(Timestamp(ms)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn parsed(changes: Value) -> Result<ImportedUser, String> {
        let mut row = json!({
            "id": "0190F3A1-0000-7000-8000-00000000000A", "email": " Ada@Example.com ", "password_hash": null,
            "full_name": "", "email_verified": "t", "created_at": 1_700_000_000_000_i64,
        });
        row.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        parse(serde_json::from_value(row).unwrap(), NOW)
    }

    #[test]
    fn a_row_becomes_an_account() {
        let user = parsed(json!({})).unwrap();
        assert_eq!(user.id, "0190f3a1-0000-7000-8000-00000000000a");
        assert_eq!(user.email, "ada@example.com");
        assert_eq!((user.password_hash, user.full_name, user.email_verified), (None, None, true));
        assert_eq!(user.created_at, Timestamp(1_700_000_000_000));
        assert_eq!(parsed(json!({"full_name": " Ada "})).unwrap().full_name.as_deref(), Some("Ada"));
    }

    #[test]
    fn an_id_that_is_no_uuid_becomes_the_same_one_every_time() {
        let id = |id: Value| parsed(json!({ "id": id })).unwrap().id;
        assert_eq!(id(json!(17)), id(json!(" 17 ")));
        assert_ne!(id(json!(17)), id(json!(18)));
        // Accounts that were imported earlier are found again by these ids.
        assert_eq!(id(json!(17)), "b8086220-715c-8bad-90d3-2f7ffaa9b172");
        let uuid = Uuid::try_parse(&id(json!("user-1"))).unwrap();
        assert_eq!((uuid.get_version_num(), uuid.get_variant()), (8, uuid::Variant::RFC4122));
    }

    #[test]
    fn truth_and_time_come_in_several_spellings() {
        for (value, verified) in [(json!("TRUE"), true), (json!(true), true), (json!(1), true), (json!("1"), true)]
            .into_iter()
            .chain([(json!("f"), false), (json!("false"), false), (json!(false), false), (json!(0), false)])
        {
            assert_eq!(parsed(json!({ "email_verified": value })).unwrap().email_verified, verified);
        }
        for (value, ms) in [
            (json!("2024-01-02 03:04:05.123456+00"), 1_704_164_645_123),
            (json!("2024-01-02 03:04:05.123456+05:30"), 1_704_144_845_123),
            (json!("2024-01-02T03:04:05Z"), 1_704_164_645_000),
            (json!("2024-01-02T05:04:05+02:00"), 1_704_164_645_000),
            (json!("2024-01-02 03:04:05.123456"), 1_704_164_645_123),
            (json!("1970-01-01 00:00:00+00"), 0),
            (json!(NOW.0), NOW.0),
        ] {
            assert_eq!(parsed(json!({ "created_at": value })).unwrap().created_at, Timestamp(ms), "{value}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_the_value() {
        for (column, value, reason) in [
            ("id", json!(null), "id is missing"),
            ("id", json!(1.5), "id is not a text"),
            ("email", json!("  "), "email is missing"),
            ("email", json!("$2b$secret"), "email: give an e-mail address, such as ada@example.com"),
            ("password_hash", json!(5), "password_hash is not a text"),
            ("password_hash", json!("two words"), "password_hash: the hash is not of"),
            ("full_name", json!("$2b$secret\u{0}"), "full_name: give a name of 1 to 200 characters that can be seen"),
            ("email_verified", json!(""), "email_verified is missing"),
            ("email_verified", json!("secret"), "email_verified is neither true nor false"),
            ("created_at", json!(null), "created_at is missing"),
            ("created_at", json!("secret"), "created_at is not a time, such as 2024"),
            ("created_at", json!("infinity"), "created_at is not a time"),
            ("created_at", json!("1700000000000"), "created_at is not a time"),
            ("created_at", json!(1.5), "created_at is not a whole number"),
            ("created_at", json!(-1), "created_at is before 1970"),
            ("created_at", json!(NOW.0 + 1), "created_at is in the future"),
        ] {
            let told = parsed(json!({ column: value })).unwrap_err();
            assert!(told.starts_with(reason) && !told.contains("secret"), "{told}");
        }
        let told = parsed(json!({ "password_hash": "5f4dcc3b5aa765d61d8327deb882cf99" })).unwrap_err();
        assert!(told.starts_with("password_hash: ") && !told.contains("5f4d"), "{told}");
    }
}
