//! Fuzz test: whatever a file contains, an importer reads it or reports what is wrong.

use std::io::{Cursor, Write as _};

use clap::Parser;
use proptest::{collection::vec, prelude::*};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{aider, evalperf, every_eval_ever, helm, inspect, live_code_bench, lm_eval, swe_bench, terminal_bench};

const AIDER: &str = include_str!("../../../../data/aider/polyglot_leaderboard.yml");
const EVALPERF: &str = include_str!("../../../../data/evalplus/evalperf_per_task.csv");
const INSPECT: &str = include_str!("../../../../data/inspect/inspect_popularity.json");
const LM_EVAL: &str = r#"{"results":{"arith":{"exact_match,none":0.5,"sample_len":4}},"configs":{"arith":{"task":"arith",
    "metric_list":[{"metric":"exact_match"}]}},"versions":{"arith":3.0},"n-samples":{"arith":{"effective":4}},
    "config":{"model":"hf","model_args":"pretrained=a/b,dtype=float16"},"date":1729355280.5,"lm_eval_version":"0.4.13",
    "model_name":"a/b","n-shot":{"arith":5},"git_hash":"a1b2c3d"}"#;
const EVERY_EVAL_EVER: &str = include_str!("../../../../tests/data/every-eval-ever/evaluation.json");
const EVERY_EVAL_EVER_SAMPLES: &str = include_str!("../../../../tests/data/every-eval-ever/evaluation_samples.jsonl");
const HELM_SPEC: &str = include_str!("../../../../tests/data/helm/run_spec.json");
const HELM_STATS: &str = include_str!("../../../../tests/data/helm/stats.json");
const HELM_INSTANCES: &str = include_str!("../../../../tests/data/helm/per_instance_stats.json");
const LIVE_CODE_BENCH: &str = include_str!("../../../../tests/data/live-code-bench/performances_generation.json");
const SWE_BENCH: &str = include_str!("../../../../tests/data/swe-bench/leaderboards.json");
const TERMINAL_BENCH: &str = include_str!("../../../../tests/data/terminal-bench/results.json");
const TERMINAL_BENCH_METADATA: &str = include_str!("../../../../tests/data/terminal-bench/run_metadata.json");
const SAMPLE: &str = r#"{"doc_id":0,"filter":"none","metrics":["exact_match"],"exact_match":1,"doc_hash":"d"}"#;

#[derive(Parser)]
struct Command<O: clap::Args> {
    #[command(flatten)]
    options: O,
}

fn options<O: clap::Args>() -> O {
    Command::parse_from(["", "file"]).options
}

/// Generates the beginning of a real file, with pieces removed, doubled, replaced and exchanged.
fn near(file: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let start = file.as_bytes().get(..4000).unwrap_or(file.as_bytes());
    let change = (
        any::<prop::sample::Index>(),
        0..60_usize,
        prop_oneof![
            vec(any::<u8>(), 0..20),
            any::<String>().prop_map(String::into_bytes),
            prop::sample::select(vec![
                "-1",
                "1e999",
                "NaN",
                "null",
                "[]",
                "{}",
                "\"",
                "\n",
                ",",
                ": ",
                "9223372036854775808",
                "- ",
                "\t"
            ])
            .prop_map(|text| text.as_bytes().to_vec()),
        ],
    );
    vec(change, 0..4).prop_map(move |changes| {
        let mut bytes = start.to_vec();
        for (at, length, with) in changes {
            let at = at.index(bytes.len().saturating_add(1));
            let end = at.saturating_add(length).min(bytes.len());
            bytes.splice(at..end, with);
        }
        bytes
    })
}

fn archive(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        if zip.start_file(name.as_str(), SimpleFileOptions::default()).is_ok() {
            zip.write_all(bytes).unwrap();
        }
    }
    zip.finish().unwrap().into_inner()
}

proptest! {
    #[test]
    fn aiders_yaml(bytes in near(AIDER)) {
        let _ = aider::plan("edit.yml", &String::from_utf8_lossy(&bytes), &options());
    }

    #[test]
    fn evalperfs_table(bytes in near(EVALPERF)) {
        let _ = evalperf::plan(&bytes, &options());
    }

    #[test]
    fn a_log_of_inspect(bytes in near(INSPECT)) {
        let options = options();
        let _ = inspect::plan(vec![("a.json".to_owned(), inspect::Log::read(&bytes, &options))], &options);
    }

    #[test]
    fn an_archive_of_inspect(
        names in vec(prop::sample::select(vec!["header.json", "_journal/start.json", "samples/1_epoch_1.json", "summaries.json", "../x"]), 0..4),
        bodies in vec(near(INSPECT), 4), cut in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>(),
    ) {
        let entries = names.into_iter().map(str::to_owned).zip(bodies).collect::<Vec<_>>();
        let mut bytes = archive(&entries);
        let options = options();
        let _ = inspect::Log::read(&bytes, &options);
        let at = flip.index(bytes.len());
        bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 0x40);
        let _ = inspect::Log::read(&bytes, &options);
        bytes.truncate(cut.index(bytes.len()));
        let _ = inspect::Log::read(&bytes, &options);
    }

    #[test]
    fn results_of_the_evaluation_harness(results in near(LM_EVAL), samples in near(SAMPLE)) {
        let samples = [("samples_arith_2024-10-19T16-28-12.750000.jsonl".to_owned(), samples)];
        let _ = lm_eval::plan(&results, &samples, &options());
        let _ = lm_eval::plan(LM_EVAL.as_bytes(), &samples, &options());
    }

    #[test]
    fn an_evaluation_of_every_eval_ever(document in near(EVERY_EVAL_EVER), samples in near(EVERY_EVAL_EVER_SAMPLES)) {
        let options = options();
        for bytes in [document.as_slice(), EVERY_EVAL_EVER.as_bytes()] {
            if let Ok(document) = every_eval_ever::Document::read(bytes) {
                let _ = every_eval_ever::plan(&document, None, &options);
                let _ = every_eval_ever::plan(&document, Some(&samples), &options);
            }
        }
    }

    #[test]
    fn a_run_of_helm(spec in near(HELM_SPEC), stats in near(HELM_STATS), instances in near(HELM_INSTANCES)) {
        let options = options();
        let whole = [HELM_SPEC, HELM_STATS, HELM_INSTANCES].map(str::as_bytes);
        for [spec, stats, instances] in [
            [&spec, whole[1], whole[2]], [whole[0], &stats, whole[2]], [whole[0], whole[1], &instances],
        ] {
            for instances in [None, Some(instances)] {
                if let Ok(run) = helm::RunFiles::read(spec, stats, instances) {
                    let _ = helm::plan(&run, &options);
                }
            }
        }
    }

    #[test]
    fn performances_of_live_code_bench(bytes in near(LIVE_CODE_BENCH)) {
        let _ = live_code_bench::plan("performances_generation.json", &bytes, &options());
    }

    #[test]
    fn boards_of_swe_bench(bytes in near(SWE_BENCH)) {
        let _ = swe_bench::plan(&bytes, &options());
    }

    #[test]
    fn runs_of_terminal_bench(results in near(TERMINAL_BENCH), metadata in near(TERMINAL_BENCH_METADATA)) {
        let recorded = [
            terminal_bench::Recorded::read(&results, Some(TERMINAL_BENCH_METADATA.as_bytes())),
            terminal_bench::Recorded::read(TERMINAL_BENCH.as_bytes(), Some(&metadata)),
        ];
        let runs = recorded.into_iter().map(|run| ("results.json".to_owned(), run));
        let _ = terminal_bench::plan(runs.collect(), &options());
    }
}
