/// State of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitState {
    /// Cost that would still be admitted now.
    pub remaining: u32,
    /// Milliseconds until something more is admitted than now (0 where nothing is in use).
    pub reset_after_ms: u64,
}
