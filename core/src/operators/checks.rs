//! Checks of the data against invariants that the schema cannot hold by itself.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::{Operator, OperatorError};
use crate::{
    domain::{
        TaskAttempt,
        log_record::ResultsDigest,
        merkle::{self, Frontier},
    },
    ports::DatabaseError,
    store::{checks, log},
};

/// Most violations of one invariant that are listed.
const MOST: u32 = 100;
/// Number of rows that are read at a time.
const PAGE: u32 = 2000;

/// A violation of an invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Name of the invariant.
    pub invariant: &'static str,
    /// A sentence that names the row.
    pub problem: String,
}

/// Invariants that were checked, and their violations.
#[derive(Debug, Default)]
pub struct Checked {
    /// Names of the invariants.
    pub invariants: Vec<&'static str>,
    /// Violations, at most a hundred of each invariant.
    pub violations: Vec<Violation>,
}

impl Checked {
    /// Adds an invariant and its violations.
    pub fn add(&mut self, invariant: &'static str, problems: impl IntoIterator<Item = String>) {
        self.invariants.push(invariant);
        let most = usize::try_from(MOST).unwrap_or(usize::MAX);
        self.violations.extend(problems.into_iter().take(most).map(|problem| Violation { invariant, problem }));
    }
}

impl Operator<'_> {
    /// Checks every invariant that the schema cannot hold by itself. Reads everything, and writes nothing.
    ///
    /// # Errors
    /// [`OperatorError`] when the database fails.
    pub async fn check_invariants(&self, checked: &mut Checked) -> Result<(), OperatorError> {
        for (name, query) in checks::invariants(MOST) {
            checked.add(name, query.run(self.database).await?);
        }
        checked.add("log_tree", self.check_tree().await?);
        let packs = self.check_packs().await?;
        checked.add("results_digests", self.check_results(&packs.unreadable).await?);
        let unpacked = checks::aggregates_of_results(MOST).run(self.database).await?;
        checked.add("aggregates_of_results", unpacked.into_iter().chain(packs.aggregates));
        let bytes = packs.bytes.iter().map(|(owner, bytes)| (owner.as_str(), *bytes));
        checked.add("storage", checks::storage(MOST, bytes).run(self.database).await?);
        checked.add("packs", packs.problems);
        Ok(())
    }

    /// Checks the nodes and heads of the log against its leaves. Returns a sentence for each that is wrong.
    async fn check_tree(&self) -> Result<Vec<String>, OperatorError> {
        let (mut tree, mut nodes, mut problems) = (Frontier::default(), HashMap::new(), Vec::new());
        let mut roots = HashMap::new();
        let heads = checks::heads().run(self.database).await?;
        loop {
            let leaves = checks::leaves(tree.size(), PAGE).run(self.database).await?;
            let size = tree.size();
            for (index, text) in leaves {
                if index != tree.size() {
                    problems.push(format!("leaf {} is missing", tree.size()));
                    return Ok(problems);
                }
                nodes.extend(tree.push(merkle::leaf_hash(text.as_bytes())));
                roots.insert(tree.size(), tree.root());
            }
            if tree.size() == size {
                break;
            }
        }
        for (size, root) in heads {
            if roots.get(&size) != Some(&root) {
                problems.push(format!("the head of {size} leaves is not over the leaves that are there"));
            }
        }
        let mut after = None;
        loop {
            let stored = checks::nodes(after, PAGE).run(self.database).await?;
            let Some((last, _)) = stored.last() else { break };
            after = Some(*last);
            for (node, hash) in stored {
                if nodes.remove(&node) != Some(hash) {
                    problems.push(format!("node {} of level {} is not over its leaves", node.index, node.level));
                }
            }
        }
        let mut missing = nodes.into_keys().map(|node| (node.level, node.index)).collect::<Vec<_>>();
        missing.sort_unstable();
        problems.extend(missing.iter().map(|(level, index)| format!("node {index} of level {level} is missing")));
        Ok(problems)
    }

    /// Checks the results of published runs against the digest that was kept at their publication, except those of runs
    /// in `unreadable`. Returns a sentence for each run that fails.
    async fn check_results(&self, unreadable: &HashSet<String>) -> Result<Vec<String>, OperatorError> {
        let (mut after, mut problems) = (String::new(), Vec::new());
        loop {
            let runs = checks::digested_runs(&after, PAGE).run(self.database).await?;
            let Some(last) = runs.last() else { return Ok(problems) };
            after = last.id.to_string();
            for run in runs {
                if unreadable.contains(run.id.as_str()) {
                    problems.push(format!("the results of run {} cannot be read", run.id));
                    continue;
                }
                let mut digest = ResultsDigest::default();
                // Results at private tasks were left out of the digest.
                let mut next = (!run.private_tasks).then(TaskAttempt::default);
                while let Some(end) = next {
                    let piece = log::results(&run.id, &end, PAGE).run(self.database).await?;
                    let unwritable = |error: serde_json::Error| DatabaseError::Unexpected(error.to_string());
                    piece.rows.into_iter().try_for_each(|row| digest.add(row)).map_err(unwritable)?;
                    next = piece.end;
                }
                if digest.finish() != run.results {
                    problems.push(format!("the results of run {} are not those that were published", run.id));
                }
            }
        }
    }
}
