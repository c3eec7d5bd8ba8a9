//! Choice of the scores of a log that count.

use serde_json::Value;

use super::document::{Eval, Sample};
use crate::import::listing::some_of;

/// Name of the score that counts.
pub struct ScorerName {
    /// Name of the scorer.
    pub name: String,
    /// Member of the score, where that has several values.
    key: Option<String>,
    /// Scorer and member, as an option names them.
    pub shown: String,
}

impl ScorerName {
    /// Creates the name of a scorer with one value.
    pub fn plain(name: &str) -> Self {
        Self { name: name.to_owned(), key: None, shown: name.to_owned() }
    }

    /// Finds the scorer that is asked for, or the first that the log declares.
    ///
    /// # Errors
    /// A text where no sample has its score.
    pub fn of(asked: Option<&str>, eval: &Eval, samples: &[Sample]) -> Result<Self, String> {
        let mut scored = Vec::<&str>::new();
        for name in samples.iter().filter_map(|sample| sample.scores.as_ref()).flat_map(|scores| scores.keys()) {
            if !scored.contains(&name.as_str()) {
                scored.push(name);
            }
        }
        let Some(asked) = asked else {
            let declared = eval.scorers.iter().flatten().map(|scorer| scorer.name.as_str());
            let first = declared.into_iter().find(|name| scored.contains(name)).or(scored.first().copied());
            return Ok(Self::plain(first.ok_or("no sample has a score")?));
        };
        let (name, key) = match asked.rsplit_once('.') {
            _ if scored.contains(&asked) => (asked, None),
            Some((name, key)) if scored.contains(&name) => (name, Some(key.to_owned())),
            _ => return Err(format!("no sample has a score by {asked}; there are {}", some_of(&scored))),
        };
        Ok(Self { name: name.to_owned(), key, shown: asked.to_owned() })
    }

    /// Returns the score; `None` where there is none, or NaN, which means for Inspect that it could not be determined.
    ///
    /// # Errors
    /// A text that says why the score cannot be published.
    pub fn score(&self, sample: &Sample) -> Result<Option<f64>, String> {
        let value = sample.scores.as_ref().and_then(|scores| scores.get(&self.name)?.get("value"));
        let value = match (value, &self.key) {
            (Some(Value::Object(members)), Some(key)) => members.get(key),
            (value, _) => value,
        };
        let score = match value {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Bool(passed)) => f64::from(u8::from(*passed)),
            Some(Value::Number(number)) => number.as_f64().unwrap_or(f64::NAN),
            Some(Value::String(text)) => grade(text).ok_or_else(|| format!("the score {text:?} is no number"))?,
            Some(Value::Object(members)) => {
                let keys: Vec<_> = members.keys().collect();
                return Err(format!("{} gives several values: name one of {}", self.name, some_of(&keys)));
            }
            Some(Value::Array(_)) => return Err(format!("{} gives a list of values", self.name)),
        };
        let possible = (0.0..=1.0).contains(&score);
        if possible { Ok(Some(score)) } else { Err(format!("the score {score} is not between 0 and 1")) }
    }
}

/// Parses texts as Inspect does: correct, partial, incorrect, no answer; yes and no; numbers.
fn grade(text: &str) -> Option<f64> {
    match text {
        "C" => return Some(1.0),
        "P" => return Some(0.5),
        "I" | "N" => return Some(0.0),
        _ => {}
    }
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" => Some(1.0),
        "no" | "false" => Some(0.0),
        number => number.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::import::inspect::fixtures::{finished, read, refusal, sound};

    #[test]
    fn one_value_of_several_can_be_named() {
        let mut log = finished();
        for sample in log["samples"].as_array_mut().unwrap() {
            sample["scores"]["match"]["value"] = json!({"f1": 0.25, "em": "C"});
        }
        assert_eq!(refusal(&log, &[]), "sample 10: match gives several values: name one of f1, em");
        let plan = read(log.to_string().as_bytes(), &["--scorer", "match.f1"]);
        assert!(sound(&plan).1.iter().all(|result| result.score == Some(0.25)));
    }
}
