//! Validation of the body that declares a benchmark version.

use std::collections::HashSet;

use crate::{
    domain::{
        BenchmarkId, VersionName,
        benchmark::{BenchmarkVersion, Evidence, MOST_VALUES, Part, Slices, Task},
        measure::{Bounds, MOST_SCORE, Measure, Metric},
    },
    http::{problem::ApiError, publishing::check_conditions, request::Validator},
    wire::{BenchmarkVersionPut, DefaultParts, OwnParts, PartsInput, TaskInput},
};

const MOST_TASKS: usize = 10_000;
/// Most tasks of a version whose tasks are not named, or of a whole that is not declared.
const MOST_COUNTED: u32 = 10_000_000;
const MOST_ATTEMPTS: u32 = 10;
const MOST_PARTS: usize = 20;
const MOST_WEIGHT: f64 = 1e6;
/// Most values that a dimension could have before [`MOST_VALUES`]: declaring such an older version again still
/// succeeds.
const EVER_MOST_VALUES: usize = 100;

/// The parts of a composite score, with their weights, that `"parts": "default"` stands for.
const DEFAULT_PARTS: [(&str, f64); 5] =
    [("automated", 40.0), ("staff", 25.0), ("community", 20.0), ("self-review", 7.5), ("panel", 7.5)];

impl PartsInput {
    fn check(self, validator: &mut Validator, metric: Metric) -> Vec<Part> {
        let parts = match self {
            Self::Own(OwnParts(parts)) => parts,
            Self::Named(DefaultParts::Default) => {
                DEFAULT_PARTS.iter().map(|(id, weight)| Part { id: (*id).to_owned(), weight: *weight }).collect()
            }
        };
        validator.require(metric == Metric::Score, "/parts", "only a score has parts: give metric score");
        validator.require((1..=MOST_PARTS).contains(&parts.len()), "/parts", "give 1 to 20 parts");
        let mut seen = HashSet::new();
        for (index, part) in parts.iter().enumerate() {
            let at = |member: &str| format!("/parts/{index}/{member}");
            validator.slug(&at("id"), &part.id);
            validator.require(part.id.len() <= 50, &at("id"), "give at most 50 characters");
            validator.require(seen.insert(part.id.clone()), &at("id"), "another part has this id");
            let weighs = part.weight > 0.0 && part.weight <= MOST_WEIGHT;
            validator.require(weighs, &at("weight"), "give more than 0, and at most 1000000");
        }
        parts
    }
}

impl BenchmarkVersionPut {
    /// Checks the body and returns the version that it declares.
    ///
    /// # Errors
    /// `validation_failed`, with each mistake.
    pub(super) fn check(self, benchmark: BenchmarkId, version: VersionName) -> Result<BenchmarkVersion, ApiError> {
        let mut validator = Validator::default();
        validator.slug("?id", benchmark.as_str());
        validator.slug("?version", version.as_str());
        let title = validator.name("/title", &self.title, 255);
        let description = validator.optional_text("/description", self.description.as_deref(), 10_000);
        let measure = Measure {
            metric: self.metric,
            direction: self.direction,
            unit: self
                .unit
                .as_deref()
                .filter(|unit| !unit.trim().is_empty())
                .map(|unit| validator.name("/unit", unit, 30)),
            bounds: self.bounds.unwrap_or_default(),
        };
        check_measure(&mut validator, &measure, self.parts.is_some());
        if let Some(Err(detail)) = self.chance_level.map(|level| measure.bounds.check(level)) {
            validator.require(false, "/chanceLevel", &detail);
        }
        let attempts = (1..=MOST_ATTEMPTS).contains(&self.attempts_per_task);
        validator.require(attempts, "/attemptsPerTask", "give 1 to 10");
        let published = validator.optional_date("/tasksPublishedOn", self.tasks_published_on.as_deref());
        for (pointer, base) in [("/partOf", &self.part_of), ("/otherScoringOf", &self.other_scoring_of)] {
            if let Some(base) = base {
                validator.slug(pointer, base.as_str());
            }
        }
        let has_two_bases = self.part_of.is_some() && self.other_scoring_of.is_some();
        validator.require(!has_two_bases, "/otherScoringOf", "a version is a part or a second scoring, not both");
        let has_base = self.part_of.is_some() || self.other_scoring_of.is_some();
        let is_told_once = self.whole_task_count.is_none() || !has_base;
        validator.require(is_told_once, "/wholeTaskCount", "the version that is named tells how many tasks there are");
        let homepage = validator.optional_https_url("/homepage", self.homepage.as_deref());
        let licence = validator.optional_text("/licence", self.licence.as_deref(), 100);
        let citation = validator.optional_text("/citation", self.citation.as_deref(), 2000);
        let conditions = check_conditions(&mut validator, self.conditions);
        let has_parts = self.parts.is_some();
        let parts = self.parts.map(|parts| parts.check(&mut validator, self.metric));
        let (tasks, task_count) = match self.evidence {
            Evidence::Results => {
                let absent = self.task_count.is_none();
                validator.require(
                    absent,
                    "/taskCount",
                    "the tasks are counted; give it with evidence counts or score only",
                );
                let tasks = check_tasks(&mut validator, self.tasks.unwrap_or_default());
                let count = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
                (tasks, count)
            }
            evidence @ (Evidence::Counts | Evidence::Score) => {
                let detail = format!("a version whose evidence is {} has no tasks", evidence.as_str());
                validator.require(self.tasks.is_none(), "/tasks", &detail);
                let fits = evidence == Evidence::Score || self.metric == Metric::PassRate;
                validator.require(fits, "/metric", "counts are of passes: give pass_rate");
                validator.require(!has_parts, "/parts", "only results have parts");
                let count = self.task_count.filter(|count| (1..=MOST_COUNTED).contains(count));
                validator.require(count.is_some(), "/taskCount", "give 1 to 10000000");
                (Vec::new(), count.unwrap_or(1))
            }
        };
        let is_less = self.whole_task_count.is_none_or(|whole| whole > task_count && whole <= MOST_COUNTED);
        validator.require(is_less, "/wholeTaskCount", "a part has fewer tasks than the whole");
        validator.finish()?;
        Ok(BenchmarkVersion {
            benchmark,
            version,
            title,
            description,
            measure,
            chance_level: self.chance_level,
            evidence: self.evidence,
            task_count,
            attempts_per_task: self.attempts_per_task,
            private_tasks: self.private_tasks,
            tasks_published_on: published,
            parts,
            part_of: self.part_of,
            whole_task_count: self.whole_task_count,
            other_scoring_of: self.other_scoring_of,
            homepage,
            licence,
            citation,
            conditions,
            tasks,
        })
    }
}

