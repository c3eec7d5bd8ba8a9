//! Packs: some of a run's results, column by column and deflated, as they are stored once they never change any more.
//!
//! A pack is a byte with the number of its form, and a zlib stream (RFC 1950) of a JSON array with an array for each
//! column, in the order of [`StoredResult`]'s members; `null` stands for a column that is empty throughout. Results are
//! in the order of task and attempt. Numbers have their shortest exact form, and JSON is kept as text, so that each is
//! read as it was written.

use serde::{Deserialize, Serialize};

/// Number of the current form of packs.
const FORMAT: u8 = 1;
/// Most results of a pack: a page of results reads whole packs.
const MOST_RESULTS: usize = 250;
/// Approximate limit of a pack's JSON, in bytes; a single result may be longer.
const MOST_TEXT: usize = 45_000;
/// Estimated bytes of a result besides its texts, towards [`MOST_TEXT`].
const NUMBERS: usize = 80;
/// Longest inflated pack, in bytes.
const MOST_INFLATED: usize = 4_000_000;
/// Compression level: miniz_oxide's usual one, as the highest gains nothing here.
const LEVEL: u8 = 6;

/// A result as the database stores it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredResult {
    /// Id of the task.
    pub task: String,
    /// Number of the attempt, from 1.
    pub attempt: i64,
    /// How the attempt ended.
    pub status: String,
    /// Score of the attempt.
    pub score: f64,
    /// Number of samples that the result stands for.
    pub samples: Option<i64>,
    /// Number of those samples that passed.
    pub correct: Option<i64>,
    /// Latency in milliseconds.
    pub latency_ms: Option<f64>,
    /// Number of tokens read.
    pub input_tokens: Option<i64>,
    /// Number of tokens written.
    pub output_tokens: Option<i64>,
    /// Cost in US dollars.
    pub cost_usd: Option<f64>,
    /// Scores of the parts of a composite score, as JSON.
    pub parts: Option<String>,
}

impl StoredResult {
    /// Returns the bytes that the result counts in a page of the dataset: its texts, and 300 for the rest.
    #[must_use]
    pub fn size(&self) -> usize {
        self.texts().saturating_add(300)
    }

    fn texts(&self) -> usize {
        self.task.len().saturating_add(self.parts.as_ref().map_or(0, String::len))
    }

    fn key(&self) -> (&str, i64) {
        (&self.task, self.attempt)
    }
}

/// A column with optional values; `None` where all of them are empty.
type Sparse<T> = Option<Vec<Option<T>>>;

#[derive(Deserialize, Serialize)]
struct Columns(
    Vec<String>,
    Vec<i64>,
    Vec<String>,
    Vec<f64>,
    Sparse<i64>,
    Sparse<i64>,
    Sparse<f64>,
    Sparse<i64>,
    Sparse<i64>,
    Sparse<f64>,
    Sparse<String>,
);

impl Columns {
    fn of(results: &[StoredResult]) -> Self {
        fn whole<T>(results: &[StoredResult], of: impl Fn(&StoredResult) -> T) -> Vec<T> {
            results.iter().map(of).collect()
        }
        fn sparse<T>(results: &[StoredResult], of: impl Fn(&StoredResult) -> Option<T>) -> Sparse<T> {
            let column = whole(results, of);
            column.iter().any(Option::is_some).then_some(column)
        }
        Self(
            whole(results, |result| result.task.clone()),
            whole(results, |result| result.attempt),
            whole(results, |result| result.status.clone()),
            whole(results, |result| result.score),
            sparse(results, |result| result.samples),
            sparse(results, |result| result.correct),
            sparse(results, |result| result.latency_ms),
            sparse(results, |result| result.input_tokens),
            sparse(results, |result| result.output_tokens),
            sparse(results, |result| result.cost_usd),
            sparse(results, |result| result.parts.clone()),
        )
    }

    fn results(self) -> Result<Vec<StoredResult>, PackError> {
        let count = self.0.len();
        let is_even = self.1.len() == count && self.2.len() == count && self.3.len() == count;
        let (mut attempts, mut statuses, mut scores) = (self.1.into_iter(), self.2.into_iter(), self.3.into_iter());
        let (mut samples, mut correct) = (filled(self.4, count)?, filled(self.5, count)?);
        let (mut latencies, mut inputs) = (filled(self.6, count)?, filled(self.7, count)?);
        let (mut outputs, mut costs, mut parts) =
            (filled(self.8, count)?, filled(self.9, count)?, filled(self.10, count)?);
        let results = self.0.into_iter().map_while(|task| {
            Some(StoredResult {
                task,
                attempt: attempts.next()?,
                status: statuses.next()?,
                score: scores.next()?,
                samples: samples.next()?,
                correct: correct.next()?,
                latency_ms: latencies.next()?,
                input_tokens: inputs.next()?,
                output_tokens: outputs.next()?,
                cost_usd: costs.next()?,
                parts: parts.next()?,
            })
        });
        let results = results.collect::<Vec<_>>();
        let is_ordered = results.is_sorted_by(|one, next| one.key() < next.key());
        if is_even && is_ordered && !results.is_empty() { Ok(results) } else { Err(PackError::Columns) }
    }
}

