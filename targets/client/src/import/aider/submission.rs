//! What is published of a row.

use std::collections::HashMap;

use serde_json::Map;

use super::{
    plan::{BENCHMARK, TASKS, VERSION},
    row::Row,
};
use crate::import::{
    names::{self, LONGEST_NAME, slug},
    plan::{Counts, Evidence, Model, Relationship, Run, Submission},
};

/// Rates are printed with one decimal.
const ROUNDING: f64 = 0.05 + 1e-9;

impl Row {
    /// Makes the run; `names` says how often each model's name stands in the document.
    ///
    /// # Errors
    /// Why it would be wrong to publish the row.
    pub fn submission(&self, names: &HashMap<String, usize>) -> Result<Submission, String> {
        if let Some(reason) = &self.malformed {
            return Err(reason.clone());
        }
        let counts = self.counts()?;
        let model = self.model(names)?;
        let (commit, dirty) = self.commit()?;
        let date = self.text("date")?;
        let day: jiff::civil::Date = date.parse().map_err(|_| format!("date is {date:?}, which is no date"))?;
        let run = Run {
            model: format!("{}/{}", model.provider, model.name),
            benchmark: BENCHMARK.to_owned(),
            version: VERSION.to_owned(),
            harness: "aider".to_owned(),
            harness_version: self.text("versions")?.to_owned(),
            commit,
            dirty,
            command: Some(self.text("command")?.to_owned()),
            generation_config: self.generation_config()?,
            evaluator_relationship: Relationship::ThirdParty,
            started_at: Some(format!("{day}T00:00:00.000Z")),
            external_id: self.text("dirname")?.to_owned(),
            ..Run::default()
        };
        Ok(Submission { model, run, evidence: Evidence::Counts(counts) })
    }

    fn counts(&self) -> Result<Counts, String> {
        let total = self.count("total_tests")?;
        if total != TASKS {
            return Err(format!("total_tests is {total}, the benchmark has {TASKS}"));
        }
        let correct = [self.count("pass_num_1")?, self.count("pass_num_2")?];
        let [first, second] = correct;
        if first > second || second > total {
            return Err(format!("pass_num_1 {first}, pass_num_2 {second} and total_tests {total} do not ascend"));
        }
        // Some rates are of the cases that came to an end, which may be fewer.
        let cases = if self.optional("test_cases").is_some() { self.count("test_cases")? } else { total };
        for (attempt, passed) in [("1", first), ("2", second)] {
            let name = format!("pass_rate_{attempt}");
            let rate = self.number(&name)?;
            let of = |whole: u32| (100.0 * f64::from(passed) / f64::from(whole) - rate).abs() <= ROUNDING;
            if !of(total) && !of(cases) {
                let whole = if cases == total { total.to_string() } else { format!("{total} or {cases}") };
                return Err(format!(
                    "{name} is {rate}, which {passed} of {whole} (pass_num_{attempt}) does not come to"
                ));
            }
        }
        Ok(Counts {
            total,
            correct_by_attempt: correct.to_vec(),
            cost_usd: self.measured("total_cost")?,
            mean_latency_ms: self.measured("seconds_per_case")?.map(|seconds| (seconds * 1000.0).round()),
        })
    }

    /// Returns the commit that Aider itself stood at, and whether it had local changes. A run that was taken up again
    /// names several; the first stands for it, and all of them in the configuration.
    fn commit(&self) -> Result<(String, bool), String> {
        let hashes = self.text("commit_hash")?;
        let dirty = hashes.split(',').any(|hash| hash.trim().ends_with("-dirty"));
        let first = hashes.split(',').next().unwrap_or(hashes).trim();
        Ok((first.strip_suffix("-dirty").unwrap_or(first).to_owned(), dirty))
    }

    fn generation_config(&self) -> Result<Map<String, serde_json::Value>, String> {
        let mut config = Map::new();
        config.insert("editFormat".to_owned(), self.text("edit_format")?.into());
        for (field, member) in [
            ("editor_model", "editorModel"),
            ("editor_edit_format", "editorEditFormat"),
            ("reasoning_effort", "reasoningEffort"),
        ] {
            if let Some(text) = self.optional(field) {
                config.insert(member.to_owned(), text.into());
            }
        }
        if self.optional("thinking_tokens").is_some() {
            config.insert("thinkingTokens".to_owned(), self.count("thinking_tokens")?.into());
        }
        if let Ok(hashes) = self.text("commit_hash")
            && hashes.contains(',')
        {
            config.insert("commits".to_owned(), hashes.split(',').map(str::trim).collect());
        }
        Ok(config)
    }

    /// Names the model. One row, one model: where a name stands twice, its edit format tells the two apart.
    fn model(&self, names: &HashMap<String, usize>) -> Result<Model, String> {
        let mut display_name = self.text("model")?.to_owned();
        let shared = names.get(&slug(&display_name, LONGEST_NAME)).is_some_and(|count| *count > 1);
        let provider = provider(&display_name, self.text("command")?);
        if shared {
            display_name = format!("{display_name} ({})", self.text("edit_format")?);
        }
        let name = slug(&display_name, LONGEST_NAME);
        if name.is_empty() {
            return Err(format!("model is {display_name:?}, which makes no identifier"));
        }
        Ok(Model { provider, name, display_name })
    }
}

