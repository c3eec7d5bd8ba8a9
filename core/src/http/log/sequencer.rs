//! Gives every change its leaf in the log, in the order of changes.
//!
//! SQL cannot hash, and D1 reads nothing between the statements of a batch. So a round reads changes that have no leaf,
//! computes, and writes leaves, nodes and a signed head in one batch, which is undone where the log has grown since. Of two
//! rounds at once one is undone and begins anew; one that dies has written everything or nothing.

use serde::Serialize;

use crate::{
    app::App,
    domain::{
        RunId, SealId,
        leaderboard::ChangeKind,
        log_record::{self, DigestedResults, FORMAT, ResultsDigest, TreeHead},
        merkle::{self, Frontier, Range},
    },
    http::{leaderboard::ChangeBody, problem::ApiError},
    store::{
        Batch, BatchError, Guard,
        changes::{Change, Place},
        log::{self as store, NewLeaf, RunRecord, SignedHead},
    },
};

/// Changes of a round. A change costs one round trip, and one more for each piece of results that were not digested when
/// they were published: a Worker on the free plan has 50 queries.
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
    /// What was sealed; left out where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    seal: Option<SealCommitment>,
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
struct SealCommitment {
    digest: String,
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
        let (leaf, results_read) = leaf(app, change).await?;
        read = read.saturating_add(results_read);
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

/// What is committed to of a change, and how many results were read for it.
async fn leaf(app: &App, change: Change) -> Result<(Leaf, u64), ApiError> {
    let Place(seq, act) = change.place;
    let is_snapshot = act == 0;
    let seal = match change.seal_id.as_ref().filter(|_| change.kind == ChangeKind::Sealed) {
        Some(id) => Some(sealed(app, id).await?),
        None => None,
    };
    let mut batch = Batch::new();
    let board = match (&change.benchmark, &change.version) {
        (Some(benchmark), Some(version)) if is_snapshot => Some(batch.push(store::board(benchmark, version, seq))),
        _ => None,
    };
    let published = matches!(change.kind, ChangeKind::Published | ChangeKind::Rescored);
    let run = change.run_id.as_ref().filter(|_| published);
    let run = run.map(|id| (id, batch.push(store::run(id)), batch.push(store::given(id))));
    let (mut board_commitment, mut run_commitment, mut results_read) = (None, None, 0);
    if board.is_some() || run.is_some() {
        let mut answers = batch.run(app.database()).await?;
        if let Some(board) = board {
            let rows = answers.take(board)?;
            let entries = rows.len();
            board_commitment =
                Some(BoardCommitment { digest: log_record::hex(&log_record::board_digest(rows)), entries });
        }
        if let Some((id, run, given)) = run {
            let run = answers.take(run)?.ok_or_else(|| ApiError::internal("a published run is gone"))?;
            let (RunRecord { row, private_tasks, results }, given) = (run, answers.take(given)?);
            let (results, read) = match results {
                Some(results) => (results, 0),
                None if private_tasks => (ResultsDigest::default().finish(), 0),
                None => of_results(app, id).await.map(|results| (results, results.results))?,
            };
            results_read = read;
            let digest = log_record::run_digest(row, given, &results).map_err(unwritable)?;
            let digest = log_record::hex(&digest);
            run_commitment = Some(RunCommitment { digest, results: results.results, private_tasks });
        }
    }
    let leaf = Leaf {
        format: FORMAT,
        snapshot_id: is_snapshot.then(|| change.id.clone()),
        seq: is_snapshot.then_some(seq),
        change: change.into(),
        run: run_commitment,
        board: board_commitment,
        seal,
    };
    Ok((leaf, results_read))
}

async fn sealed(app: &App, id: &SealId) -> Result<SealCommitment, ApiError> {
    let seal = store::seal(id).run(app.database()).await?;
    let seal = seal.ok_or_else(|| ApiError::internal("a seal is gone"))?;
    let digest = log_record::seal_digest(seal).map_err(unwritable)?;
    Ok(SealCommitment { digest: log_record::hex(&digest) })
}

/// What the results of a run come to, of which publishing has not kept it: read in pieces.
async fn of_results(app: &App, id: &RunId) -> Result<DigestedResults, ApiError> {
    let mut digest = ResultsDigest::default();
    let mut end = (String::new(), 0);
    loop {
        let piece = store::results(id, &end, PIECE).run(app.database()).await?;
        piece.rows.into_iter().try_for_each(|row| digest.add(row)).map_err(unwritable)?;
        match piece.end {
            Some(last) => end = last,
            None => return Ok(digest.finish()),
        }
    }
}
