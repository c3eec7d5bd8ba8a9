//! Conversion of a row to a submission.

use std::collections::HashMap;

use aibaas_core::{
    domain::strict_json::StrictObject,
    wire::{CountsPut, RunCreate},
};
use serde_json::Map;

use super::{row::Row, table::Table};
use crate::import::{
    names::{self, LONGEST_NAME, slug},
    plan::{Evidence, Model, Submission},
    rates::{self, Fit, fit},
};

/// Decimals with which rates are printed.
const DECIMALS: u8 = 1;

impl Row {
    /// Creates the run, and adds remarks about how its numbers were read. `names` has how often each model's name
    /// occurs in the document.
    ///
    /// # Errors
    /// A text that says why it would be wrong to publish the row.
    pub fn submission(
        &self,
        names: &HashMap<String, usize>,
        table: &Table<'_>,
    ) -> Result<(Submission, Vec<String>), String> {
        if let Some(reason) = &self.malformed {
            return Err(reason.clone());
        }
        let mut remarks = Vec::new();
        let counts = self.counts(table, &mut remarks)?;
        let model = self.model(names, table)?;
        let (commit, dirty) = self.commit();
        let date = self.text("date")?;
        let day: jiff::civil::Date = date.parse().map_err(|_| format!("date is {date:?}, which is no date"))?;
        let (id, version) = (table.benchmark.clone(), table.version.clone());
        let harness_version = self.text("versions")?;
        let run = RunCreate {
            commit: commit.or_else(|| table.commit.map(str::to_owned)),
            dirty,
            command: Some(self.text("command")?.to_owned()),
            generation_config: StrictObject(self.generation_config()?),
            started_at: Some(format!("{day}T00:00:00.000Z")),
            external_id: Some(self.text("dirname")?.to_owned()),
            ..RunCreate::new(model.id(), id, version, "aider", harness_version)
        };
        Ok((Submission { model, run, evidence: Evidence::Counts(counts) }, remarks))
    }

    fn counts(&self, table: &Table<'_>, remarks: &mut Vec<String>) -> Result<CountsPut, String> {
        let total = table.tasks(self)?;
        // Some rates are of the cases that came to an end, which may be fewer.
        let cases = if self.optional("test_cases").is_some() { self.count("test_cases")? } else { total };
        let attempts = 1..=table.attempts;
        let told = attempts.clone().map(|attempt| self.optional(&format!("pass_num_{attempt}")).map(|_| ()));
        let correct = if told.collect::<Option<Vec<()>>>().is_some() {
            let correct = attempts.map(|attempt| self.count(&format!("pass_num_{attempt}")));
            let correct = correct.collect::<Result<Vec<_>, _>>()?;
            self.ascend(&correct, total)?;
            for (attempt, passed) in (1..).zip(&correct) {
                self.compare(attempt, *passed, [total, cases], remarks)?;
            }
            correct
        } else {
            if cases > total {
                return Err(format!("test_cases is {cases}, more than the benchmark's {total}"));
            }
            let correct = attempts.map(|attempt| self.counted(attempt, cases, remarks));
            let correct = correct.collect::<Result<Vec<_>, _>>()?;
            self.ascend(&correct, total)?;
            correct
        };
        Ok(CountsPut {
            total,
            correct_by_attempt: correct,
            cost_usd: self.measured("total_cost")?,
            mean_latency_ms: self.measured("seconds_per_case")?.map(|seconds| (seconds * 1000.0).round()),
        })
    }

    fn ascend(&self, correct: &[u32], total: u32) -> Result<(), String> {
        if correct.is_sorted() && correct.last().is_none_or(|last| *last <= total) {
            return Ok(());
        }
        let told = (1_u32..).zip(correct).map(|(attempt, passed)| format!("pass_num_{attempt} {passed}"));
        Err(format!("{} and total_tests {total} do not ascend", told.collect::<Vec<_>>().join(", ")))
    }

    /// Compares a number of passes with the rate beside it.
    fn compare(
        &self,
        attempt: u32,
        passed: u32,
        [total, cases]: [u32; 2],
        remarks: &mut Vec<String>,
    ) -> Result<(), String> {
        let name = format!("pass_rate_{attempt}");
        let rate = self.number(&name)?;
        let of = |whole: u32, way: Fit| {
            let exact = 100.0 * f64::from(passed) / f64::from(whole);
            (fit(rate, exact, DECIMALS) == Some(way)).then_some((whole, way))
        };
        let ways = [(total, Fit::Rounded), (cases, Fit::Rounded), (total, Fit::Truncated), (cases, Fit::Truncated)];
        match ways.into_iter().find_map(|(whole, way)| of(whole, way)) {
            Some((_, Fit::Rounded)) => Ok(()),
            Some((whole, Fit::Truncated)) => {
                remarks.push(format!("{name} {rate} is {passed} of {whole} truncated, not rounded"));
                Ok(())
            }
            None => {
                let whole = if cases == total { total.to_string() } else { format!("{total} or {cases}") };
                Err(format!("{name} is {rate}, which {passed} of {whole} (pass_num_{attempt}) does not come to"))
            }
        }
    }

