//! Declaration of a benchmark version on the wire.

use serde_json::Value;

use crate::import::plan::{About, Benchmark, Relation};

/// Creates the body that declares a benchmark version, as a second scoring of another or by itself.
pub fn version_put(benchmark: &Benchmark, related: bool) -> Value {
    let mut body = benchmark.body.clone();
    let About { homepage, licence, citation } = &benchmark.about;
    let (whole, base) = match &benchmark.relation {
        Some(Relation::PartOf(tasks)) => (Some(*tasks), None),
        Some(Relation::OtherScoringOf(version)) => (None, related.then_some(version)),
        None => (None, None),
    };
    if let Value::Object(members) = &mut body {
        for (name, text) in [
            ("homepage", homepage.as_ref()),
            ("licence", licence.as_ref()),
            ("citation", citation.as_ref()),
            ("otherScoringOf", base),
        ] {
            if let Some(text) = text {
                members.insert(name.to_owned(), text.as_str().into());
            }
        }
        if let Some(tasks) = whole {
            members.insert("wholeTaskCount".to_owned(), tasks.into());
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declared(relation: Relation, related: bool) -> Value {
        let about = About { homepage: Some("https://b.example".to_owned()), ..About::default() };
        let body = json!({"title": "B"});
        version_put(&Benchmark { body, relation: Some(relation), about, ..Benchmark::default() }, related)
    }

    #[test]
    fn a_version_tells_what_it_is_to_another() {
        let alone = json!({"title": "B", "homepage": "https://b.example"});
        let other = || Relation::OtherScoringOf("1".to_owned());
        assert_eq!(declared(other(), false), alone);
        let with = |member: &str, value: Value| {
            let mut body = alone.clone();
            body[member] = value;
            body
        };
        assert_eq!(declared(other(), true), with("otherScoringOf", json!("1")));
        assert_eq!(declared(Relation::PartOf(100), false), with("wholeTaskCount", json!(100)));
    }
}