/// Returns the values of a column, each `None` where the column is left out.
fn filled<T>(column: Sparse<T>, count: usize) -> Result<impl Iterator<Item = Option<T>>, PackError> {
    let column = column.unwrap_or_else(|| std::iter::repeat_with(|| None).take(count).collect());
    if column.len() == count { Ok(column.into_iter()) } else { Err(PackError::Columns) }
}

/// Why results cannot be packed, or a pack cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// The pack is of another form.
    #[error("it is of no form that this release reads")]
    Form,
    /// The pack cannot be inflated, or is too long when inflated.
    #[error("it cannot be inflated: {0}")]
    Inflate(String),
    /// The inflated text is not the JSON of a pack.
    #[error("it is not JSON of columns: {0}")]
    Json(String),
    /// The columns are of different lengths, empty or not in order.
    #[error("its columns do not make results in their order")]
    Columns,
    /// The packed results are read as something else.
    #[error("what was packed is read as something else")]
    Differs,
}

/// A pack, with the keys that it is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultPack {
    /// Task and attempt of the first result.
    pub first: (String, i64),
    /// Task and attempt of the last result.
    pub last: (String, i64),
    /// Number of results.
    pub results: usize,
    /// Bytes that the results count in a page of the dataset.
    pub size: usize,
    /// The pack itself.
    pub bytes: Vec<u8>,
}

fn json(results: &[StoredResult]) -> Result<Vec<u8>, PackError> {
    serde_json::to_vec(&Columns::of(results)).map_err(|error| PackError::Json(error.to_string()))
}

/// Checks whether these are the same results, to the last bit.
///
/// # Errors
/// When a number cannot be written as JSON.
pub fn are_same(ones: &[StoredResult], others: &[StoredResult]) -> Result<bool, PackError> {
    Ok(ones == others && json(ones)? == json(others)?)
}

impl ResultPack {
    /// Packs results, unpacks them again and compares.
    ///
    /// # Errors
    /// [`PackError::Differs`] where they do not come back as they were; [`PackError::Columns`] where there are none, or
    /// they are not in the order of task and attempt.
    pub fn of(results: &[StoredResult]) -> Result<Self, PackError> {
        let (Some(first), Some(last)) = (results.first(), results.last()) else { return Err(PackError::Columns) };
        let json = json(results)?;
        let mut bytes = vec![FORMAT];
        bytes.extend(miniz_oxide::deflate::compress_to_vec_zlib(&json, LEVEL));
        if !are_same(results, &unpack(&bytes)?)? {
            return Err(PackError::Differs);
        }
        let size = results.iter().map(StoredResult::size).fold(0, usize::saturating_add);
        let key = |result: &StoredResult| (result.task.clone(), result.attempt);
        Ok(Self { first: key(first), last: key(last), results: results.len(), size, bytes })
    }
}

/// Reads the results of a pack.
///
/// # Errors
/// A [`PackError`] where it is damaged, of another release or no pack.
pub fn unpack(bytes: &[u8]) -> Result<Vec<StoredResult>, PackError> {
    let Some((&FORMAT, deflated)) = bytes.split_first() else { return Err(PackError::Form) };
    let json = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(deflated, MOST_INFLATED);
    let json = json.map_err(|error| PackError::Inflate(format!("{:?}", error.status)))?;
    let columns = serde_json::from_slice::<Columns>(&json).map_err(|error| PackError::Json(error.to_string()))?;
    columns.results()
}

/// A buffer for results that come one by one and go into packs.
#[derive(Debug, Default)]
pub struct Packer {
    results: Vec<StoredResult>,
    text: usize,
}

impl Packer {
    /// Adds the next result. Returns the pack of the results before it, where that has no room for one more.
    ///
    /// # Errors
    /// Those of [`ResultPack::of`].
    pub fn add(&mut self, result: StoredResult) -> Result<Option<ResultPack>, PackError> {
        let text = result.texts().saturating_add(NUMBERS);
        let has_room = self.results.len() < MOST_RESULTS && self.text.saturating_add(text) <= MOST_TEXT;
        let full = if has_room { None } else { self.finish()? };
        self.results.push(result);
        self.text = self.text.saturating_add(text);
        Ok(full)
    }

