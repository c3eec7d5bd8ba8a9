//! The Aider polyglot leaderboard (Apache-2.0, Aider-AI/aider, `polyglot_leaderboard.yml`): the numbers that the known
//! answers in tests are computed from.

pub(super) struct AiderRow {
    pub model: &'static str,
    /// Number of passed tasks, `pass_num_2` in the source.
    pub passed: u64,
    /// Number of tasks, `total_tests` in the source.
    pub cases: u64,
    /// Cost in US dollars, `total_cost` in the source.
    pub cost_usd: Option<f64>,
}

const fn row(model: &'static str, passed: u64, cases: u64, cost_usd: Option<f64>) -> AiderRow {
    AiderRow { model, passed, cases, cost_usd }
}

pub(super) fn scores() -> Vec<f64> {
    ROWS.iter().map(|row| row.passed as f64 / row.cases as f64).collect()
}

pub(super) const ROWS: [AiderRow; 69] = [
    row("Gemini 2.0 Pro exp-02-05", 80, 225, Some(0.0)),
    row("gpt-4o-mini-2024-07-18", 8, 225, Some(0.3236)),
    row("claude-3-5-sonnet-20241022", 116, 225, Some(14.4063)),
    row("gpt-4o-2024-11-20", 41, 225, Some(6.7351)),
    row("gpt-4o-2024-08-06", 52, 225, Some(7.0286)),
    row("o1-2024-12-17 (high)", 139, 225, Some(186.4958)),
    row("DeepSeek Chat V2.5", 40, 225, Some(0.5101)),
    row("claude-3-5-haiku-20241022", 63, 225, Some(6.0583)),
    row("Qwen2.5-Coder-32B-Instruct", 18, 225, Some(0.0)),
    row("o1-mini-2024-09-12", 74, 225, Some(18.577)),
    row("gemini-exp-1206", 86, 225, Some(0.0)),
    row("gemini-2.0-flash-exp", 50, 225, Some(0.0)),
    row("yi-lightning", 29, 225, Some(0.0)),
    row("DeepSeek Chat V3 (prev)", 109, 225, Some(0.3369)),
    row("Qwen2.5-Coder-32B-Instruct", 37, 225, Some(0.0)),
    row("Codestral 25.01", 25, 225, Some(1.9834)),
    row("DeepSeek R1", 128, 225, Some(5.4193)),
    row("DeepSeek R1 + claude-3-5-sonnet-20241022", 144, 225, Some(13.2933)),
    row("qwen-max-2025-01-25", 49, 225, None),
    row("o3-mini (medium)", 121, 225, Some(8.8599)),
    row("o3-mini (high)", 136, 225, Some(18.1584)),
    row("gemini-2.0-flash-thinking-exp-01-21", 41, 225, Some(0.0)),
    row("chatgpt-4o-latest (2025-02-15)", 61, 225, Some(14.3703)),
    row("claude-3-7-sonnet-20250219 (no thinking)", 136, 225, Some(17.7191)),
    row("claude-3-7-sonnet-20250219 (32k thinking tokens)", 146, 225, Some(36.8343)),
    row("gpt-4.5-preview", 101, 225, Some(183.1802)),
    row("QwQ-32B", 47, 225, Some(0.0)),
    row("QwQ-32B + Qwen 2.5 Coder Instruct", 59, 225, Some(0.0)),
    row("command-a-03-2025-quality", 27, 225, Some(0.0)),
    row("gemma-3-27b-it", 11, 225, Some(0.0)),
    row("DeepSeek V3 (0324)", 124, 225, Some(1.1164)),
    row("Gemini 2.5 Pro Preview 03-25", 164, 225, Some(0.0)),
    row("chatgpt-4o-latest (2025-03-29)", 102, 225, Some(19.7416)),
    row("Quasar Alpha", 123, 225, Some(0.0)),
    row("Llama 4 Maverick", 35, 225, Some(0.0)),
    row("Grok 3 Beta", 120, 225, Some(11.0338)),
    row("Grok 3 Mini Beta (low)", 78, 225, Some(0.7856)),
    row("Grok 3 Mini Beta (high)", 111, 225, Some(0.7346)),
    row("Optimus Alpha", 119, 225, Some(0.0)),
    row("gpt-4.1", 118, 225, Some(9.8556)),
    row("gpt-4.1-mini", 73, 225, Some(1.9918)),
    row("gpt-4.1-nano", 20, 225, Some(0.4281)),
    row("o4-mini (high)", 162, 225, Some(19.6399)),
    row("openhands-lm-32b-v0.1", 23, 225, Some(0.0)),
    row("gemini-2.5-flash-preview-04-17 (default)", 106, 225, Some(1.8451)),
    row("Gemini 2.5 Pro Preview 05-06", 173, 225, Some(37.4104)),
    row("Qwen3 32B", 90, 225, Some(0.7603)),
    row("Qwen3 235B A22B diff, no think, Alibaba API", 134, 225, Some(0.0)),
    row("claude-sonnet-4-20250514 (no thinking)", 127, 225, Some(15.8155)),
    row("claude-sonnet-4-20250514 (32k thinking)", 138, 225, Some(26.5755)),
    row("claude-opus-4-20250514 (no think)", 159, 225, Some(68.6253)),
    row("claude-opus-4-20250514 (32k thinking)", 162, 225, Some(65.7484)),
    row("gemini-2.5-flash-preview-05-20 (no think)", 99, 225, Some(1.1354)),
    row("gemini-2.5-flash-preview-05-20 (24k think)", 124, 225, Some(8.5625)),
    row("gemini-2.5-pro-preview-06-05 (default think)", 178, 225, Some(45.5961)),
    row("gemini-2.5-pro-preview-06-05 (32k think)", 187, 225, Some(49.8822)),
    row("DeepSeek R1 (0528)", 160, 225, Some(4.8016)),
    row("o3 (high)", 183, 225, Some(21.2259)),
    row("o3", 173, 225, Some(13.7517)),
    row("o3 (high) + gpt-4.1", 176, 225, Some(17.5518)),
    row("o3-pro (high)", 191, 225, Some(146.3249)),
    row("grok-4 (high)", 179, 225, Some(59.6182)),
    row("Kimi K2", 133, 225, Some(1.2357)),
    row("gpt-oss-120b (high)", 94, 225, Some(0.7406)),
    row("gpt-5 (high)", 198, 225, Some(29.0829)),
    row("gpt-5 (medium)", 195, 225, Some(17.693)),
    row("gpt-5 (low)", 183, 225, Some(10.3713)),
    row("DeepSeek-V3.2-Exp (Reasoner)", 167, 225, Some(1.3045)),
    row("DeepSeek-V3.2-Exp (Chat)", 158, 225, Some(0.8756)),
];
