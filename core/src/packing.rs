//! Packs the results of published runs once `PACK_RESULTS_AFTER_HOURS` have passed.
//!
//! A run is packed in one batch, unless it takes more statements than the host runs in one. Then its packs are written over
//! several batches, while nobody reads them, compared with its rows, and put in their place by a last batch. Whatever fails or
//! dies in between, the run is as it was, and is gone on with.

use crate::{
    app::App,
    domain::{
        log_record::{DigestedResults, ResultsDigest, Row},
        result_pack::{self, PackError, Packer, ResultPack},
    },
    ports::{DatabaseError, Timestamp},
    store::{
        Batch, BatchError, Guard,
        packs::{self, DueRun},
        results::TaskAttempt,
    },
};

/// Results that are read in one go.
const PIECE: u32 = 1000;
/// Packs that are compared in one go: no more than a megabyte, and 5,000 results.
const COMPARED: u32 = 20;
/// What a batch does besides adding packs, at most: the guard, the deletion, and what becomes of the run.
const BESIDES: usize = 3;
/// What is asked before a run is read: for the next one, and how far it is.
const ASKED: usize = 2;
const HOUR_MS: i64 = 3_600_000;
/// How long a run is left alone that somebody began to pack, and failed or died over.
const AFTER_FAILURE_MS: i64 = HOUR_MS;
/// The same, where its results are not what they should be.
const AFTER_DIFFERENCE_MS: i64 = 24 * HOUR_MS;

/// Packs what is due, in as many statements as a tick has for it, reading included.
pub(crate) async fn pack_due(app: &App) -> Result<(), BatchError> {
    let Some(hours) = app.config().pack_results_after_hours else { return Ok(()) };
    let most = app.config().most_packing_statements;
    let mut spent = 0_usize;
    // With less than half of them a large run would be begun that the next tick can finish in one go.
    while spent <= most / 2 && !app.has_stopped_sending() {
        let now = app.now();
        let published_by = Timestamp(now.0.saturating_sub(i64::from(hours).saturating_mul(HOUR_MS)));
        let left_alone = Timestamp(now.0.saturating_add(AFTER_FAILURE_MS));
        let Some(run) = packs::claim(published_by, now, left_alone).run(app.database()).await? else { break };
        spent = spent.saturating_add(pack(app, &run, most.saturating_sub(spent)).await?);
    }
    Ok(())
}

/// Takes a run one batch further, and counts the statements of that. It has so many.
async fn pack(app: &App, run: &DueRun, left: usize) -> Result<usize, BatchError> {
    // A piece that is read makes four packs at least: of what remains, a fifth is for reading.
    let room = (left.saturating_sub(ASKED.saturating_add(BESIDES)) / 5).saturating_mul(4).max(1);
    let (batch, packs) = match next_batch(app, run, room).await {
        Ok(next) => next,
        Err(PackingError::Database(error)) => return Err(error.into()),
        Err(why) => {
            tracing::error!(run = %run.id, %why, "the results of a run cannot be packed");
            let until = Timestamp(app.now().0.saturating_add(AFTER_DIFFERENCE_MS));
            (packs::give_up(&run.id, until), 0)
        }
    };
    match batch.run(app.database()).await {
        // Somebody else was faster.
        Ok(_) | Err(BatchError::Guard(Guard::ResultsUnpacked)) => {
            Ok(packs.saturating_add(packs / 4).saturating_add(ASKED.saturating_add(BESIDES).saturating_add(1)))
        }
        Err(error) => Err(error),
    }
}