/// Checks what every reader relies on for pass rates and composite scores, and that the bounds are in order.
fn check_measure(validator: &mut Validator, measure: &Measure, has_parts: bool) {
    let Bounds { lower, upper } = measure.bounds;
    for (pointer, bound) in [("/bounds/lower", lower), ("/bounds/upper", upper)] {
        let is_usual = bound.is_none_or(|bound| bound.abs() <= MOST_SCORE);
        validator.require(is_usual, pointer, "give a number within ±10¹²");
    }
    let in_order = lower.zip(upper).is_none_or(|(lower, upper)| lower < upper);
    validator.require(in_order, "/bounds/upper", "give more than the lower bound");
    let is_usual = measure.bounds == Bounds::default();
    if measure.metric == Metric::PassRate {
        validator.require(is_usual, "/bounds", "a pass rate is 0 to 1: leave the bounds out, or give metric score");
        validator.require(
            measure.unit.is_none(),
            "/unit",
            "a pass rate has no unit: leave it out, or give metric score",
        );
    }
    if has_parts {
        validator.require(is_usual, "/bounds", "a score with parts is 0 to 1: leave the bounds out");
        validator.require(measure.unit.is_none(), "/unit", "a score with parts has no unit");
    }
}

fn check_tasks(validator: &mut Validator, inputs: Vec<TaskInput>) -> Vec<Task> {
    validator.require((1..=MOST_TASKS).contains(&inputs.len()), "/tasks", "give 1 to 10000 tasks");
    let mut seen = HashSet::new();
    let mut tasks = Vec::with_capacity(inputs.len());
    for (index, input) in inputs.into_iter().enumerate() {
        let at = |member: &str| format!("/tasks/{index}/{member}");
        let task = Task {
            id: validator.text(&at("id"), &input.id, 1, 200),
            scenario: validator.optional_text(&at("scenario"), input.scenario.as_deref(), 100),
            language: validator.optional_text(&at("language"), input.language.as_deref(), 100),
            difficulty: validator.optional_text(&at("difficulty"), input.difficulty.as_deref(), 100),
            cluster: validator.optional_text(&at("cluster"), input.cluster.as_deref(), 100),
        };
        validator.require(seen.insert(task.id.clone()), &at("id"), "another task has this id");
        tasks.push(task);
    }
    for (member, values) in Slices::of(&tasks).dimensions() {
        validator.require(values.len() <= EVER_MOST_VALUES, "/tasks", &too_many_values(member));
    }
    tasks
}

pub(super) fn too_many_values(member: &str) -> String {
    format!("give at most {MOST_VALUES} different values of {member}")
}
