//! EvalPerf's results task by task: a CSV table, a row a model and task, with so many samples and passes.

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
};

use clap::Args;
use csv::StringRecord;
use serde_json::{Map, Value, json};

use super::{
    listing::some_of,
    names::{self, LONGEST_NAME, slug},
    plan::{Benchmark, Entry, Evidence, Model, Plan, Run, Status, Submission, TaskResult},
    times::local_as_utc,
};

/// What is not in the table.
#[derive(Args, Debug)]
pub struct Options {
    /// The file: columns model, date, temperature, task_id, n_samples, n_correct.
    pub(super) file: PathBuf,
    /// Id of the benchmark.
    #[arg(long, value_name = "ID", default_value = "evalperf")]
    benchmark: String,
    /// Version of the benchmark; a table with other tasks needs another one.
    #[arg(long, value_name = "VERSION", default_value = "1")]
    benchmark_version: String,
    /// Version of the harness, which the table does not tell; by default the published data set stands for it.
    #[arg(long, value_name = "VERSION", default_value = "evalplus.github.io@8741845")]
    harness_version: String,
    /// Commit that was run, which the table does not tell; by default that of the published data set.
    #[arg(long, default_value = "8741845")]
    commit: String,
}

const REQUIRED: [&str; 6] = ["model", "date", "temperature", "task_id", "n_samples", "n_correct"];
/// Compared with the counts, where it is there.
const RATE: &str = "pass_at_1_pct";
/// Rates are percents of whole numbers.
const ROUNDING: f64 = 0.005 + 1e-9;

/// Reads the table.
pub(super) fn plan(document: &[u8], options: &Options) -> Result<Plan, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(document);
    let columns = Columns::of(reader.headers().map_err(|error| error.to_string())?)?;
    let (mut tasks, mut known) = (Vec::new(), HashSet::new());
    let (mut runs, mut by_model) = (Vec::<ModelRows>::new(), HashMap::<String, usize>::new());
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = Row { columns: &columns, record: &record };
        if let Ok(task) = row.text("task_id")
            && known.insert(task.to_owned())
        {
            tasks.push(task.to_owned());
        }
        let model = row.text("model").unwrap_or_default();
        let index = *by_model.entry(model.to_owned()).or_insert(runs.len());
        if index == runs.len() {
            runs.push(ModelRows { name: model.to_owned(), line, ..ModelRows::default() });
        }
        if let Some(rows) = runs.get_mut(index)
            && let Err(reason) = rows.take(&row)
        {
            rows.wrong.get_or_insert_with(|| format!("line {line}: {reason}"));
        }
    }
    let (mut entries, mut ids) = (Vec::new(), HashMap::new());
    for rows in &runs {
        let submission = rows.submission(&tasks, options).and_then(|submission| {
            match ids.insert(submission.run.model.clone(), rows.name.clone()) {
                None => Ok(submission),
                Some(other) => Err(format!("makes the same identifier as {other}")),
            }
        });
        entries.push(Entry { name: format!("{} (line {})", rows.name, rows.line), submission });
    }
    let tasks = tasks.iter().map(|task| json!({"id": task, "scenario": scenario(task), "language": "python"}));
    let body = json!({
        "title": "EvalPerf",
        "description": "Code generation tasks of EvalPlus that demand much of the processor. The score is the rate of correct samples; their speed is not part of it.",
        "metric": "pass_rate",
        "tasks": tasks.collect::<Vec<_>>(),
    });
    let benchmark = Benchmark { id: options.benchmark.clone(), version: options.benchmark_version.clone(), body };
    Ok(Plan { benchmarks: vec![benchmark], entries, unmapped: columns.unmapped(options) })
}

/// The data set that a task comes from: HumanEval/9 is of HumanEval.
fn scenario(task: &str) -> Option<&str> {
    task.split_once('/').map(|(dataset, _)| dataset).filter(|dataset| !dataset.is_empty())
}

/// Where each column stands.
struct Columns(Vec<String>);

impl Columns {
    fn of(header: &StringRecord) -> Result<Self, String> {
        let columns = Self(header.iter().map(|name| name.trim().to_owned()).collect());
        let missing: Vec<_> = REQUIRED.iter().filter(|name| columns.position(name).is_none()).collect();
        if missing.is_empty() { Ok(columns) } else { Err(format!("columns are missing: {}", some_of(&missing))) }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|column| column == name)
    }

    fn unmapped(&self, options: &Options) -> Vec<String> {
        let mut unmapped = vec![
            format!(
                "harness version and commit are not in the table: {} and {} stand for them",
                options.harness_version, options.commit
            ),
            "date has no time zone: read as UTC".to_owned(),
        ];
        let mapped = |column: &str| REQUIRED.contains(&column) || column == RATE;
        unmapped.extend(self.0.iter().filter(|column| !mapped(column)).map(|column| match column.as_str() {
            "dps" | "dps_norm" => format!("{column}: how fast correct samples are; the score is of passes"),
            _ => format!("{column}: a result has no place for it"),
        }));
        unmapped
    }
}