/// Finds the vendor. The command alone does not tell: many vendors are called through an interface that imitates OpenAI's.
fn provider(model: &str, command: &str) -> String {
    if let Some(provider) = names::family(model) {
        return provider.to_owned();
    }
    // OpenRouter names the vendor, and itself where the vendor stays hidden.
    let vendor = command.split_once("openrouter/").and_then(|(_, rest)| rest.split_once('/')).map(|(vendor, _)| vendor);
    let vendor = vendor.filter(|vendor| *vendor != "openrouter").and_then(names::vendor);
    vendor.unwrap_or_else(|| names::UNKNOWN.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::import::aider::{
        fixtures::{LEADERBOARD, ROW, counts, sound},
        plan,
    };

    #[test]
    fn a_run_comes_over_whole() {
        let plan = plan(LEADERBOARD).unwrap();
        let of = |model: &str| sound(&plan).into_iter().find(|submission| submission.run.model == model).unwrap();
        let run = of("openai/o3-pro-high");
        assert_eq!((run.run.commit.as_str(), run.run.dirty), ("5318380", false));
        assert_eq!(of("google/gemini-2.5-pro-preview-03-25").run.commit, "0282574");
        let resumed = of("qwen/qwen3-32b");
        assert_eq!((resumed.run.commit.as_str(), resumed.run.dirty), ("aaacee5", true));
        assert_eq!(resumed.run.generation_config["commits"], json!(["aaacee5-dirty", "aeaf259"]));

        let run = of("openai/gpt-4o-mini-2024-07-18");
        assert_eq!(
            serde_json::to_value(&run.run).unwrap(),
            json!({
                "model": "openai/gpt-4o-mini-2024-07-18", "benchmark": "aider-polyglot", "version": "1",
                "harness": "aider", "harnessVersion": "0.69.2.dev", "commit": "a755079", "dirty": true,
                "command": "aider --model gpt-4o-mini-2024-07-18", "generationConfig": {"editFormat": "whole"},
                "evaluatorRelationship": "third_party", "startedAt": "2024-12-21T00:00:00.000Z",
                "externalId": "2024-12-21-18-41-18--polyglot-gpt-4o-mini",
            })
        );
        assert_eq!(
            serde_json::to_value(counts(run)).unwrap(),
            json!({"total": 225, "correctByAttempt": [2, 8], "costUsd": 0.3236, "meanLatencyMs": 17_300.0})
        );
        for format in ["diff", "whole"] {
            let twin = of(&format!("qwen/qwen2.5-coder-32b-instruct-{format}"));
            assert_eq!(twin.model.display_name, format!("Qwen2.5-Coder-32B-Instruct ({format})"));
        }
    }

    fn refusal(document: &str) -> String {
        plan(document).unwrap().entries.into_iter().next_back().unwrap().submission.unwrap_err()
    }

    #[test]
    fn what_is_wrong_in_a_row_is_said_and_spares_the_others() {
        for (from, to, reason) in [
            ("total_tests: 225", "total_tests: 224", "total_tests is 224, the benchmark has 225"),
            ("pass_num_1: 45", "pass_num_1: 91", "pass_num_1 91, pass_num_2 90 and total_tests 225 do not ascend"),
            ("pass_num_1: 45", "pass_num_1: -1", "pass_num_1 is \"-1\", which is no count"),
            (
                "pass_rate_1: 20.0",
                "pass_rate_1: 20.1",
                "pass_rate_1 is 20.1, which 45 of 225 (pass_num_1) does not come to",
            ),
            ("pass_rate_1: 20.0", "pass_rate_1: .nan", "pass_rate_1 is \".nan\", which is no quantity"),
            ("test_cases: 225", "test_cases: 0", ""),
            ("model: m", "model: ~", "model is missing"),
            ("model: m", "model: ???", "model is \"???\", which makes no identifier"),
            ("date: 2025-02-25", "date: 2025-02-30", "date is \"2025-02-30\", which is no date"),
            ("total_cost: 0.5", "total_cost: [1]", ""),
            ("total_cost: 0.5", "total_cost: free", "total_cost is \"free\", which is no quantity"),
            ("dirname: d, ", "", "dirname is missing"),
            ("dirname: d", "dirname: d, dirname: e", "dirname stands twice"),
        ] {
            let row = ROW.replace(from, to);
            assert_ne!(row, ROW);
            let entries = plan(&format!("{row}{}", ROW.replace("dirname: d", "dirname: other"))).unwrap().entries;
            assert_eq!(entries.len(), 2);
            match &entries[0].submission {
                Err(said) => assert_eq!(said, reason),
                Ok(_) => assert_eq!(reason, "", "{to}"),
            }
            assert!(entries[1].submission.is_ok());
        }
        assert_eq!(refusal(&format!("{ROW}{ROW}")), "dirname stands in line 1 already");
        assert_eq!(refusal(&format!("{ROW}- text\n")), "is not a row of names and values");
        assert_eq!(refusal(&format!("{ROW}- [[1], {{a: b}}]\n")), "is not a row of names and values");
    }
}
