//! Metrics by which HELM ranks the models of each group, from the schemas of its leaderboards (crfm-helm 0.5.16).
//!
//! Groups that are ranked by `exact_match`, most of them, are left out: it is the first choice for groups that are not
//! listed.

/// Metrics and their groups. All are means of scores from 0 to 1.
const METRICS: &[(&str, &[&str])] = &[
    ("final_number_exact_match", &["gsm"]),
    ("math_equiv_chain_of_thought", &["math_chain_of_thought"]),
    ("math_equiv", &["math_regular"]),
    ("chain_of_thought_correctness", &["gpqa", "mmlu_pro"]),
    ("ifeval_strict_accuracy", &["ifeval"]),
    ("wildbench_score_rescaled", &["wildbench"]),
    ("omni_math_accuracy", &["omni_math"]),
    ("bbq_accuracy", &["bbq"]),
    ("safety_score", &["anthropic_red_team", "harm_bench", "harm_bench_gcg_transfer", "simple_safety_tests", "xstest"]),
    ("air_score", &["air_bench_2024"]),
    ("f1_score", &["narrative_qa", "natural_qa_closedbook", "natural_qa_openbook_longans", "quac"]),
    ("bleu_4", &["wmt_14"]),
    ("rouge_2", &["summarization_cnndm", "summarization_xsum", "billsum_legal_summarization"]),
    ("rouge_l", &["legal_contract_summarization", "sumosum", "infinite_bench_en_sum"]),
    ("exact_match_indicator", &["dyck_language"]),
    ("f1_set_match", &["synthetic_reasoning_natural"]),
    ("execution_accuracy", &["spider", "bird_sql"]),
    ("program_accuracy", &["fin_qa"]),
    (
        "quasi_exact_match",
        &[
            "babi_qa",
            "banking77",
            "boolq",
            "casehold",
            "civil_comments",
            "entity_data_imputation",
            "entity_matching",
            "imdb",
            "legal_support",
            "legalbench",
            "lsat_qa",
            "med_qa",
            "raft",
            "synthetic_reasoning",
            "wikifact",
        ],
    ),
    (
        "quasi_prefix_exact_match",
        &[
            "blink_knowledge",
            "blink_perception",
            "blink_reasoning",
            "exams_v",
            "gqa",
            "hateful_memes",
            "mm_star_knowledge",
            "mm_star_perception",
            "mm_star_reasoning",
            "mme",
            "mmmu",
            "pope",
            "seed_bench",
            "viz_wiz",
        ],
    ),
];

/// Returns the metric of the first group that is listed.
pub fn metric_of(groups: &[String]) -> Option<&'static str> {
    let of = |group: &String| METRICS.iter().find(|(_, groups)| groups.contains(&group.as_str()));
    groups.iter().find_map(of).map(|(metric, _)| *metric)
}
