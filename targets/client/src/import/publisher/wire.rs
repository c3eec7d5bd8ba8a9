//! What of a plan the API takes: the one place that changes when it takes more.

use serde_json::Value;

use crate::import::plan::{About, Benchmark, Relation, Submission};

/// Returns what the API can take as it is. `RunCreate` requires a commit: once it does not, a run without one is sent
/// as it is, and the server flags it.
///
/// # Errors
/// Why the API would refuse it.
pub fn accepted(submission: &Submission) -> Result<&Submission, String> {
    match submission.run.commit {
        Some(_) => Ok(submission),
        None => Err("no commit of the code that was run is told: give --commit".to_owned()),
    }
}

/// Makes the body that declares a benchmark version, with its relation to another version or without.
pub fn version_put(benchmark: &Benchmark, related: bool) -> Value {
    let mut body = benchmark.body.clone();
    let About { homepage, licence, citation } = &benchmark.about;
    let (member, base) = match benchmark.relation.as_ref().filter(|_| related) {
        Some(Relation::PartOf(version)) => ("partOf", Some(version)),
        Some(Relation::OtherScoringOf(version)) => ("otherScoringOf", Some(version)),
        None => ("partOf", None),
    };
    if let Value::Object(members) = &mut body {
        for (name, text) in [
            ("homepage", homepage.as_ref()),
            ("licence", licence.as_ref()),
            ("citation", citation.as_ref()),
            (member, base),
        ] {
            if let Some(text) = text {
                members.insert(name.to_owned(), text.as_str().into());
            }
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_version_tells_what_it_is_a_part_of() {
        let benchmark = Benchmark {
            body: json!({"title": "B"}),
            relation: Some(Relation::PartOf("1".to_owned())),
            about: About { homepage: Some("https://b.example".to_owned()), ..About::default() },
            ..Benchmark::default()
        };
        let alone = json!({"title": "B", "homepage": "https://b.example"});
        assert_eq!(version_put(&benchmark, false), alone);
        assert_eq!(
            version_put(&benchmark, true),
            json!({"title": "B", "homepage": "https://b.example", "partOf": "1"})
        );
    }
}
