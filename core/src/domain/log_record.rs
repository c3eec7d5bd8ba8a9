//! What the log of changes commits to: canonical JSON (RFC 8785), digests of runs and of boards, and signed tree heads.
//!
//! Rows have the form of the public dataset, so that anybody computes the same digests of a copy. A member that is null
//! is left out, so that a new column does not change earlier digests, where older rows have nothing in it.

use data_encoding::HEXLOWER;
use serde::ser::Error as _;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::merkle::{self, Hash};
use crate::domain::Timestamp;

/// Number of the current form of leaves and digests. In the first form, a run's results were digested line by line
/// after its record; since the second, their own digest follows the record, and is computed before the record is
/// complete.
pub const FORMAT: u32 = 2;
/// Number of the first form, whose digests of runs differ.
pub const FIRST_FORMAT: u32 = 1;

/// A row of the dataset.
pub type Row = Map<String, Value>;

/// Columns of `runs` that say what became of the run afterwards, which digests leave out.
const RUN_LEFT_OUT: [&str; 3] = ["status", "reason", "withdrawn_at"];
/// Columns of `leaderboard_entries` that change later: when the entry ended, and what moderation calls the model.
const ENTRY_LEFT_OUT: [&str; 2] = ["to_seq", "display_name"];
/// Columns of `run_slices` that are empty for the slice of all tasks.
const SLICE_LEFT_OUT: [&str; 3] = ["scenario", "language", "difficulty"];

/// Writes canonical JSON (RFC 8785).
///
/// # Errors
/// When JavaScript cannot represent a number.
pub fn canonical(value: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    serde_json_canonicalizer::to_string(value)
}

/// Returns the hash in lower-case hexadecimal, the form in which it is published.
#[must_use]
pub fn hex(hash: &Hash) -> String {
    HEXLOWER.encode(hash)
}

/// Parses a hash in lower-case hexadecimal; `None` unless it is one of 32 bytes.
#[must_use]
pub fn from_hex(text: &str) -> Option<Hash> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// Returns the members of a row that are digested: those that are not null, without `left_out`.
fn digested_members<'a>(row: &'a Row, left_out: &[&str]) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let told = row.iter().map(|(name, value)| (name.as_str(), value));
    told.filter(|(name, value)| !value.is_null() && !left_out.contains(name))
}

/// Writes members as an object of canonical JSON, equal to the output of [`canonical`]. That one has a buffer for each
/// member and reads every name again to order them, and a publication digests thousands of members.
fn canonical_row(members: Vec<(&str, &Value)>) -> Result<String, serde_json::Error> {
    let mut json = Vec::with_capacity(512);
    write_object(members, &mut json)?;
    String::from_utf8(json).map_err(serde_json::Error::custom)
}

fn write_object(mut members: Vec<(&str, &Value)>, json: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    members.sort_unstable_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    json.push(b'{');
    for (place, (name, value)) in members.into_iter().enumerate() {
        if place > 0 {
            json.push(b',');
        }
        serde_json::to_writer(&mut *json, name)?;
        json.push(b':');
        write(value, json)?;
    }
    json.push(b'}');
    Ok(())
}

fn write(value: &Value, json: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    match value {
        Value::Object(members) => {
            write_object(members.iter().map(|(name, value)| (name.as_str(), value)).collect(), json)
        }
        Value::Array(values) => {
            json.push(b'[');
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    json.push(b',');
                }
                write(value, json)?;
            }
            json.push(b']');
            Ok(())
        }
        Value::Number(number) => match number.as_i64() {
            Some(integer) if integer.unsigned_abs() <= EXACT => serde_json::to_writer(json, &integer),
            _ => serde_json_canonicalizer::to_writer(number, json),
        },
        Value::Null | Value::Bool(_) | Value::String(_) => serde_json::to_writer(json, value),
    }
}

/// Largest integer up to which doubles represent all integers and JavaScript writes all of their digits.
const EXACT: u64 = 1 << 53;

/// SHA-256 over lines of canonical JSON, each ended by a line feed.
#[derive(Clone, Debug, Default)]
struct Lines(Sha256);

impl Lines {
    fn add(&mut self, row: &Row, left_out: &[&str]) -> Result<(), serde_json::Error> {
        self.0.update(canonical_row(digested_members(row, left_out).collect())?);
        self.0.update("\n");
        Ok(())
    }

    fn of_run(run: &Row, given: Option<&Row>) -> Result<Self, serde_json::Error> {
        let mut lines = Self::default();
        lines.add(run, &RUN_LEFT_OUT)?;
        given.map_or(Ok(()), |given| lines.add(given, &[]))?;
        Ok(lines)
    }
}

