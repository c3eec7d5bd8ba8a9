//! Outcome of a plan, for people and for programs.

use std::fmt::{self, Display, Formatter};

use aibaas_core::domain::{BenchmarkId, ModelId, VersionName};
use serde::Serialize;

use super::{listing::some_of, plan::Submission};

/// Exit code where everything was refused, or with `--strict` anything.
const REFUSED: u8 = 3;

/// Outcome of a plan, or of a dry run.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Whether nothing was sent: then `published` is what would be.
    pub dry_run: bool,
    pub published: Vec<Done>,
    pub already_there: Vec<Done>,
    pub refused: Vec<Left>,
    pub failed: Vec<Left>,
    pub not_mapped: Vec<String>,
}

/// A run that is on the server.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    name: String,
    model: ModelId,
    benchmark: BenchmarkId,
    version: VersionName,
    external_id: Option<String>,
    run_id: Option<String>,
    note: Option<&'static str>,
}

impl Done {
    /// Creates it from what was sent.
    pub fn new(
        name: &str,
        Submission { run, .. }: &Submission,
        run_id: Option<String>,
        note: Option<&'static str>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            model: run.model.clone(),
            benchmark: run.benchmark.clone(),
            version: run.version.clone(),
            external_id: run.external_id.clone(),
            run_id,
            note,
        }
    }
}

/// A run that is not on the server, and why.
#[derive(Debug, Serialize)]
pub struct Left {
    name: String,
    reason: String,
}

impl Left {
    /// Creates it from the name at the source and the reason.
    pub fn new(name: &str, reason: &str) -> Self {
        Self { name: name.to_owned(), reason: reason.to_owned() }
    }
}

impl Summary {
    /// Returns 0 where something is published or was there, 1 where something failed, 3 where all was refused, or
    /// anything of a strict import.
    pub fn exit_code(&self, strict: bool) -> u8 {
        if !self.failed.is_empty() {
            1
        } else if (strict && !self.refused.is_empty()) || (self.published.is_empty() && self.already_there.is_empty()) {
            REFUSED
        } else {
            0
        }
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { dry_run, published, already_there, refused, failed, not_mapped } = self;
        if *dry_run {
            write!(f, "would publish {}, would refuse {}; nothing was sent", published.len(), refused.len())?;
            for Done { name, model, benchmark, version, .. } in published {
                write!(f, "\nwould publish: {name}: {model} on {benchmark}, version {version}")?;
            }
        } else {
            write!(
                f,
                "published {}, already there {}, refused {}, failed {}",
                published.len(),
                already_there.len(),
                refused.len(),
                failed.len()
            )?;
        }
        for Done { name, note, .. } in already_there {
            if let Some(note) = note {
                write!(f, "\nalready there: {name}: {note}")?;
            }
        }
        lefts(f, "refused", refused)?;
        lefts(f, "failed", failed)?;
        not_mapped.iter().try_for_each(|line| write!(f, "\nnot mapped: {line}"))
    }
}

/// Writes a line for each reason, with the runs that have it.
fn lefts(f: &mut Formatter<'_>, what: &str, lefts: &[Left]) -> fmt::Result {
    let mut reasons = Vec::<(&str, Vec<&str>)>::new();
    for Left { name, reason } in lefts {
        match reasons.iter_mut().find(|(other, _)| other == reason) {
            Some((_, names)) => names.push(name),
            None => reasons.push((reason, vec![name])),
        }
    }
    reasons.iter().try_for_each(|(reason, names)| write!(f, "\n{what}: {}: {reason}", some_of(names)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(published: usize, refused: usize, failed: usize) -> Summary {
        let lefts = |count: usize| (0..count).map(|index| Left::new(&format!("row {index}"), "no vendor")).collect();
        let done = || Done {
            name: "row".to_owned(),
            model: "p/m".into(),
            benchmark: "b".into(),
            version: "1".into(),
            external_id: Some("x".to_owned()),
            run_id: None,
            note: None,
        };
        Summary {
            published: (0..published).map(|_| done()).collect(),
            refused: lefts(refused),
            failed: lefts(failed),
            ..Summary::default()
        }
    }

    #[test]
    fn the_exit_code_tells_what_became_of_it() {
        for (published, refused, failed, strict, code) in [
            (1, 0, 0, false, 0),
            (1, 1, 0, false, 0),
            (1, 1, 0, true, 3),
            (1, 0, 0, true, 0),
            (0, 1, 0, false, 3),
            (0, 0, 0, false, 3),
            (1, 0, 1, false, 1),
            (0, 1, 1, true, 1),
        ] {
            let code_of = summary(published, refused, failed).exit_code(strict);
            assert_eq!(code_of, code, "{published} {refused} {failed} {strict}");
        }
        let there = Summary { already_there: summary(1, 0, 0).published, ..Summary::default() };
        assert_eq!(there.exit_code(true), 0);
    }

    #[test]
    fn the_same_reason_is_told_once() {
        let text = summary(1, 7, 0).to_string();
        assert_eq!(
            text,
            "published 1, already there 0, refused 7, failed 0\n\
             refused: row 0, row 1, row 2, row 3, row 4 and 2 more: no vendor"
        );
        let text = Summary { dry_run: true, ..summary(1, 0, 0) }.to_string();
        assert_eq!(text, "would publish 1, would refuse 0; nothing was sent\nwould publish: row: p/m on b, version 1");
    }
}
