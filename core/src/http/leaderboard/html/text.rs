//! How the pages write numbers, dates and addresses.

use crate::{
    domain::{
        ModelId,
        benchmark::Metric,
        system::{self, Agent},
    },
    ports::Timestamp,
};

/// What a score is shown as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// A share of tasks, in percent.
    PassRate,
    /// A mean score from 0 to 1.
    Score,
}

impl Scale {
    pub fn of(metric: Metric) -> Self {
        match metric {
            Metric::PassRate => Self::PassRate,
            Metric::Score => Self::Score,
        }
    }

    /// `88.0 %`, or `0.880`.
    pub fn score(self, score: f64) -> String {
        match self {
            Self::PassRate => format!("{:.1} %", score * 100.0),
            Self::Score => format!("{score:.3}"),
        }
    }

    /// `83.1–91.6`, or `0.831–0.916`.
    pub fn interval(self, low: f64, high: f64) -> String {
        match self {
            Self::PassRate => format!("{:.1}–{:.1}", low * 100.0, high * 100.0),
            Self::Score => format!("{low:.3}–{high:.3}"),
        }
    }

    /// `+3.1`, `−0.4` percentage points, or `+0.031`.
    pub fn difference(self, difference: f64) -> String {
        let text = match self {
            Self::PassRate => format!("{:+.1}", difference * 100.0),
            Self::Score => format!("{difference:+.3}"),
        };
        let is_zero = text.chars().all(|c| "+-0.".contains(c));
        if is_zero { text.trim_start_matches(['+', '-']).to_owned() } else { text.replace('-', "−") }
    }

    /// Of a mark on an axis.
    pub fn tick(self, score: f64) -> String {
        match self {
            Self::PassRate => format!("{:.0} %", score * 100.0),
            Self::Score => format!("{score:.1}"),
        }
    }
}

/// US dollars, as exact as their size asks for.
pub fn usd(amount: f64) -> String {
    match amount {
        _ if amount >= 1000.0 => format!("{amount:.0}"),
        _ if amount >= 1.0 => format!("{amount:.2}"),
        _ if amount >= 0.01 => format!("{amount:.3}"),
        _ => format!("{amount:.5}"),
    }
}

/// Milliseconds, or seconds.
pub fn duration(ms: f64) -> String {
    match ms {
        _ if ms < 1000.0 => format!("{ms:.0} ms"),
        _ if ms < 100_000.0 => format!("{:.1} s", ms / 1000.0),
        _ => format!("{:.0} s", ms / 1000.0),
    }
}

/// `2026-11-23`.
pub fn day(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}

/// `2026-11-23 01:02 UTC`.
pub fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    let (day, clock) = text.split_once('T').unwrap_or_default();
    format!("{day} {} UTC", clock.chars().take(5).collect::<String>())
}

/// `gpt-5 (OpenHands 0.59.0 · high)`.
pub fn system_name(model: &str, agent: Option<&Agent>, configuration: Option<&str>) -> String {
    let words = system::words(agent, configuration);
    if words.is_empty() { model.to_owned() } else { format!("{model} ({words})") }
}

/// `1 model`, `2 models`.
pub fn count(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

/// `91,163`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().saturating_sub(index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `/path?name=value&…` of the parameters that have a value.
pub fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let given = parameters.iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>();
    match serde_urlencoded::to_string(given) {
        // A query may have them as they are (RFC 3986, 3.4), and models are easier to read so.
        Ok(query) if !query.is_empty() => format!("{path}?{}", query.replace("%2F", "/")),
        _ => path.to_owned(),
    }
}

/// The page of a model, whose id needs no escaping.
pub fn model_address(model: &ModelId) -> String {
    format!("/leaderboard/models/{model}")
}

/// `third_party` in words.
pub fn words(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_exact_as_their_size_asks_for() {
        assert_eq!([1234.5, 29.0829, 0.3366, 0.0012].map(usd), ["1234", "29.08", "0.337", "0.00120"]);
        assert_eq!([12.3, 1500.0, 150_000.0].map(duration), ["12 ms", "1.5 s", "150 s"]);
        assert_eq!(Scale::PassRate.difference(-0.0312), "−3.1");
        assert_eq!([0.0, -0.000_04, 0.01].map(|number| Scale::Score.difference(number)), ["0.000", "0.000", "+0.010"]);
        assert_eq!([7, 910, 1000, 91_163, 1_000_000].map(grouped), ["7", "910", "1,000", "91,163", "1,000,000"]);
        assert_eq!(minute(Timestamp(1_795_395_723_004)), "2026-11-23 01:02 UTC");
    }

    #[test]
    fn addresses_are_escaped() {
        let query = [("benchmark", "a"), ("language", "C++ & Co"), ("q", "")];
        assert_eq!(address("/leaderboard", &query), "/leaderboard?benchmark=a&language=C%2B%2B+%26+Co");
        assert_eq!(address("/leaderboard", &[("a", "x/y")]), "/leaderboard?a=x/y");
        assert_eq!(address("/leaderboard", &[]), "/leaderboard");
    }
}
