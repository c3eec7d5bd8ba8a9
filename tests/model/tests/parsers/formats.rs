//! Formats: results as JSON Lines, and the leaderboard as CSV.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use crate::{
    application::{self, asked, is_sound},
    given::{json as any_json, mutated, seeded},
};

/// Returns a strategy for results that are sound, or nearly so.
fn result() -> impl Strategy<Value = String> {
    let sound = (0..4_u32, 1..4_u32, any::<bool>(), any::<bool>()).prop_map(|(task, attempt, passed, measured)| {
        let mut result = json!({
            "task": format!("hidden-task-{task}"), "attempt": attempt,
            "status": if passed { "success" } else { "failed" }, "score": u32::from(passed),
        });
        if measured {
            result["latencyMs"] = json!(120);
        }
        result.to_string()
    });
    prop_oneof![
        8 => sound,
        1 => any_json().prop_map(|json| json.to_string()),
        1 => mutated(r#"{"task":"hidden-task-0","attempt":1,"status":"success","score":1}"#)
            .prop_map(|bytes| String::from_utf8_lossy(&bytes).replace(['\n', '\r'], " ")),
        1 => select(vec![
            r#"{"task":"hidden-task-0","task":"hidden-task-0","attempt":1,"status":"success","score":1}"#, "[]", "1", "{", "{} {}",
            r#"["hidden-task-0",1,"success",1]"#, "null",
        ]).prop_map(str::to_owned),
    ]
}

fn upload(media: &str, body: Vec<u8>) -> aibaas_model::run::Answer {
    let headers = [("content-type", media.as_bytes().to_vec()), ("authorization", b"KEY".to_vec())];
    asked("POST", "/runs/RUN/results", &headers, body)
}

/// Parses CSV as RFC 4180 defines it, or returns what is wrong with it.
fn records(text: &str) -> Result<Vec<Vec<String>>, String> {
    let (mut records, mut record, mut characters) = (Vec::new(), Vec::new(), text.chars().peekable());
    while characters.peek().is_some() {
        let mut cell = String::new();
        if characters.next_if_eq(&'"').is_some() {
            loop {
                match (characters.next(), characters.peek()) {
                    (Some('"'), Some('"')) => cell.extend(characters.next()),
                    (Some('"'), _) => break,
                    (Some(character), _) => cell.push(character),
                    (None, _) => return Err("a quote is not closed".to_owned()),
                }
            }
        } else {
            while let Some(character) = characters.next_if(|next| !matches!(next, ',' | '\r' | '\n')) {
                if character == '"' {
                    return Err("a quote in the middle".to_owned());
                }
                cell.push(character);
            }
        }
        record.push(cell);
        match characters.next() {
            Some(',') => continue,
            Some('\r') if characters.next() == Some('\n') => records.push(std::mem::take(&mut record)),
            other => return Err(format!("{other:?} behind a cell")),
        }
    }
    Ok(records)
}

proptest! {
    #![proptest_config(seeded())]

    /// Checks that the same results have the same effect as an array and as JSON Lines, however the lines are
    /// separated.
    #[test]
    fn lines_read_as_an_array_does(
        results in vec(result(), 1..6), ends in vec(select(vec!["\n", "\r\n", "\n\n", " \n", "\n\t\n"]), 6),
        is_marked in any::<bool>(), is_open in any::<bool>(),
    ) {
        let array = format!("[{}]", results.join(","));
        let mut lines = results.iter().zip(&ends).map(|(result, end)| format!("{result}{end}")).collect::<String>();
        if is_open {
            lines.truncate(lines.trim_end().len());
        }
        if is_marked {
            lines.insert(0, '\u{FEFF}');
        }
        let by_array = upload("application/json", array.clone().into_bytes());
        let by_lines = upload("application/x-ndjson", lines.clone().into_bytes());
        is_sound(&by_array, &array)?;
        is_sound(&by_lines, &lines)?;
        // Lines that are no JSON, or not each by itself, may be refused with another code than the array.
        let are_json = results.iter().all(|result| serde_json::from_str::<Value>(result).is_ok());
        let code = |answer: &aibaas_model::run::Answer| if are_json { answer.json["code"].clone() } else { Value::Null };
        prop_assert_eq!(by_array.status < 400, by_lines.status < 400, "{}: {} {}", &lines, &by_array.text, &by_lines.text);
        prop_assert_eq!(code(&by_array), code(&by_lines), "{}: {} {}", &lines, &by_array.text, &by_lines.text);
        if by_array.status < 400 {
            let sum = |answer: &Value| answer["accepted"].as_u64().zip(answer["repeated"].as_u64()).map(|(new, old)| new + old);
            prop_assert_eq!(sum(&by_array.json), Some(results.len() as u64));
            prop_assert_eq!(sum(&by_lines.json), Some(results.len() as u64));
            prop_assert_eq!(&by_lines.json["accepted"], &json!(0), "it is there already");
        }
    }

    #[test]
    fn names_stay_cells(
        hidden in select(vec!["", "", " ", "\u{200B}", "\u{FEFF}", "\u{A0}"]), lead in select(vec!["=", "+", "-", "@", "\u{FF1D}", "a", "\"", ","]),
        rest in prop_oneof![any::<String>(), select(vec!["1+1", "SUM(A1)", "\",\"", "a,b", "\"\"", "'", "x\ny"]).prop_map(str::to_owned)],
    ) {
        let name = format!("a{hidden}{lead}{rest}");
        let name = if lead == "a" { name } else { format!("{hidden}{lead}{rest}") };
        let renamed = application::with(|application| {
            let renamed = application.json("PUT", "/models/sim/m0", "KEY", &json!({ "displayName": name }));
            // A board is computed anew when something is published.
            application.publish(0, "sim", &application::tasks());
            renamed
        });
        is_sound(&renamed, &name)?;
        let read = |path: &str| asked("GET", &format!("{path}?benchmark=sim"), &[("cache-control", b"no-cache".to_vec())], Vec::new());
        let (board, csv) = (read("/leaderboard"), read("/leaderboard.csv"));
        let rows = board.json["data"].as_array().expect("rows");
        prop_assert!(!rows.is_empty());
        let records = records(&csv.text).map_err(|how| TestCaseError::fail(format!("{how}: {:?}", csv.text)))?;
        prop_assert_eq!(records.len(), rows.len() + 1, "{:?}", &csv.text);
        prop_assert!(records.iter().all(|record| record.len() == records[0].len()), "{:?}", &csv.text);
        let column = |name: &str| records[0].iter().position(|column| column == name).expect("a column");
        for (row, record) in rows.iter().zip(&records[1..]) {
            let shown = row["displayName"].as_str().expect("a name");
            let cell = &record[column("displayName")];
            prop_assert_eq!(cell.strip_prefix('\'').filter(|_| cell != shown).unwrap_or(cell), shown);
            let first = cell.chars().find(|character| !character.is_whitespace() && !"\u{200B}\u{FEFF}".contains(*character));
            prop_assert!(!first.is_some_and(|first| "=+-@\u{FF1D}".contains(first)), "{cell:?} is a formula");
            prop_assert_eq!(Some(record[column("runId")].as_str()), row["runId"].as_str());
            prop_assert_eq!(&record[column("score")].parse::<f64>().ok(), &row["score"].as_f64());
        }
        if renamed.status < 300 {
            prop_assert_eq!(&rows[0]["displayName"], &renamed.json["displayName"]);
        }
    }
}