/// SHA-256 of a run's results in the order of task and attempt, each a line of canonical JSON.
#[derive(Clone, Debug, Default)]
pub struct ResultsDigest {
    lines: Lines,
    results: u64,
}

impl ResultsDigest {
    /// Adds a row of `results`.
    ///
    /// # Errors
    /// Those of [`canonical`].
    pub fn add(&mut self, result: Row) -> Result<(), serde_json::Error> {
        self.results = self.results.saturating_add(1);
        self.lines.add(&result, &[])
    }

    /// Returns the digest and the number of results.
    #[must_use]
    pub fn finish(self) -> DigestedResults {
        DigestedResults { digest: self.lines.0.finalize().into(), results: self.results }
    }
}

/// Digest of a run's results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestedResults {
    /// Hash that [`ResultsDigest`] computed.
    pub digest: Hash,
    /// Number of results that the digest is over.
    pub results: u64,
}

/// Computes the SHA-256 of what was published of a run: its row of `runs`, then that of `run_counts` or of
/// `run_given_scores` where it has one, each a line of canonical JSON, then a line with the digest of its results in
/// hexadecimal.
///
/// # Errors
/// Those of [`canonical`].
pub fn run_digest(run: Row, given: Option<Row>, results: &DigestedResults) -> Result<Hash, serde_json::Error> {
    let mut lines = Lines::of_run(&run, given.as_ref())?;
    lines.0.update(hex(&results.digest));
    lines.0.update("\n");
    Ok(lines.0.finalize().into())
}

/// Computes the digest of a run in the [first form](FIRST_FORMAT): with its results line by line instead of their
/// digest.
///
/// # Errors
/// Those of [`canonical`].
pub fn first_run_digest(
    run: Row,
    given: Option<Row>,
    results: impl IntoIterator<Item = Row>,
) -> Result<Hash, serde_json::Error> {
    let mut lines = Lines::of_run(&run, given.as_ref())?;
    results.into_iter().try_for_each(|result| lines.add(&result, &[]))?;
    Ok(lines.0.finalize().into())
}

/// Computes the SHA-256 of a seal: of its row of `seals`, which never changes, in canonical JSON.
///
/// # Errors
/// Those of [`canonical`].
pub fn seal_digest(seal: Row) -> Result<Hash, serde_json::Error> {
    Ok(Sha256::digest(canonical_row(digested_members(&seal, &[]).collect())?).into())
}

/// Returns a row of a board in canonical JSON: an entry's row of `leaderboard_entries` with the slice of its run over
/// all tasks, from which its score, interval and rank follow.
///
/// # Errors
/// Those of [`canonical`].
pub fn board_row(entry: Row, slice: Row) -> Result<String, serde_json::Error> {
    let is_entrys = |name: &str| digested_members(&entry, &ENTRY_LEFT_OUT).any(|(other, _)| other == name);
    let slice = digested_members(&slice, &SLICE_LEFT_OUT).filter(|(name, _)| !is_entrys(name));
    canonical_row(slice.chain(digested_members(&entry, &ENTRY_LEFT_OUT)).collect())
}

/// Computes the Merkle root over a board's rows, sorted by their bytes.
#[must_use]
pub fn board_digest(mut rows: Vec<String>) -> Hash {
    rows.sort_unstable();
    merkle::root(&rows.iter().map(|row| merkle::leaf_hash(row.as_bytes())).collect::<Vec<_>>())
}

/// A signed state of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// Number of leaves.
    pub size: u64,
    /// Merkle root over the leaves.
    pub root: Hash,
    /// When the head was signed.
    pub timestamp: Timestamp,
}

impl TreeHead {
    /// Returns the text that is signed.
    #[must_use]
    pub fn note(&self) -> String {
        note(self.size, &hex(&self.root), &self.timestamp.to_string())
    }
}