struct Row<'a> {
    columns: &'a Columns,
    record: &'a StringRecord,
}

impl Row<'_> {
    fn optional(&self, name: &str) -> Option<&str> {
        let text = self.record.get(self.columns.position(name)?)?.trim();
        Some(text).filter(|text| !text.is_empty())
    }

    fn text(&self, name: &str) -> Result<&str, String> {
        self.optional(name).ok_or_else(|| format!("{name} is missing"))
    }

    fn count(&self, name: &str) -> Result<u32, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("{name} is {text:?}, which is no count"))
    }

    fn result(&self) -> Result<TaskResult, String> {
        let (samples, correct) = (self.count("n_samples")?, self.count("n_correct")?);
        if samples == 0 || correct > samples {
            return Err(format!("{correct} of {samples} samples are correct"));
        }
        let score = f64::from(correct) / f64::from(samples);
        if let Some(text) = self.optional(RATE) {
            let agrees = text.parse::<f64>().is_ok_and(|rate| (rate - 100.0 * score).abs() <= ROUNDING);
            if !agrees {
                return Err(format!("{RATE} is {text}, which {correct} of {samples} does not come to"));
            }
        }
        let task = self.text("task_id")?.to_owned();
        let status = Status::of(score);
        Ok(TaskResult { status, samples: Some(samples), correct: Some(correct), ..TaskResult::scored(task, 1, score) })
    }
}

/// The rows of one model.
#[derive(Debug, Default)]
struct ModelRows {
    name: String,
    line: u64,
    date: String,
    temperature: String,
    results: Vec<TaskResult>,
    tasks: HashSet<String>,
    /// What was wrong first.
    wrong: Option<String>,
}

impl ModelRows {
    fn take(&mut self, row: &Row<'_>) -> Result<(), String> {
        row.text("model")?;
        let (date, temperature) = (row.text("date")?, row.text("temperature")?);
        if self.tasks.is_empty() {
            date.clone_into(&mut self.date);
            temperature.clone_into(&mut self.temperature);
        } else if (date, temperature) != (&self.date, &self.temperature) {
            return Err("date or temperature is not that of the model's other rows".to_owned());
        }
        let result = row.result()?;
        if !self.tasks.insert(result.task.clone()) {
            return Err(format!("{} stands twice", result.task));
        }
        self.results.push(result);
        Ok(())
    }

    fn submission(&self, tasks: &[String], options: &Options) -> Result<Submission, String> {
        if let Some(reason) = &self.wrong {
            return Err(reason.clone());
        }
        let missing: Vec<_> = tasks.iter().filter(|task| !self.tasks.contains(*task)).collect();
        if !missing.is_empty() {
            return Err(format!("{} of {} tasks are missing: {}", missing.len(), tasks.len(), some_of(&missing)));
        }
        let source = Source::of(&self.name);
        let model = source.model()?;
        let temperature: f64 = self
            .temperature
            .parse()
            .ok()
            .filter(|temperature: &f64| temperature.is_finite() && *temperature >= 0.0)
            .ok_or_else(|| format!("temperature is {:?}, which is none", self.temperature))?;
        let started_at = local_as_utc(&self.date).map_err(|reason| format!("date: {reason}"))?;
        let mut config = Map::from_iter([("temperature".to_owned(), Value::from(temperature))]);
        for (member, value) in [("backend", source.backend), ("promptStyle", source.variant)] {
            if let Some(value) = value {
                config.insert(member.to_owned(), value.into());
            }
        }
        let samples = || self.results.iter().filter_map(|result| result.samples);
        let (least, most) = (samples().min().unwrap_or(1), samples().max().unwrap_or(1));
        let samples = if least == most { most.to_string() } else { format!("{least} to {most}") };
        let run = Run {
            model: format!("{}/{}", model.provider, model.name),
            benchmark: options.benchmark.clone(),
            version: options.benchmark_version.clone(),
            harness: "evalplus".to_owned(),
            harness_version: options.harness_version.clone(),
            commit: options.commit.clone(),
            attempts_policy: Some(format!("{samples} samples of each task, each counts")),
            generation_config: config,
            started_at: Some(started_at),
            external_id: names::external_id(&[
                "evalperf",
                &options.benchmark,
                &options.benchmark_version,
                &self.name,
                &self.date,
            ]),
            ..Run::default()
        };
        Ok(Submission { model, run, evidence: Evidence::Results(self.results.clone()) })
    }
}

