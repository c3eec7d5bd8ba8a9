//! Fuzz test: whatever a list of people contains, each row is read or reported.

use aibaas_core::domain::Timestamp;
use proptest::{collection::vec, prelude::*};

use super::{account, rows::Rows};

const HEADER: &str = "id,email,password_hash,full_name,email_verified,created_at";

/// Reads all rows of the bytes.
fn read(bytes: &[u8], is_csv: bool) {
    let Ok(mut rows) = Rows::read(bytes, is_csv) else { return };
    // Each row consumes at least a byte of the file.
    for _ in 0..=bytes.len() {
        match rows.next() {
            Ok(Some(row)) => drop(row.cells.map(|cells| account::parse(cells, Timestamp(0)).is_ok())),
            Ok(None) | Err(_) => return,
        }
    }
    panic!("the file never ends");
}

proptest! {
    #[test]
    fn bytes_of_any_kind(bytes in vec(any::<u8>(), 0..400), is_csv in any::<bool>()) {
        read(&bytes, is_csv);
    }

    #[test]
    fn rows_under_the_header(cells in vec(vec(prop_oneof![
        any::<String>(), Just("\"".to_owned()), Just("a@b.example".to_owned()), Just("true".to_owned()),
        Just("2026-11-23 01:02:03+00".to_owned()), Just("$2b$10$abcdefghijklmnopqrstuv".to_owned()), Just("0".to_owned()),
    ], 0..8), 0..6)) {
        let lines = cells.iter().map(|row| row.join(",")).collect::<Vec<_>>().join("\n");
        read(format!("{HEADER}\n{lines}").as_bytes(), true);
    }

    #[test]
    fn lines_of_json(cells in vec((prop::sample::select(vec!["id", "email", "password_hash", "full_name", "email_verified", "created_at", "x"]),
        prop_oneof![Just("null".to_owned()), any::<i64>().prop_map(|number| number.to_string()), any::<f64>().prop_map(|number| number.to_string()),
            any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()), Just("[{}]".to_owned())]), 0..8)) {
        let members = cells.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(",");
        read(format!("{{{members}}}\n{{{members}").as_bytes(), false);
    }
}
