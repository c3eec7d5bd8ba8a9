//! Links with more about a run.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where to read more of a run: `https` addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SourceLinks)]
pub struct RunLinks {
    /// What ran, or where the results were first published.
    #[schema(format = "uri", pattern = "^https://", max_length = 2000)]
    pub source: Option<String>,
    /// Its logs.
    #[schema(format = "uri", pattern = "^https://", max_length = 2000)]
    pub logs: Option<String>,
    /// What the model did, step by step.
    #[schema(format = "uri", pattern = "^https://", max_length = 2000)]
    pub traces: Option<String>,
    /// The paper or report.
    #[schema(format = "uri", pattern = "^https://", max_length = 2000)]
    pub paper: Option<String>,
}

impl RunLinks {
    /// Returns each link with its name.
    #[must_use]
    pub fn each(&self) -> [(&'static str, Option<&str>); 4] {
        [("source", &self.source), ("logs", &self.logs), ("traces", &self.traces), ("paper", &self.paper)]
            .map(|(name, link)| (name, link.as_deref()))
    }

    /// Checks whether there is no link at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.each().iter().all(|(_, link)| link.is_none())
    }
}
