//! Plan of an import: what is published of documents, in the terms of the API.

use aibaas_core::{
    domain::{BenchmarkId, ModelId, VersionName, benchmark, measure::Metric},
    wire::{BenchmarkVersionPut, CountsPut, GivenScorePut, ResultInput, RunCreate, TaskInput},
};

use super::names::{LONGEST_NAME, slug};

/// Most attempts at one task that the API accepts.
pub const MOST_ATTEMPTS: u32 = 10;

/// Benchmark versions and runs to publish.
#[derive(Debug, Default)]
pub struct Plan {
    pub benchmarks: Vec<Benchmark>,
    pub entries: Vec<Entry>,
    /// What the documents have and the API has no place for, or what is imported changed, and why.
    pub unmapped: Vec<String>,
}

impl Plan {
    /// Adds the plan of another document. Where it defines a benchmark version otherwise, its runs are refused.
    pub fn add(&mut self, other: Self) {
        let mut clashes = Vec::new();
        for benchmark in other.benchmarks {
            let is_same = |first: &&mut Benchmark| (&first.id, &first.version) == (&benchmark.id, &benchmark.version);
            match self.benchmarks.iter_mut().find(is_same) {
                None => self.benchmarks.push(benchmark),
                Some(first) if first.test() == benchmark.test() => {}
                // Passes are scores too, of 0 and 1.
                Some(first) if first.graded() == benchmark.graded() => first.body.metric = Metric::Score,
                Some(_) => clashes.push((benchmark.id, benchmark.version)),
            }
        }
        self.entries.extend(other.entries.into_iter().map(|mut entry| {
            if let Ok(Submission { run, .. }) = &entry.submission
                && clashes.iter().any(|(id, version)| (id, version) == (&run.benchmark, &run.version))
            {
                entry.submission = Err(format!(
                    "its tasks, attempts, metric or texts are not those of the first file of {}, version {}: import it \
                     apart, with --benchmark-version",
                    run.benchmark, run.version
                ));
            }
            entry
        }));
        for line in other.unmapped {
            if !self.unmapped.contains(&line) {
                self.unmapped.push(line);
            }
        }
    }

    /// Adds that a document is refused as a whole.
    pub fn refuse(&mut self, name: String, reason: String) {
        self.entries.push(Entry { name, submission: Err(reason) });
    }
}

/// A benchmark version, and the body that declares it.
#[derive(Clone, Debug)]
pub struct Benchmark {
    pub id: BenchmarkId,
    pub version: VersionName,
    pub body: BenchmarkVersionPut,
}

impl Benchmark {
    /// Returns what of the body makes the test: documents of one version may differ in the links that they give, and in
    /// what they tell of other versions.
    pub fn test(&self) -> BenchmarkVersionPut {
        BenchmarkVersionPut {
            whole_task_count: None,
            other_scoring_of: None,
            homepage: None,
            licence: None,
            citation: None,
            ..self.body.clone()
        }
    }

    /// Returns the [test](Self::test) with the metric `score`, where its evidence is results.
    fn graded(&self) -> BenchmarkVersionPut {
        let mut test = self.test();
        if test.evidence == benchmark::Evidence::Results {
            test.metric = Metric::Score;
        }
        test
    }
}

/// Source of one run: a row of a table, or a log.
#[derive(Debug)]
pub struct Entry {
    /// Name in the document, and its place there.
    pub name: String,
    /// Submission to publish, or why that would be wrong.
    pub submission: Result<Submission, String>,
}

/// One model's run, with its evidence.
#[derive(Debug)]
pub struct Submission {
    pub model: Model,
    pub run: RunCreate,
    pub evidence: Evidence,
}

/// A model as the API names it: `provider/name`, and its display name.
#[derive(Debug)]
pub struct Model {
    pub provider: String,
    pub name: String,
    pub display_name: String,
}

impl Model {
    /// Creates a model from the name at its source.
    ///
    /// # Errors
    /// A text where the name gives no identifier.
    pub fn named(provider: String, display_name: &str) -> Result<Self, String> {
        let name = slug(display_name, LONGEST_NAME);
        if name.is_empty() {
            return Err(format!("model is {display_name:?}, which makes no identifier"));
        }
        Ok(Self { provider, name, display_name: display_name.to_owned() })
    }

    /// Returns the model's id in the API.
    pub fn id(&self) -> ModelId {
        format!("{}/{}", self.provider, self.name).into()
    }
}

/// Evidence for a run's score.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence {
    Counts(CountsPut),
    Results(Vec<ResultInput>),
    Score(GivenScorePut),
}

/// Returns the metric of a version with results: scores, or passes.
pub fn metric(is_graded: bool) -> Metric {
    if is_graded { Metric::Score } else { Metric::PassRate }
}

/// Checks whether a result is neither a pass nor a failure.
pub fn is_partial(result: &ResultInput) -> bool {
    result.score.is_some_and(|score| score != 0.0 && score != 1.0)
}

/// Returns the tasks that the results are of.
pub fn tasks_of(results: &[ResultInput]) -> Vec<TaskInput> {
    results.iter().filter(|result| result.attempt == 1).map(|result| TaskInput::new(result.task.as_str())).collect()
}

/// Returns a number of tokens as the API takes it.
pub fn tokens(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(body: BenchmarkVersionPut) -> Plan {
        let run = RunCreate::new("p/m".into(), "b".into(), "1".into(), "h", "1");
        let model = Model::named("p".to_owned(), "m").unwrap();
        let submission = Ok(Submission { model, run, evidence: Evidence::Results(Vec::new()) });
        let benchmark = Benchmark { id: "b".into(), version: "1".into(), body };
        let entries = vec![Entry { name: "m".to_owned(), submission }];
        Plan { benchmarks: vec![benchmark], entries, unmapped: vec!["texts".to_owned()] }
    }

    #[test]
    fn plans_of_one_version_have_one_definition() {
        let body = |metric, task: &str| BenchmarkVersionPut {
            tasks: Some(vec![TaskInput::new(task)]),
            ..BenchmarkVersionPut::of_results("B", metric)
        };
        let mut whole = plan(body(Metric::PassRate, "a"));
        let homepage = Some("https://b.example".to_owned());
        whole.add(plan(BenchmarkVersionPut { homepage, ..body(Metric::PassRate, "a") }));
        assert_eq!(whole.benchmarks[0].body, body(Metric::PassRate, "a"));
        whole.add(plan(body(Metric::Score, "a")));
        assert_eq!(whole.benchmarks[0].body.metric, Metric::Score, "one with partial scores makes all of them scores");
        whole.add(plan(body(Metric::PassRate, "other")));
        whole.add(plan(BenchmarkVersionPut::of_counts("B", 1)));
        assert_eq!((whole.benchmarks.len(), whole.unmapped.len()), (1, 1));
        let sound = whole.entries.iter().map(|entry| entry.submission.is_ok()).collect::<Vec<_>>();
        assert_eq!(sound, [true, true, true, false, false]);
        let reason = whole.entries[3].submission.as_ref().unwrap_err();
        assert!(reason.contains("--benchmark-version"), "{reason}");
    }
}
