//! Gives every change its leaf in the log, in the order of changes.
//!
//! SQL cannot hash, and D1 reads nothing between the statements of a batch. So a round reads changes that have no leaf,
//! computes, and writes leaves, nodes and a signed head in one batch, which is undone where the log has grown since. Of two
//! rounds at once one is undone and begins anew; one that dies has written everything or nothing.

use serde::Serialize;

use crate::{
    app::App,
    domain::{
        RunId,
        leaderboard::ChangeKind,
        log_record::{self, FORMAT, RunDigest, TreeHead},
        merkle::{self, Frontier, Range},
    },
    http::{leaderboard::ChangeBody, problem::ApiError},
    store::{
        Batch, BatchError, Guard,
        changes::{Change, Place},
        log::{self as store, NewLeaf, ResultPiece, RunRecord, SignedHead},
    },
};

/// Changes of a round. A change costs one round trip, and one more for each further piece of its results: a Worker on the
/// free plan has 50 queries.
const LINES: u32 = 8;
/// Rounds of a call; what is left of a backlog waits for the next one.
const ROUNDS: usize = 3;
/// So many results are read in one go: some megabytes.
const PIECE: u32 = 4000;
/// After so many results a round begins no further change.
const MOST_RESULTS: u64 = 20_000;

/// What a leaf says. Its text is canonical JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Leaf {
    format: u32,
    /// As the API tells it.
    change: ChangeBody,
    /// The snapshot that it made, unless it is moderation.
    snapshot_id: Option<String>,
    /// Its place in the order of all.
    seq: Option<i64>,
    /// What was published with it.
    run: Option<RunCommitment>,
    /// What stood from then on.
    board: Option<BoardCommitment>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunCommitment {
    digest: String,
    /// How many results the digest is over.
    results: u64,
    /// Whether results were left out because tasks are private.
    private_tasks: bool,
}

#[derive(Serialize)]
struct BoardCommitment {
    digest: String,
    entries: usize,
}

/// Gives changes their leaves after the answer.
pub fn sequence_in_background(app: &App) {
    let worker = app.clone();
    app.ports().background.spawn(Box::pin(async move { sequence(&worker).await }));
}

/// Gives changes their leaves. What fails, or is left, a later call does.
pub async fn sequence(app: &App) {
    for _ in 0..ROUNDS {
        match round(app).await {
            Ok(Round::Done) => return,
            Ok(Round::More) => {}
            Err(error) => return tracing::error!(?error, "changes have no leaves in the log yet"),
        }
    }
}

enum Round {
    /// Every change that was read has its leaf.
    Done,
    /// There may be more, or another was faster.
    More,
}

async fn round(app: &App) -> Result<Round, ApiError> {
    let mut batch = Batch::new();
    let tip = batch.push(store::tip());
    let pending = batch.push(store::pending(LINES));
    let mut answers = batch.run(app.database()).await?;
    let (tip, pending) = (answers.take(tip)?, answers.take(pending)?);
    let is_signed = tip.size == 0 || tip.key_ids.iter().any(|id| id == app.keys().log_key_id());
    if pending.is_empty() && is_signed {
        return Ok(Round::Done);
    }

    let nodes = store::nodes(&[Range { begin: 0, end: tip.size }]).run(app.database()).await?;
    let tree = Frontier::new(tip.size, |node| nodes.get(node));
    let mut tree = tree.ok_or_else(|| ApiError::internal("nodes of the log are missing"))?;
    let mut is_whole = u32::try_from(pending.len()).is_ok_and(|lines| lines < LINES);
    let (mut leaves, mut made, mut read) = (Vec::new(), Vec::new(), 0_u64);
    for change in pending {
        if read >= MOST_RESULTS {
            is_whole = false;
            break;
        }
        let (place, change_id) = (change.place, change.id.clone());
        let leaf = leaf(app, change).await?;
        read = read.saturating_add(leaf.run.as_ref().map_or(0, |run| run.results));
        let text = log_record::canonical(&leaf).map_err(unwritable)?;
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

fn unwritable(error: serde_json::Error) -> ApiError {
    ApiError::internal(format!("canonical JSON: {error}"))
}

/// What is committed to of a change.
async fn leaf(app: &App, change: Change) -> Result<Leaf, ApiError> {
    let Place(seq, act) = change.place;
    let is_snapshot = act == 0;
    let mut batch = Batch::new();
    let board = match (&change.benchmark, &change.version) {
        (Some(benchmark), Some(version)) if is_snapshot => Some(batch.push(store::board(benchmark, version, seq))),
        _ => None,
    };
    let published = matches!(change.kind, ChangeKind::Published | ChangeKind::Rescored);
    let run = change.run_id.as_ref().filter(|_| published).map(|id| {
        let first = store::results(id, &(String::new(), 0), PIECE);
        (id, batch.push(store::run(id)), batch.push(store::given(id)), batch.push(first))
    });
    let (mut board_commitment, mut run_commitment) = (None, None);
    if board.is_some() || run.is_some() {
        let mut answers = batch.run(app.database()).await?;
        if let Some(board) = board {
            let rows = answers.take(board)?;
            let entries = rows.len();
            board_commitment =
                Some(BoardCommitment { digest: log_record::hex(&log_record::board_digest(rows)), entries });
        }
        if let Some((id, run, given, piece)) = run {
            let run = answers.take(run)?.ok_or_else(|| ApiError::internal("a published run is gone"))?;
            let RunRecord { row, private_tasks } = run;
            let digest = RunDigest::new(row, answers.take(given)?).map_err(unwritable)?;
            let (digest, results) = of_results(app, id, digest, answers.take(piece)?).await?.finish();
            run_commitment = Some(RunCommitment { digest: log_record::hex(&digest), results, private_tasks });
        }
    }
    Ok(Leaf {
        format: FORMAT,
        snapshot_id: is_snapshot.then(|| change.id.clone()),
        seq: is_snapshot.then_some(seq),
        change: change.into(),
        run: run_commitment,
        board: board_commitment,
    })
}

/// Adds the results of a run to its digest, in pieces, of which the first is there.
async fn of_results(app: &App, id: &RunId, mut digest: RunDigest, first: ResultPiece) -> Result<RunDigest, ApiError> {
    let mut piece = first;
    loop {
        piece.rows.into_iter().try_for_each(|row| digest.add(row)).map_err(unwritable)?;
        let Some(end) = piece.end else { return Ok(digest) };
        piece = store::results(id, &end, PIECE).run(app.database()).await?;
    }
}