/// Why the results of a run are left as they are.
#[derive(Debug, thiserror::Error)]
enum PackingError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Pack(#[from] PackError),
    #[error("they are not those that were published")]
    OtherResults,
    #[error("what was packed before is not what the rows hold")]
    OtherRows,
    #[error("a number of theirs cannot be told: {0}")]
    Number(#[from] serde_json::Error),
}

/// The next batch of a run, and how many packs it writes, at most as many as there is room for; or why there is none.
async fn next_batch(app: &App, run: &DueRun, room: usize) -> Result<(Batch, usize), PackingError> {
    let begun = packs::begun(&run.id).run(app.database()).await?;
    let mut reading = Reading::default();
    let mut end = begun.end;
    while !reading.is_full(room) {
        let piece = packs::piece(&run.id, &end, PIECE).run(app.database()).await?;
        reading.add(piece.results, piece.rows, room)?;
        match piece.end {
            Some(last) => end = last,
            None => break,
        }
    }
    let is_whole = !reading.is_full(room);
    reading.finish(is_whole)?;
    let Reading { packs, digest, results, .. } = reading;
    let written = packs.len();
    if begun.results > 0 && written == 0 {
        compare(app, run).await?;
        return Ok((packs::replace(&run.id, begun.results, &[], begun.results, app.now()), 0));
    }
    if begun.results > 0 || !is_whole {
        return Ok((packs::prepare(&run.id, begun.results, &packs), written));
    }
    expect_published(run, &digest.finish())?;
    Ok((packs::replace(&run.id, 0, &packs, results, app.now()), written))
}

/// Refuses results that do not come to what was published, as far as that is known: not of runs from before it was kept, or
/// of copies, and not of results at private tasks.
fn expect_published(run: &DueRun, digested: &DigestedResults) -> Result<(), PackingError> {
    let are_published = run.private_tasks || run.results.is_none_or(|published| published == *digested);
    if are_published { Ok(()) } else { Err(PackingError::OtherResults) }
}

/// What was read of a run's rows, in packs.
#[derive(Default)]
struct Reading {
    packs: Vec<ResultPack>,
    packer: Packer,
    digest: ResultsDigest,
    results: i64,
}

impl Reading {
    /// Whether there is no room for more packs in a batch.
    fn is_full(&self, room: usize) -> bool {
        self.packs.len() >= room
    }

    fn add(
        &mut self,
        results: Vec<result_pack::StoredResult>,
        rows: Vec<Row>,
        room: usize,
    ) -> Result<(), PackingError> {
        for (result, row) in results.into_iter().zip(rows) {
            self.packs.extend(self.packer.add(result)?);
            if self.is_full(room) {
                break;
            }
            self.digest.add(row)?;
            self.results = self.results.saturating_add(1);
        }
        Ok(())
    }

    /// Packs the rest, where everything was read; else it belongs to the next batch.
    fn finish(&mut self, is_whole: bool) -> Result<(), PackError> {
        if is_whole {
            self.packs.extend(self.packer.finish()?);
        }
        Ok(())
    }
}

/// Compares the packs of a run that nobody reads yet with its rows, and both with what was published.
async fn compare(app: &App, run: &DueRun) -> Result<(), PackingError> {
    let mut digest = ResultsDigest::default();
    let mut end = TaskAttempt::default();
    loop {
        let listed = packs::list(&run.id, &end, COMPARED).run(app.database()).await?;
        let packed = unpacked(&listed)?;
        // Where there are no more packs, nor may there be a row.
        let rows = u32::try_from(packed.len().max(1)).unwrap_or(u32::MAX);
        let piece = packs::piece(&run.id, &end, rows).run(app.database()).await?;
        let Some(last) = listed.last() else {
            // No row may be left.
            return if piece.results.is_empty() {
                expect_published(run, &digest.finish())
            } else {
                Err(PackingError::OtherRows)
            };
        };
        end = TaskAttempt { task: last.last.0.clone(), attempt: last.last.1 };
        if !result_pack::are_same(&packed, &piece.results)? {
            return Err(PackingError::OtherRows);
        }
        piece.rows.into_iter().try_for_each(|row| digest.add(row))?;
    }
}

fn unpacked(packs: &[ResultPack]) -> Result<Vec<result_pack::StoredResult>, PackError> {
    let unpacked = packs.iter().map(|pack| result_pack::unpack(&pack.bytes)).collect::<Result<Vec<_>, _>>()?;
    Ok(unpacked.into_iter().flatten().collect())
}
