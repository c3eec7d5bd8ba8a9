use serde::Serialize;
use utoipa::ToSchema;

/// An attempt at a task, or its place in the order of all: by task, then by attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct TaskAttempt {
    /// The task's id.
    #[schema(min_length = 1, max_length = 200, example = "python/two-fer")]
    pub task: String,
    /// From 1.
    #[schema(minimum = 1)]
    pub attempt: i64,
}