/// Returns the text that is signed for a head with these published values: four lines, each ended by a line feed.
#[must_use]
pub fn note(size: u64, root: &str, timestamp: &str) -> String {
    format!("aibaas log head v1\n{size}\n{root}\n{timestamp}\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(value: Value) -> Row {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn canonical_json_is_that_of_rfc_8785() {
        // Its section 3.2.2 and 3.2.3; numbers of its appendix B.
        let text = r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#;
        let value = serde_json::from_str::<Value>(text).unwrap();
        let expected = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
        assert_eq!(canonical(&value).unwrap(), expected);
        let numbers = [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
        ];
        for (bits, text) in numbers {
            assert_eq!(canonical(&f64::from_bits(bits)).unwrap(), text);
            let read = serde_json::from_str::<Value>(text).unwrap();
            assert_eq!(canonical(&read).unwrap(), text, "as it is read again");
        }
        assert_eq!(
            canonical(&json!({ "\u{20ac}": 1, "\u{1f600}": 2, "\u{fb33}": 3, "1": 4, "\r": 5 })).unwrap(),
            "{\"\\r\":5,\"1\":4,\"€\":1,\"😀\":2,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn rows_are_written_as_canonical_json() {
        let bits = [1, 0x8000_0000_0000_0000, 0x44b5_2d02_c7e1_4af5, 0x3eb0_c6f7_a0b5_ed8d, 0x41b3_de43_5555_5557];
        let row = row(json!({
            "z": bits.map(f64::from_bits), "whole": [1.0, -1.0, 0.0, 1e15, 1e21], "integer": [0, -7, 9_007_199_254_740_992_i64],
            "large": [9_007_199_254_740_993_i64, i64::MIN, u64::MAX], "text": "\u{20ac}$\u{f}\n\r\t\u{8}\u{c}A'\"\\/\u{7f}\u{1f600}",
            "inner": { "\u{fb33}": null, "\u{1f600}": true, "b": {}, "a": [[], "x"] }, "null": null, "\u{20ac}": false, "\r": 1,
        }));
        let expected =
            row.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.clone(), value.clone()));
        let expected = canonical(&expected.collect::<Row>()).unwrap();
        assert_eq!(canonical_row(digested_members(&row, &[]).collect()).unwrap(), expected);
        assert_eq!(
            canonical_row(digested_members(&row, &["z", "inner"]).collect()).unwrap().matches("null").count(),
            0
        );
    }

    #[test]
    fn a_digest_of_a_run_holds_what_was_published_and_not_what_became_of_it() {
        let result = |score: f64| row(json!({ "run_id": "r", "task_id": "t", "score": score, "cost_usd": null }));
        let digest = |run: Value, score: f64| {
            let mut digest = ResultsDigest::default();
            digest.add(result(score)).unwrap();
            let results = digest.finish();
            assert_eq!(results.results, 1);
            run_digest(row(run), None, &results).unwrap()
        };
        let run = json!({ "id": "r", "harness": "h", "status": "published", "command": null });
        let published = digest(run.clone(), 1.0);
        // R=$(printf '%s\n' '{"run_id":"r","score":1,"task_id":"t"}' | sha256sum | cut -c-64)
        // printf '%s\n' '{"harness":"h","id":"r"}' $R | sha256sum
        assert_eq!(hex(&published), "6703f66ef81ca5d725e274ed141253b2869a7d5993a57ee01701a7d6f8528a93");
        let first = first_run_digest(row(run), None, [result(1.0)]).unwrap();
        // printf '%s\n' '{"harness":"h","id":"r"}' '{"run_id":"r","score":1,"task_id":"t"}' | sha256sum
        assert_eq!(hex(&first), "ea8e71d2dda195ef3a4868724f7ec854e520cc1dd457609969977c1d4812abd6");
        assert_eq!(digest(json!({ "id": "r", "harness": "h", "status": "withdrawn", "reason": "x" }), 1.0), published);
        assert_ne!(digest(json!({ "id": "r", "harness": "i" }), 1.0), published);
        assert_ne!(digest(json!({ "id": "r", "harness": "h" }), 0.5), published);
    }

    #[test]
    fn a_board_is_the_same_in_any_order() {
        let of = |model: &str, score: f64| {
            let entry = row(json!({ "model_id": model, "run_id": "r", "to_seq": 4, "display_name": "x" }));
            board_row(entry, row(json!({ "run_id": "r", "scenario": "", "score": score, "cost_usd": null }))).unwrap()
        };
        assert_eq!(of("a", 0.5), r#"{"model_id":"a","run_id":"r","score":0.5}"#);
        assert_eq!(board_digest(vec![of("a", 0.5), of("b", 1.0)]), board_digest(vec![of("b", 1.0), of("a", 0.5)]));
        assert_ne!(board_digest(vec![of("a", 0.5), of("b", 1.0)]), board_digest(vec![of("a", 1.0), of("b", 0.5)]));
        assert_eq!(board_digest(Vec::new()), merkle::root(&[]));
    }

    #[test]
    fn a_head_is_signed_as_four_lines() {
        let head = TreeHead { size: 3, root: [0xab; 32], timestamp: Timestamp(1_764_000_000_123) };
        let expected = format!("aibaas log head v1\n3\n{}\n2025-11-24T16:00:00.123Z\n", "ab".repeat(32));
        assert_eq!(head.note(), expected);
    }
}
