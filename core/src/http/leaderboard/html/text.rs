//! Formats of numbers, dates and addresses on the pages.

use crate::domain::{
    ModelId, Timestamp,
    measure::{Bounds, Direction, Measure, Metric},
    system::{self, Agent},
};

/// How scores are shown: a pass rate in percent, a mean from 0 to 1 as such, anything else as a number in its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale<'a>(&'a Measure);

impl<'a> Scale<'a> {
    pub fn of(measure: &'a Measure) -> Self {
        Self(measure)
    }

    /// Checks whether scores are shown in percent: whether they are pass rates.
    pub fn is_percent(self) -> bool {
        self.0.metric == Metric::PassRate
    }

    /// Checks whether scores are from 0 to 1.
    pub fn is_share(self) -> bool {
        self.0.is_share()
    }

    /// Checks whether less is better.
    pub fn is_lower_better(self) -> bool {
        self.0.direction == Direction::LowerIsBetter
    }

    /// Returns the bounds that scores lie within.
    pub fn bounds(self) -> Bounds {
        self.0.bounds
    }

    /// Returns the unit of scores, after a space; empty where they have none.
    fn unit(self) -> String {
        self.0.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default()
    }

    /// Formats a score: `88.0 %`, `0.880`, or `412.5 ms`.
    pub fn score(self, score: f64) -> String {
        if self.is_percent() {
            format!("{:.1} %", score * 100.0)
        } else {
            format!("{}{}", self.number(score), self.unit())
        }
    }

    /// Formats an interval as papers write it: `[83.1, 91.6]`, or `[0.831, 0.916]`.
    pub fn interval(self, low: f64, high: f64) -> String {
        if self.is_percent() {
            return format!("[{:.1}, {:.1}]", low * 100.0, high * 100.0);
        }
        format!("[{}, {}]", self.number(low), self.number(high))
    }

    /// Formats a difference with its sign: `+3.1`, `−0.4` percentage points, `+0.031`, or `+12.50 s`.
    pub fn difference(self, difference: f64) -> String {
        let text = if self.is_percent() { format!("{:.1}", difference * 100.0) } else { self.number(difference) };
        let is_zero = text.chars().all(|c| "-−0.".contains(c));
        let text = text.trim_start_matches(['-', '−']);
        let sign = if is_zero {
            ""
        } else if difference < 0.0 {
            "−"
        } else {
            "+"
        };
        format!("{sign}{text}{}", self.unit())
    }

    /// Describes the size of a difference in words: `3.1 percentage points`, `0.031`, or `12.50 s`.
    pub fn gap(self, difference: f64) -> String {
        let size = self.difference(difference.abs());
        let points = if self.is_percent() { " percentage points" } else { "" };
        format!("{}{points}", size.trim_start_matches('+'))
    }

    /// Formats the score at a mark on an axis, without needless digits.
    pub fn tick(self, score: f64) -> String {
        if self.is_percent() {
            format!("{:.0} %", score * 100.0)
        } else if self.is_share() {
            format!("{score:.1}")
        } else {
            let text = self.number(score);
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
        }
    }

    /// Formats a number, as exact as its size asks for.
    fn number(self, number: f64) -> String {
        let text = match number.abs() {
            _ if self.is_share() => format!("{number:.3}"),
            size if size >= 1000.0 => format!("{number:.0}"),
            size if size >= 100.0 => format!("{number:.1}"),
            size if size >= 1.0 || size == 0.0 => format!("{number:.2}"),
            size if size >= 0.001 => format!("{number:.4}"),
            _ => format!("{number:.2e}"),
        };
        text.replace('-', "−")
    }

    /// Returns the word for how the better of two scores compares: `lower` or `higher`.
    pub fn better(self) -> &'static str {
        if self.is_lower_better() { "lower" } else { "higher" }
    }
}

/// Formats US dollars, as exact as their size asks for, without the currency sign.
pub fn usd(amount: f64) -> String {
    match amount {
        _ if amount >= 1000.0 => format!("{amount:.0}"),
        _ if amount >= 1.0 => format!("{amount:.2}"),
        _ if amount >= 0.01 => format!("{amount:.3}"),
        _ => format!("{amount:.5}"),
    }
}

