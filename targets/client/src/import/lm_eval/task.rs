//! Conversion of one task to a submission.

use aibaas_core::{
    domain::{BenchmarkId, VersionName},
    wire::BenchmarkVersionPut,
};
use serde_json::Value;

use super::{
    Options,
    chosen::Chosen,
    document::{Document, SampleCount, TaskConfig},
};
use crate::import::{
    listing::some_of,
    names::{LONGEST_NAME, slug},
    plan::{Benchmark, Model, Submission},
};

/// A task of the results.
pub struct Task<'a> {
    pub name: &'a str,
    pub document: &'a Document,
    pub options: &'a Options,
}

impl Task<'_> {
    /// Creates the benchmark version and the run, and lists what has no place in them.
    ///
    /// # Errors
    /// A text that says why it would be wrong to publish the task.
    pub fn submission(&self, model: &Model, samples: &[&[u8]]) -> Result<(Benchmark, Submission, Vec<String>), String> {
        let chosen = self.chosen()?;
        let mut unmapped = Vec::new();
        if !chosen.left.is_empty() {
            unmapped.push(format!("{}: the score is {}", some_of(&chosen.left), chosen.key()));
        }
        let count = self.document.counts.get(self.name).copied();
        let (mut version, mut whole_task_count, mut other_scoring_of) = (self.version(), None, None);
        if let Some(SampleCount { original, effective }) = count.filter(|count| count.effective < count.original) {
            let reason = format!("{effective} of {original} documents were evaluated");
            if !self.options.provenance.accept_incomplete {
                return Err(format!("{reason}; --accept-incomplete publishes what is there"));
            }
            whole_task_count = Some(original);
            version = format!("{version}-{effective}-of-{original}");
            unmapped.push(format!("{reason}: they stand as version {version}"));
        }
        let (body, evidence) = match samples {
            // A metric that is not a share is computed from all documents together.
            _ if !chosen.measure.is_share() => {
                version = format!("{version}-score");
                unmapped.push(format!("only the score of {} stands, as version {version}", chosen.key()));
                self.counted(&chosen, count)?
            }
            [] => {
                version = format!("{version}-counts");
                unmapped.push(format!("no samples are given: only the number of passes stands, as version {version}"));
                self.counted(&chosen, count)?
            }
            [samples] => self.sampled(&chosen, samples, count, &mut unmapped)?,
            _ => return Err("several files of its samples are given".to_owned()),
        };
        if let Some(given) = self.options.benchmark_version.as_ref().filter(|given| **given != version) {
            if self.options.metric.is_some() && whole_task_count.is_none() {
                other_scoring_of = Some(version.as_str().into());
            }
            given.clone_into(&mut version);
        }
        let id = slug(self.name, LONGEST_NAME);
        if id.is_empty() {
            return Err("the name makes no identifier".to_owned());
        }
        let body = BenchmarkVersionPut {
            description: Some(self.description(&chosen)),
            whole_task_count,
            other_scoring_of,
            ..chosen.measure.told(body)
        };
        let (id, version) = (BenchmarkId::from(id), VersionName::from(version));
        let run = self.run(&chosen, model, &id, &version)?;
        let benchmark = Benchmark { id, version, body };
        let model = Model {
            provider: model.provider.clone(),
            name: model.name.clone(),
            display_name: model.display_name.clone(),
        };
        Ok((benchmark, Submission { model, run, evidence }, unmapped))
    }

    /// Returns the task's configuration.
    pub fn config(&self) -> Option<&TaskConfig> {
        self.document.configs.get(self.name)
    }

    /// Returns the number of examples in the prompt.
    pub fn shots(&self) -> Option<u64> {
        let told = self.document.shots.get(self.name).and_then(Value::as_u64);
        told.or_else(|| self.config().and_then(|config| config.num_fewshot).map(u64::from))
    }

    /// Returns the task's own version with its number of examples: with another number it is another test.
    fn version(&self) -> String {
        let version = match self.document.versions.get(self.name) {
            Some(Value::String(version)) => slug(version, LONGEST_NAME),
            Some(Value::Number(version)) => version.to_string(),
            _ => String::new(),
        };
        let version = if version.is_empty() { "0".to_owned() } else { version };
        match self.shots() {
            Some(shots) => format!("{version}-{shots}-shot"),
            None => version,
        }
    }

    fn description(&self, chosen: &Chosen) -> String {
        let config = self.config();
        let path = config.and_then(|config| config.dataset_path.as_deref());
        let name = config.and_then(|config| config.dataset_name.as_deref());
        let dataset = [path, name].into_iter().flatten().collect::<Vec<_>>().join(", ");
        let dataset = if dataset.is_empty() { dataset } else { format!(" (data set {dataset})") };
        format!("Task {} of lm-evaluation-harness{dataset}, scored by {}.", self.name, chosen.key())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::import::lm_eval::{
        fixtures::{arith, of, options, read, results, samples},
        plan,
    };

    #[test]
    fn what_is_wrong_is_said() {
        let all = [1, 1, 1, 1].map(Value::from);
        let wrong =
            |scores: &[Value]| read(&results(), &[samples("arith", "exact_match", &[("strict-match", scores)])], &[]);
        for (scores, reason) in [
            (&all[..], "the samples come to exact_match,strict-match 1, the results say 0.5"),
            (&all[..3], "the results are of 4 documents, the samples of 3"),
            (&[json!(2)], "line 1 of its samples: exact_match is 2, which is not between 0 and 1"),
            (
                &[json!([1, 2])],
                "line 1 of its samples: exact_match is no number: it is computed of all documents together",
            ),
        ] {
            assert_eq!(of(&wrong(scores), "arith").as_ref().unwrap_err(), reason);
        }
        let refusal = |spoil: fn(&mut Value), arguments: &[&str]| {
            let mut results = results();
            spoil(&mut results);
            match plan(results.to_string().as_bytes(), &[arith()], &options(arguments)) {
                Ok(plan) => of(&plan, "arith").as_ref().err().cloned(),
                Err(reason) => Some(reason),
            }
        };
        let limited: fn(&mut Value) = |results| results["n-samples"]["arith"]["original"] = json!(1319);
        assert_eq!(
            refusal(limited, &[]).unwrap(),
            "4 of 1319 documents were evaluated; --accept-incomplete publishes what is there"
        );
        assert_eq!(refusal(limited, &["--accept-incomplete"]), None);
        let anonymous: fn(&mut Value) = |results| results["model_name"] = json!("/data/checkpoints/7");
        assert!(refusal(anonymous, &[]).unwrap().contains("give --model"));
        assert_eq!(refusal(anonymous, &["--model", "org/name"]), None);
        let mut unpinned = results();
        unpinned["git_hash"] = Value::Null;
        for (arguments, commit) in [(&[][..], None), (&["--commit", "abc"][..], Some("abc"))] {
            let plan = read(&unpinned, &[arith()], arguments);
            assert_eq!(of(&plan, "arith").as_ref().unwrap().run.commit.as_deref(), commit);
        }
        let twice = read(&results(), &[arith(), arith()], &[]);
        assert_eq!(of(&twice, "arith").as_ref().unwrap_err(), "several files of its samples are given");
    }
}