    /// Computes the number of passes from their rate.
    fn counted(&self, attempt: u32, cases: u32, remarks: &mut Vec<String>) -> Result<u32, String> {
        let name = format!("pass_rate_{attempt}");
        let rate = self.number(&name)?;
        let (passed, way) =
            rates::passes(rate, 100.0, DECIMALS, cases).map_err(|reason| format!("{name}: {reason}"))?;
        let truncated = if way == Fit::Truncated { ", truncated" } else { "" };
        remarks.push(format!("pass_num_{attempt} is not told: {passed} of {cases}, by the rate{truncated}"));
        Ok(passed)
    }

    /// Returns the commit that Aider itself was at, and whether it had local changes. A run that was resumed names
    /// several commits; the first is used here, and all of them in the configuration.
    fn commit(&self) -> (Option<String>, bool) {
        let Ok(hashes) = self.text("commit_hash") else { return (None, false) };
        let dirty = hashes.split(',').any(|hash| hash.trim().ends_with("-dirty"));
        let first = hashes.split(',').next().unwrap_or(hashes).trim();
        (Some(first.strip_suffix("-dirty").unwrap_or(first).to_owned()), dirty)
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

    /// Names the model. Each row is a model of its own: where a name occurs twice, the edit format tells the two apart.
    fn model(&self, names: &HashMap<String, usize>, table: &Table<'_>) -> Result<Model, String> {
        let mut display_name = self.text("model")?.to_owned();
        if names::names_a_server(&display_name) {
            return Err(format!("{display_name:?} names who serves a model: the row compares providers"));
        }
        let shared = names.get(&slug(&display_name, LONGEST_NAME)).is_some_and(|count| *count > 1);
        // `gemini/gemini-1.5-pro` names the interface first.
        if let Some((_, name)) = display_name.rsplit_once('/') {
            display_name = name.to_owned();
        }
        let told = provider(&display_name, self.text("command")?);
        if shared {
            display_name = format!("{display_name} ({})", self.text("edit_format")?);
        }
        let name = slug(&display_name, LONGEST_NAME);
        if name.is_empty() {
            return Err(format!("model is {display_name:?}, which makes no identifier"));
        }
        Ok(Model { provider: table.naming.provider(told, &display_name)?, name, display_name })
    }
}

/// Finds the vendor. The command alone does not tell: many vendors are called through an interface that imitates
/// OpenAI's.
fn provider(model: &str, command: &str) -> Option<String> {
    if let Some(provider) = names::family(model) {
        return Some(provider.to_owned());
    }
    // OpenRouter names the vendor, or itself where the vendor stays hidden.
    let vendor = command.split_once("openrouter/").and_then(|(_, rest)| rest.split_once('/')).map(|(vendor, _)| vendor);
    vendor.and_then(names::vendor)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::import::{
        aider::fixtures::{LEADERBOARD, ROW, counts, planned, sound},
        plan::Plan,
    };

    fn plan(document: &str) -> Result<Plan, String> {
        planned("rows.yml", document, &[])
    }

    #[test]
    fn a_run_comes_over_whole() {
        let plan = plan(LEADERBOARD).unwrap();
        let of =
            |model: &str| sound(&plan).into_iter().find(|submission| submission.run.model.as_str() == model).unwrap();
        let run = of("openai/o3-pro-high");
        assert_eq!((run.run.commit.as_deref(), run.run.dirty), (Some("5318380"), false));
        assert_eq!(of("google/gemini-2.5-pro-preview-03-25").run.commit.as_deref(), Some("0282574"));
        let resumed = of("qwen/qwen3-32b");
        assert_eq!((resumed.run.commit.as_deref(), resumed.run.dirty), (Some("aaacee5"), true));
        assert_eq!(resumed.run.generation_config.0["commits"], json!(["aaacee5-dirty", "aeaf259"]));

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
            ("model: gpt-m", "model: ~", "model is missing"),
            ("model: gpt-m", "model: ???", "model is \"???\", which makes no identifier"),
            (
                "model: gpt-m",
                "model: mystery",
                "nothing tells who made \"mystery\": give --provider, where it is a model",
            ),
            (
                "model: gpt-m",
                "model: 'OpenRouter: Novita'",
                "\"OpenRouter: Novita\" names who serves a model: the row compares providers",
            ),
            ("commit_hash: 1234e56, ", "", ""),
            ("model: gpt-m", "model: gemini/gemini-1.5-pro", ""),
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
