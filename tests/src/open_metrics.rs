//! A parser of OpenMetrics text 1.0 that is as strict as the specification.

use std::collections::{BTreeMap, BTreeSet};

/// A sample: name, labels and value.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Name of the metric, with the suffix of its type.
    pub name: String,
    /// Values of the labels, by name.
    pub labels: BTreeMap<String, String>,
    /// The sample's value.
    pub value: f64,
}

#[derive(Default)]
struct Family {
    name: String,
    kind: Option<String>,
    unit: Option<String>,
    has_help: bool,
    samples: Vec<Sample>,
}

/// Every sample that was exposed.
#[derive(Debug)]
pub struct Exposition(pub Vec<Sample>);

impl Exposition {
    /// Sums the samples of this name that have at least these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(name, value)| sample.labels.get(*name).is_some_and(|is| is == value))
        };
        self.0.iter().filter(has).map(|sample| sample.value).sum()
    }

    /// Returns the names of all samples.
    pub fn names(&self) -> BTreeSet<&str> {
        self.0.iter().map(|sample| sample.name.as_str()).collect()
    }
}

/// Parses an exposition.
///
/// # Errors
/// Returns the line or family that breaks a rule, and the rule.
pub fn parse(text: &str) -> Result<Exposition, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("it does not end with # EOF")?;
    let (mut families, mut seen) = (Vec::<Family>::new(), BTreeSet::new());
    let body = if body.is_empty() { "" } else { body.strip_suffix('\n').ok_or("a line does not end")? };
    for line in body.split('\n') {
        let wrong = |why: &str| format!("{why}: {line}");
        let name = match line.strip_prefix("# ") {
            Some(descriptor) => descriptor.split(' ').nth(1).ok_or_else(|| wrong("no name"))?.to_owned(),
            None => family_of(line.split(['{', ' ']).next().unwrap_or_default(), families.last()),
        };
        if families.last().is_none_or(|family| family.name != name) {
            if !is_name(&name) || !seen.insert(name.clone()) {
                return Err(wrong("no name, or one that comes in two places"));
            }
            families.push(Family { name: name.clone(), ..Family::default() });
        }
        let family = families.last_mut().expect("one was pushed");
        match line.strip_prefix("# ") {
            Some(descriptor) => describe(family, descriptor).map_err(|why| wrong(&why))?,
            None => family.samples.push(sample(line).map_err(|why| wrong(&why))?),
        }
    }
    for family in &families {
        check(family).map_err(|why| format!("{}: {why}", family.name))?;
    }
    Ok(Exposition(families.into_iter().flat_map(|family| family.samples).collect()))
}

/// Returns the family that a sample belongs to: the one before, where the name is the family's and a suffix of its
/// type, else a new one of the sample's name.
fn family_of(name: &str, before: Option<&Family>) -> String {
    let suffixes: &[&str] = match before.and_then(|family| family.kind.as_deref()) {
        Some("counter") => &["_total", "_created"],
        Some("histogram") => &["_bucket", "_count", "_sum", "_created"],
        Some("info") => &["_info"],
        _ => &[],
    };
    let is_of = |family: &&Family| name.strip_prefix(family.name.as_str()).is_some_and(|rest| suffixes.contains(&rest));
    before.filter(is_of).map_or_else(|| name.to_owned(), |family| family.name.clone())
}

fn describe(family: &mut Family, descriptor: &str) -> Result<(), String> {
    let mut words = descriptor.splitn(3, ' ');
    let (what, _, rest) = (words.next().unwrap_or_default(), words.next(), words.next().unwrap_or_default());
    if !family.samples.is_empty() {
        return Err("it comes after a sample".to_owned());
    }
    let is_first = match what {
        "TYPE" => {
            family.kind.replace(rest.to_owned()).is_none() && ["counter", "gauge", "histogram", "info"].contains(&rest)
        }
        "UNIT" => family.unit.replace(rest.to_owned()).is_none() && family.name.ends_with(&format!("_{rest}")),
        "HELP" => !std::mem::replace(&mut family.has_help, true) && !rest.is_empty(),
        _ => false,
    };
    is_first.then_some(()).ok_or_else(|| "no such descriptor, or a second one".to_owned())
}

fn sample(line: &str) -> Result<Sample, String> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(mut inside) = rest.strip_prefix('{') {
        loop {
            let (label, after) = inside.split_once("=\"").ok_or("a label without a value")?;
            let (value, after) = quoted(after)?;
            if !is_label(label) || labels.insert(label.to_owned(), value).is_some() {
                return Err(format!("{label:?} is no label, or comes twice"));
            }
            match after.strip_prefix(',') {
                Some(next) => inside = next,
                None => {
                    rest = after.strip_prefix('}').ok_or("labels do not end")?;
                    break;
                }
            }
        }
    }
    let number = rest.strip_prefix(' ').ok_or("no space before the value")?;
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))
        || ["NaN", "+Inf", "-Inf"].contains(&number);
    let value = number.parse().ok().filter(|_| is_number).ok_or_else(|| format!("{number:?} is no number"))?;
    Ok(Sample { name: name.to_owned(), labels, value })
}

fn quoted(text: &str) -> Result<(String, &str), String> {
    let (mut value, mut characters) = (String::new(), text.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => value.push(match characters.next().map(|(_, escaped)| escaped) {
                Some('n') => '\n',
                Some(escaped @ ('\\' | '"')) => escaped,
                _ => return Err("no such escape".to_owned()),
            }),
            _ => value.push(character),
        }
    }
    Err("a value does not end".to_owned())
}

fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit()) && is_word(name, ":")
}

fn is_label(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit()) && is_word(name, "")
}

fn is_word(text: &str, others: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_' || others.contains(character))
}

/// Checks that the samples of a family fit its type, and that none comes twice.
fn check(family: &Family) -> Result<(), String> {
    let kind = family.kind.as_deref().ok_or("it has no type")?;
    if !family.has_help {
        return Err("it has no help".to_owned());
    }
    let mut seen = BTreeSet::new();
    for sample in &family.samples {
        if !seen.insert((&sample.name, &sample.labels)) {
            return Err(format!("it comes twice: {sample:?}"));
        }
        let suffix = sample.name.strip_prefix(family.name.as_str()).unwrap_or_default();
        let fits = match kind {
            "gauge" => suffix.is_empty(),
            "info" => suffix == "_info" && sample.value == 1.0,
            _ => !suffix.is_empty() && sample.value >= 0.0,
        };
        if !fits || sample.labels.contains_key("le") != (suffix == "_bucket") {
            return Err(format!("it is no {kind}: {sample:?}"));
        }
    }
    if kind == "histogram" { check_histogram(family) } else { Ok(()) }
}

fn check_histogram(family: &Family) -> Result<(), String> {
    let mut metrics = BTreeMap::<BTreeMap<String, String>, (Vec<(f64, f64)>, Option<f64>, bool)>::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        let bound = labels.remove("le");
        let (buckets, count, has_sum) = metrics.entry(labels).or_default();
        match bound {
            Some(bound) => buckets.push((bound.parse().map_err(|_| format!("le={bound}"))?, sample.value)),
            None if sample.name.ends_with("_count") => *count = Some(sample.value),
            None => *has_sum = true,
        }
    }
    for (labels, (buckets, count, has_sum)) in metrics {
        let rises = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        let last = buckets.last().copied();
        if !rises
            || !has_sum
            || last.map(|(bound, _)| bound) != Some(f64::INFINITY)
            || last.map(|(_, all)| all) != count
        {
            return Err(format!("its buckets do not add up: {labels:?} {buckets:?} {count:?}"));
        }
    }
    Ok(())
}