/// Formats milliseconds, from 1000 on as seconds: `12 ms`, `1.5 s`.
pub fn duration(ms: f64) -> String {
    match ms {
        _ if ms < 1000.0 => format!("{ms:.0} ms"),
        _ if ms < 100_000.0 => format!("{:.1} s", ms / 1000.0),
        _ => format!("{:.0} s", ms / 1000.0),
    }
}

/// Formats the day of a time, in UTC: `2026-11-23`.
pub fn day(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}

/// Formats a time to the minute: `2026-11-23 01:02 UTC`.
pub fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    let (day, clock) = text.split_once('T').unwrap_or_default();
    format!("{day} {} UTC", clock.chars().take(5).collect::<String>())
}

/// Formats the name of a system: `gpt-5 (OpenHands 0.59.0 · high)`.
pub fn system_name(model: &str, agent: Option<&Agent>, configuration: Option<&str>) -> String {
    let words = system::words(agent, configuration);
    if words.is_empty() { model.to_owned() } else { format!("{model} ({words})") }
}

/// Formats a number of things: `1 model`, `2 models`.
pub fn count(number: usize, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}

/// Formats a number with grouped thousands: `91,163`.
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

/// Returns the address `/path?name=value&…` with those parameters that have a value.
pub fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let given = parameters.iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>();
    match serde_urlencoded::to_string(given) {
        // A query may contain slashes as they are (RFC 3986, 3.4), and model ids are easier to read so.
        Ok(query) if !query.is_empty() => format!("{path}?{}", query.replace("%2F", "/")),
        _ => path.to_owned(),
    }
}

/// Returns the address of a model's page; the id needs no escaping.
pub fn model_address(model: &ModelId) -> String {
    format!("/leaderboard/models/{model}")
}

/// Returns a name such as `third_party` in words, with spaces for underscores.
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
        let (rate, mean) = (Measure::plain(Metric::PassRate), Measure::plain(Metric::Score));
        assert_eq!(Scale::of(&rate).difference(-0.0312), "−3.1");
        let differences = [0.0, -0.000_04, 0.01].map(|number| Scale::of(&mean).difference(number));
        assert_eq!(differences, ["0.000", "0.000", "+0.010"]);
        assert_eq!([7, 910, 1000, 91_163, 1_000_000].map(grouped), ["7", "910", "1,000", "91,163", "1,000,000"]);
        assert_eq!(minute(Timestamp(1_795_395_723_004)), "2026-11-23 01:02 UTC");
    }

    #[test]
    fn a_unit_stands_behind_its_number() {
        let of = |unit: Option<&str>| Measure {
            unit: unit.map(str::to_owned),
            bounds: Bounds { lower: None, upper: None },
            ..Measure::plain(Metric::Score)
        };
        let (ms, mere) = (of(Some("ms")), of(None));
        let scale = Scale::of(&ms);
        assert_eq!(
            [412.5, 1287.0, 0.031, -3.0].map(|number| scale.score(number)),
            ["412.5 ms", "1287 ms", "0.0310 ms", "−3.00 ms"]
        );
        assert_eq!((scale.difference(-12.0), scale.gap(-12.0)), ("−12.00 ms".to_owned(), "12.00 ms".to_owned()));
        assert_eq!(
            (scale.interval(1.0, 2.5), scale.interval(-1.0, 2.5)),
            ("[1.00, 2.50]".to_owned(), "[−1.00, 2.50]".to_owned())
        );
        assert_eq!([0.0, 1500.0, 2.5].map(|mark| scale.tick(mark)), ["0", "1500", "2.5"]);
        assert_eq!(Scale::of(&mere).score(0.5), "0.5000");
    }

    #[test]
    fn addresses_are_escaped() {
        let query = [("benchmark", "a"), ("language", "C++ & Co"), ("q", "")];
        assert_eq!(address("/leaderboard", &query), "/leaderboard?benchmark=a&language=C%2B%2B+%26+Co");
        assert_eq!(address("/leaderboard", &[("a", "x/y")]), "/leaderboard?a=x/y");
        assert_eq!(address("/leaderboard", &[]), "/leaderboard");
    }
}
