//! Gives every change its leaf in the log, in the order of changes.
//!
//! SQL cannot hash, and D1 reads nothing between the statements of a batch. So a round reads changes that have no leaf,
//! computes, and writes leaves, nodes and a signed head in one batch, which is undone where the log has grown since. Of
//! two concurrent rounds one is undone and starts again; a round that dies has written everything or nothing. The batch
//! that publishes a run reads what a round would, so that only the writing is left after the answer.

use super::{
    SequencingError,
    leaf::{LeafContents, LeafReads},
};
use crate::{
    app::App,
    domain::{
        RunId,
        log_record::TreeHead,
        merkle::{self, Frontier},
    },
    ports::DatabaseError,
    store::{
        Answers, Batch, BatchError, Guard, Handle,
        changes::Line,
        log::{self as store, NewLeaf, Nodes, SignedHead, Tip},
    },
};

/// Most changes of a round. A change costs one round trip, and one more for each piece of results that were not
/// digested when they were published: a Worker on the free plan has 50 queries.
const LINES: u32 = 8;
/// Most rounds of a call; the rest of a backlog waits for the next call.
const ROUNDS: usize = 3;
/// Number of results that were read after which a round begins no further change.
const MOST_RESULTS: u64 = 20_000;
/// Size of a board, in entries, from which the batch that publishes a run leaves its reading to a later round.
const MANY_ENTRIES: u32 = 250;

/// Starts giving changes their leaves in the background.
pub fn sequence_in_background(app: &App) {
    go_on_in_background(app, None);
}

fn go_on_in_background(app: &App, begun: Option<Begun>) {
    let worker = app.clone();
    app.ports().background.spawn(Box::pin(async move { go_on(&worker, begun).await }));
}

/// Gives changes their leaves. An error is logged; a later call does what failed or is left.
pub async fn sequence(app: &App) {
    go_on(app, None).await;
}

async fn go_on(app: &App, mut begun: Option<Begun>) {
    for _ in 0..ROUNDS {
        match round(app, begun.take()).await {
            Ok(Round::Done) => return,
            Ok(Round::More) => {}
            Err(error) => return tracing::error!(%error, "changes have no leaves in the log yet"),
        }
    }
}

enum Round {
    /// Every change has its leaf.
    Done,
    /// There may be more changes, or another round was faster.
    More,
}

/// Where a round begins: the end of the log, the first changes without a leaf, and what is known of one of their
/// leaves.
struct Begun {
    tip: Tip,
    frontier: Nodes,
    pending: Vec<Line>,
    known: Option<(String, LeafContents)>,
}

/// Queries in a batch that read [`Begun`].
struct Beginning {
    tip: Handle<Tip>,
    frontier: Handle<Nodes>,
    pending: Handle<Vec<Line>>,
}

impl Beginning {
    fn push(batch: &mut Batch) -> Self {
        let (tip, frontier) = (batch.push(store::tip()), batch.push(store::frontier()));
        Self { tip, frontier, pending: batch.push(store::pending(LINES)) }
    }

    fn take(self, answers: &mut Answers) -> Result<Begun, DatabaseError> {
        let (tip, frontier) = (answers.take(self.tip)?, answers.take(self.frontier)?);
        Ok(Begun { tip, frontier, pending: answers.take(self.pending)?, known: None })
    }
}

/// Queries, in the batch that publishes a run, for what the run's leaf is made of.
#[must_use = "a change gets its leaf by being sequenced"]
pub struct NextLeaf {
    snapshot_id: String,
    beginning: Beginning,
    leaf: LeafReads,
}

impl NextLeaf {
    /// Adds the queries to the batch, after what it writes.
    pub fn push(batch: &mut Batch, run_id: &RunId, snapshot_id: &str) -> Self {
        let leaf = LeafReads::of_publication(batch, run_id, snapshot_id, MANY_ENTRIES);
        Self { snapshot_id: snapshot_id.to_owned(), beginning: Beginning::push(batch), leaf }
    }

    /// Starts giving the run its leaf in the background. The run is published even if that fails.
    pub fn sequence_in_background(self, app: &App, answers: &mut Answers) {
        let begun =
            self.take(answers).inspect_err(|error| tracing::error!(%error, "a change is read again for its leaf"));
        go_on_in_background(app, begun.ok());
    }

    fn take(self, answers: &mut Answers) -> Result<Begun, DatabaseError> {
        let (mut begun, contents) = (self.beginning.take(answers)?, self.leaf.take(answers)?);
        let is_whole = u32::try_from(contents.entries()).is_ok_and(|entries| entries < MANY_ENTRIES);
        begun.known = is_whole.then_some((self.snapshot_id, contents));
        Ok(begun)
    }
}

async fn round(app: &App, begun: Option<Begun>) -> Result<Round, SequencingError> {
    let Begun { tip, frontier, pending, mut known } = match begun {
        Some(begun) => begun,
        None => {
            let mut batch = Batch::new();
            let beginning = Beginning::push(&mut batch);
            beginning.take(&mut batch.run(app.database()).await?)?
        }
    };
    let is_signed = tip.size == 0 || tip.key_ids.iter().any(|id| id == app.keys().log_key_id());
    if pending.is_empty() && is_signed {
        return Ok(Round::Done);
    }

    let tree = Frontier::new(tip.size, |node| frontier.get(node));
    let mut tree = tree.ok_or(SequencingError::NodesMissing)?;
    let mut is_whole = u32::try_from(pending.len()).is_ok_and(|lines| lines < LINES);
    let (mut leaves, mut made, mut read) = (Vec::new(), Vec::new(), 0_u64);
    for line in pending {
        if read >= MOST_RESULTS {
            is_whole = false;
            break;
        }
        let contents = match known.take_if(|(id, _)| *id == line.change.id) {
            Some((_, contents)) => contents,
            None => {
                let mut batch = Batch::new();
                let leaf = LeafReads::of(&mut batch, &line);
                leaf.take(&mut batch.run(app.database()).await?)?
            }
        };
        let (place, change_id) = (line.place, line.change.id.clone());
        let (text, results_read) = contents.text(app, line).await?;
        read = read.saturating_add(results_read);
        let index = tree.size();
        made.extend(tree.push(merkle::leaf_hash(text.as_bytes())));
        leaves.push(NewLeaf { index, place, change_id, text });
    }

    let head = TreeHead { size: tree.size(), root: tree.root(), timestamp: app.now() };
    let (key_id, signature) = (app.keys().log_key_id().to_owned(), app.keys().sign_log_head(&head));
    let signed = SignedHead { head, key_id, signature };
    match store::append(tip.size, &leaves, &made, &signed).run(app.database()).await {
        Ok(_) if is_whole => Ok(Round::Done),
        Ok(_) | Err(BatchError::Guard(Guard::LogSize)) => Ok(Round::More),
        Err(error) => Err(error.into()),
    }
}