    /// Packs the results that are left; `None` where there are none.
    ///
    /// # Errors
    /// Those of [`ResultPack::of`].
    pub fn finish(&mut self) -> Result<Option<ResultPack>, PackError> {
        let results = std::mem::take(&mut self.results);
        self.text = 0;
        if results.is_empty() { Ok(None) } else { ResultPack::of(&results).map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::test_rng::TestRng;

    const STATUSES: [&str; 4] = ["success", "failed", "timeout", "error"];

    fn result(number: usize) -> StoredResult {
        StoredResult {
            task: format!("python/task-{number:05}"),
            attempt: 1,
            status: "success".to_owned(),
            score: 1.0,
            samples: None,
            correct: None,
            latency_ms: Some(1834.5),
            input_tokens: None,
            output_tokens: Some(240),
            cost_usd: None,
            parts: None,
        }
    }

    fn any_finite(chance: &mut TestRng) -> f64 {
        let bits = (chance.below(1 << 31) << 33) ^ (chance.below(1 << 31) << 11) ^ chance.below(1 << 11);
        let any = f64::from_bits(bits);
        match chance.below(4) {
            0 => -0.0,
            1 => 0.1 + 0.2,
            _ if any.is_finite() => any,
            _ => f64::MAX,
        }
    }

    fn any_integer(chance: &mut TestRng) -> i64 {
        i64::try_from(chance.below(1 << 31) << chance.below(23)).unwrap()
    }

    fn any_text(chance: &mut TestRng) -> String {
        let letters = ['a', '"', '\\', '\n', '\u{0}', 'é', '𝄞', '/', '\u{2028}', '9'];
        (0..chance.below(40)).map(|_| letters[usize::try_from(chance.below(10)).unwrap()]).collect()
    }

    /// Returns results with anything in them that the columns can hold, in the order of task and attempt.
    fn any_results(chance: &mut TestRng) -> Vec<StoredResult> {
        let mut keys = std::collections::BTreeSet::new();
        for _ in 0..1 + chance.below(600) {
            keys.insert((any_text(chance), any_integer(chance)));
        }
        let empty = chance.below(1 << 7);
        let result = |(task, attempt)| {
            let mut some = |column: u64| empty >> column & 1 == 0 && chance.below(3) > 0;
            let present = [some(0), some(1), some(2), some(3), some(4), some(5), some(6)];
            StoredResult {
                task,
                attempt,
                status: STATUSES[usize::try_from(chance.below(4)).unwrap()].to_owned(),
                score: any_finite(chance),
                samples: present[0].then(|| any_integer(chance)),
                correct: present[1].then(|| any_integer(chance)),
                latency_ms: present[2].then(|| any_finite(chance)),
                input_tokens: present[3].then(|| any_integer(chance)),
                output_tokens: present[4].then(|| any_integer(chance)),
                cost_usd: present[5].then(|| any_finite(chance)),
                parts: present[6].then(|| format!("{{ \"{}\" : 1.50 }}", any_text(chance))),
            }
        };
        keys.into_iter().map(result).collect()
    }

    fn packs(results: &[StoredResult]) -> Vec<ResultPack> {
        let mut packer = Packer::default();
        let mut packs = Vec::new();
        for result in results {
            packs.extend(packer.add(result.clone()).unwrap());
        }
        packs.extend(packer.finish().unwrap());
        packs
    }

    #[test]
    fn whatever_is_packed_is_read_as_it_was() {
        for seed in 0..100 {
            let mut chance = TestRng(seed);
            let results = any_results(&mut chance);
            let packs = packs(&results);
            let mut read = Vec::new();
            for pack in &packs {
                let unpacked = unpack(&pack.bytes).unwrap();
                let key = |result: &StoredResult| (result.task.clone(), result.attempt);
                assert_eq!(
                    (pack.first.clone(), pack.last.clone()),
                    (key(&unpacked[0]), key(&unpacked[unpacked.len() - 1]))
                );
                assert_eq!((pack.results, pack.size), (unpacked.len(), unpacked.iter().map(StoredResult::size).sum()));
                assert!(unpacked.len() <= MOST_RESULTS, "seed {seed}");
                read.extend(unpacked);
            }
            assert!(read == results && are_same(&read, &results).unwrap(), "seed {seed}");
            let bits = |results: &[StoredResult]| {
                let of = |result: &StoredResult| {
                    (result.score.to_bits(), result.latency_ms.map(f64::to_bits), result.cost_usd.map(f64::to_bits))
                };
                results.iter().map(of).collect::<Vec<_>>()
            };
            assert_eq!(bits(&read), bits(&results), "seed {seed}");
        }
    }

    /// Reads a pack of the first form, which every release must be able to read.
    #[test]
    fn a_pack_of_this_form_is_read_for_ever() {
        let mut first = result(1);
        first.parts = Some("{\"a\": 0.50}".to_owned());
        let json = br#"[["python/task-00001","python/task-00002"],[1,1],["success","success"],[1.0,1.0],null,null,[1834.5,1834.5],null,[240,240],null,["{\"a\": 0.50}",null]]"#;
        let mut bytes = vec![1];
        // Stored, not deflated: RFC 1951, 3.2.4, in a zlib stream.
        bytes.extend([0x78, 0x01, 0x01]);
        let length = u16::try_from(json.len()).unwrap();
        bytes.extend(length.to_le_bytes());
        bytes.extend((!length).to_le_bytes());
        bytes.extend(json);
        let (low, high) = json.iter().fold((1_u32, 0_u32), |(low, high), byte| {
            let low = (low + u32::from(*byte)) % 65_521;
            (low, (high + low) % 65_521)
        });
        bytes.extend((high << 16 | low).to_be_bytes());
        assert_eq!(unpack(&bytes).unwrap(), [first, result(2)]);
    }

    #[test]
    fn packs_are_small_and_hold_no_more_than_a_page_should_read() {
        let results = (0..1000).map(result).collect::<Vec<_>>();
        let few = packs(&results);
        assert_eq!(few.iter().map(|pack| pack.results).collect::<Vec<_>>(), [250; 4]);
        assert!(few.iter().all(|pack| pack.bytes.len() < 2000));
        let long = |mut result: StoredResult| {
            result.parts = Some("0.123456789,".repeat(100));
            result
        };
        let longer = packs(&results.into_iter().map(long).collect::<Vec<_>>());
        let (_, full) = longer.split_last().unwrap();
        assert!(full.len() > 20 && full.iter().all(|pack| (30..=45).contains(&pack.results)), "{}", longer.len());
        let mut huge = result(1);
        huge.parts = Some("0".repeat(100_000));
        assert_eq!(packs(&[result(0), huge, result(2)]).len(), 3);
    }

    #[test]
    fn what_is_damaged_or_no_pack_is_an_error() {
        let whole = ResultPack::of(&(0..20).map(result).collect::<Vec<_>>()).unwrap().bytes;
        assert!(unpack(&whole).is_ok());
        for length in 0..whole.len() {
            assert!(unpack(&whole[..length]).is_err(), "{length} bytes");
        }
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(unpack(&damaged).is_err(), "bit {bit}");
        }
        let deflated = |json: &str| {
            let mut bytes = vec![FORMAT];
            bytes.extend(miniz_oxide::deflate::compress_to_vec_zlib(json.as_bytes(), LEVEL));
            unpack(&bytes)
        };
        assert_eq!(unpack(&[2, 1, 2]), Err(PackError::Form));
        assert!(matches!(deflated("{}"), Err(PackError::Json(_))));
        assert!(matches!(deflated(&" ".repeat(MOST_INFLATED + 1)), Err(PackError::Inflate(_))));
        for columns in [
            "[[],[],[],[],null,null,null,null,null,null,null]",
            r#"[["a","b"],[1,1],["error","error"],[1],null,null,null,null,null,null,null]"#,
            r#"[["a"],[1],["error"],[1],[],null,null,null,null,null,null]"#,
            r#"[["a"],[1],["error"],[1],null,null,null,null,null,null,[null,"1"]]"#,
            r#"[["b","a"],[1,1],["error","error"],[1,1],null,null,null,null,null,null,null]"#,
            r#"[["a","a"],[1,1],["error","error"],[1,1],null,null,null,null,null,null,null]"#,
        ] {
            assert_eq!(deflated(columns), Err(PackError::Columns), "{columns}");
        }
    }

    #[test]
    fn what_would_not_come_back_is_not_packed() {
        let mut infinite = result(1);
        infinite.score = f64::INFINITY;
        assert!(ResultPack::of(&[infinite]).is_err());
        assert_eq!(ResultPack::of(&[]), Err(PackError::Columns));
        assert_eq!(ResultPack::of(&[result(2), result(1)]), Err(PackError::Columns));
    }
}