/// What the name of a result file tells: `Qwen--QwQ-32B-Preview_vllm_temp_1.0`, with `-perf-instruct` behind it where
/// the prompt asked for speed.
struct Source<'a> {
    organisation: Option<&'a str>,
    name: &'a str,
    backend: Option<&'a str>,
    variant: Option<&'a str>,
}

impl<'a> Source<'a> {
    fn of(text: &'a str) -> Self {
        let (name, rest) = text.rsplit_once("_temp_").map_or((text, None), |(name, rest)| (name, Some(rest)));
        let variant = rest.and_then(|rest| rest.split_once('-')).map(|(_, variant)| variant);
        let split = rest.and_then(|_| name.rsplit_once('_'));
        let (name, backend) = split.map_or((name, None), |(name, backend)| (name, Some(backend)));
        let (organisation, name) =
            name.split_once("--").map_or((None, name), |(organisation, name)| (Some(organisation), name));
        Self { organisation, name, backend, variant }
    }

    fn model(&self) -> Result<Model, String> {
        let provider = self
            .organisation
            .and_then(names::vendor)
            .or_else(|| names::family(self.name).map(str::to_owned))
            .unwrap_or_else(|| names::UNKNOWN.to_owned());
        let display_name = match self.variant {
            Some(variant) => format!("{} ({variant})", self.name),
            None => self.name.to_owned(),
        };
        let name = slug(&display_name, LONGEST_NAME);
        if name.is_empty() {
            return Err(format!("model is {display_name:?}, which makes no identifier"));
        }
        Ok(Model { provider, name, display_name })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const TABLE: &str = include_str!("../../../../data/evalplus/evalperf_per_task.csv");

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn read(table: &str) -> Result<Plan, String> {
        plan(table.as_bytes(), &Command::parse_from(["", "file.csv"]).options)
    }

    fn results(submission: &Submission) -> &[TaskResult] {
        match &submission.evidence {
            Evidence::Results(results) => results,
            Evidence::Counts(_) => panic!("no results"),
        }
    }

    #[test]
    fn the_real_table_comes_over_whole() {
        let plan = read(TABLE).unwrap();
        let sound: Vec<_> = plan.entries.iter().map(|entry| entry.submission.as_ref().unwrap()).collect();
        assert_eq!(sound.len(), 34);
        assert_eq!(sound.iter().map(|submission| results(submission).len()).sum::<usize>(), 4012);
        assert_eq!(sound.iter().map(|submission| &submission.run.external_id).collect::<HashSet<_>>().len(), 34);
        let mut ids: Vec<_> = sound.iter().map(|submission| submission.run.model.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(
            ids,
            [
                "01-ai/yi-coder-9b-chat",
                "anthropic/claude-3-5-sonnet-20240620",
                "deepseek/deepseek-chat-v2.5",
                "deepseek/deepseek-chat-v3",
                "deepseek/deepseek-coder-33b-instruct",
                "deepseek/deepseek-coder-6.7b-instruct",
                "deepseek/deepseek-coder-v2-lite-instruct",
                "google/gemini-1.5-flash-002",
                "google/gemini-1.5-pro-002",
                "google/gemma-2-27b-it",
                "google/gemma-2-9b-it",
                "infly/opencoder-8b-instruct",
                "ise-uiuc/magicoder-s-ds-6.7b",
                "meta/llama-3.1-70b-instruct",
                "meta/llama-3.1-8b-instruct",
                "meta/meta-llama-3-8b-instruct",
                "microsoft/phi-3-medium-4k-instruct",
                "mistral/codestral-22b-v0.1",
                "mistral/mistral-large-instruct-2407",
                "mistral/mistral-nemo-instruct-2407",
                "mistral/mistral-small-instruct-2409",
                "nvidia/llama-3.1-nemotron-70b-instruct-hf",
                "openai/gpt-4o-2024-08-06",
                "openai/gpt-4o-mini-2024-07-18",
                "openai/o1-mini-2024-09-12",
                "openai/o1-mini-2024-09-12-perf-instruct",
                "openai/o1-preview-2024-09-12-perf-instruct",
                "qwen/codeqwen1.5-7b-chat",
                "qwen/qwen2.5-14b-instruct",
                "qwen/qwen2.5-32b-instruct",
                "qwen/qwen2.5-72b-instruct",
                "qwen/qwen2.5-7b-instruct",
                "qwen/qwq-32b-preview",
                "xai/grok-beta",
            ]
        );
        let tasks = plan.benchmarks[0].body["tasks"].as_array().unwrap();
        assert_eq!(tasks.len(), 118);
        assert_eq!(tasks[0], json!({"id": "HumanEval/9", "scenario": "HumanEval", "language": "python"}));
        assert!(plan.unmapped.iter().any(|line| line.starts_with("dps_norm: ")), "{:?}", plan.unmapped);
    }

    #[test]
    fn a_run_comes_over_whole() {
        let plan = read(TABLE).unwrap();
        let run = plan.entries[0].submission.as_ref().unwrap();
        assert_eq!(
            serde_json::to_value(&run.run).unwrap(),
            json!({
                "model": "01-ai/yi-coder-9b-chat", "benchmark": "evalperf", "version": "1", "harness": "evalplus",
                "harnessVersion": "evalplus.github.io@8741845", "commit": "8741845", "dirty": false,
                "attemptsPolicy": "100 samples of each task, each counts",
                "generationConfig": {"temperature": 1.0, "backend": "vllm"}, "evaluatorRelationship": "third_party",
                "startedAt": "2024-10-19T16:28:00.000Z",
                "externalId": "evalperf/evalperf/1/01-ai--Yi-Coder-9B-Chat_vllm_temp_1.0/2024-10-19 16:28",
            })
        );
        assert_eq!(
            serde_json::to_value(&results(run)[1]).unwrap(),
            json!({"task": "HumanEval/0", "attempt": 1, "status": "success", "score": 0.99, "samples": 100, "correct": 99})
        );
    }

    #[test]
    fn what_is_wrong_refuses_its_model_alone() {
        let table = "model,date,temperature,task_id,n_samples,n_correct,pass_at_1_pct\n\
            a,2024-10-19 16:28,0.2,T/1,3,1,33.33\na,2024-10-19 16:28,0.2,T/2,3,0,0.0\n";
        for (rows, reason) in [
            ("b,2024-10-19 16:28,1.0,T/1,3,1,\n", "1 of 2 tasks are missing: T/2"),
            ("b,2024-10-19 16:28,1.0,T/1,3,4,\n", "line 4: 4 of 3 samples are correct"),
            ("b,2024-10-19 16:28,1.0,T/1,3,-1,\n", "line 4: n_correct is \"-1\", which is no count"),
            ("b,2024-10-19 16:28,1.0,T/1,3,1,30.0\n", "line 4: pass_at_1_pct is 30.0, which 1 of 3 does not come to"),
            ("b,2024-10-19 16:28,1.0\n", "line 4: n_samples is missing"),
            ("b,now,1.0,T/1,3,1,\nb,now,1.0,T/2,3,1,\n", "date: \"now\" is no date and time"),
            (
                "b,2024-10-19 16:28,1.0,T/1,3,1,\nb,2024-10-19 16:28,0.5,T/2,3,1,\n",
                "line 5: date or temperature is not that of the model's other rows",
            ),
            (
                "b,2024-10-19 16:28,warm,T/1,3,1,\nb,2024-10-19 16:28,warm,T/2,3,1,\n",
                "temperature is \"warm\", which is none",
            ),
            ("b,2024-10-19 16:28,1.0,T/1,3,1,\nb,2024-10-19 16:28,1.0,T/1,3,1,\n", "line 5: T/1 stands twice"),
            ("A,2024-10-19 16:28,1.0,T/1,3,1,\nA,2024-10-19 16:28,1.0,T/2,3,1,\n", "makes the same identifier as a"),
        ] {
            let plan = read(&format!("{table}{rows}")).unwrap();
            assert!(plan.entries[0].submission.is_ok());
            assert_eq!(plan.entries[1].submission.as_ref().unwrap_err(), reason);
        }
        assert_eq!(
            read("model,date\n").unwrap_err(),
            "columns are missing: temperature, task_id, n_samples, n_correct"
        );
        // A task that only a later row has is one that the first model lacks.
        let plan = read(&format!("{table}b,2024-10-19 16:28,1.0,T/3,3,1,\n")).unwrap();
        assert_eq!(plan.entries[0].submission.as_ref().unwrap_err(), "1 of 3 tasks are missing: T/3");
    }

    #[test]
    fn other_files_names_are_read_too() {
        let of = |text| Source::of(text).model().map(|model| (model.provider, model.name));
        let is = |provider: &str, name: &str| Ok((provider.to_owned(), name.to_owned()));
        assert_eq!(of("deepseek-chat-v3"), is("deepseek", "deepseek-chat-v3"));
        assert_eq!(of("some_model"), is("unknown", "some_model"));
        assert_eq!(of("org--some_model_hf_temp_0.0"), is("org", "some_model"));
        assert!(of("???").is_err());
    }
}
