//! Packs the results of published runs once `PACK_RESULTS_AFTER_HOURS` have passed.
//!
//! A run is packed in one batch, unless it takes more statements than the host runs in one. Then its packs are written
//! over several batches, while nobody reads them, compared with its rows, and put in their place by a last batch.
//! Whatever fails in between, the run's rows stay as they were, and a later tick goes on.

use crate::{
    app::App,
    domain::{
        TaskAttempt, Timestamp,
        log_record::{DigestedResults, ResultsDigest, Row},
        result_pack::{self, PackError, Packer, ResultPack},
    },
    ports::DatabaseError,
    store::{
        Batch, BatchError, Guard,
        packs::{self, DueRun},
    },
};

/// Number of results that are read at a time.
const PIECE: u32 = 1000;
/// Number of packs that are compared at a time: at most a megabyte, and 5,000 results.
const COMPARED: u32 = 20;
/// Most statements of a batch besides those that add packs: the guard, the deletion, and the update of the run.
const BESIDES: usize = 3;
/// Number of queries before a run is read: for the next run, and for how far it is packed.
const ASKED: usize = 2;
const HOUR_MS: i64 = 3_600_000;
/// How long a run is left alone after packing it failed or died, in milliseconds.
const AFTER_FAILURE_MS: i64 = HOUR_MS;
/// How long a run is left alone whose results differ from what was published, in milliseconds.
const AFTER_DIFFERENCE_MS: i64 = 24 * HOUR_MS;

/// Packs the results of runs that are due, within the statements that a tick has for it, including reads.
pub(crate) async fn pack_due(app: &App) -> Result<(), BatchError> {
    let Some(hours) = app.config().pack_results_after_hours else { return Ok(()) };
    let most = app.config().most_packing_statements;
    let mut spent = 0_usize;
    // With less than half of them left, a large run would be begun that the next tick can finish in one go.
    while spent <= most / 2 && !app.has_stopped_sending() {
        let now = app.now();
        let published_by = Timestamp(now.0.saturating_sub(i64::from(hours).saturating_mul(HOUR_MS)));
        let left_alone = Timestamp(now.0.saturating_add(AFTER_FAILURE_MS));
        let Some(run) = packs::claim(published_by, now, left_alone).run(app.database()).await? else { break };
        spent = spent.saturating_add(pack(app, &run, most.saturating_sub(spent)).await?);
    }
    Ok(())
}

/// Takes a run one batch further with at most `left` statements, and returns how many it used.
async fn pack(app: &App, run: &DueRun, left: usize) -> Result<usize, BatchError> {
    // Reading one piece makes at least four packs: of what remains, a fifth is for reading.
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
        // Another instance was faster.
        Ok(_) | Err(BatchError::Guard(Guard::ResultsUnpacked)) => {
            Ok(packs.saturating_add(packs / 4).saturating_add(ASKED.saturating_add(BESIDES).saturating_add(1)))
        }
        Err(error) => Err(error),
    }
}

/// Reason why the results of a run are left as they are.
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

/// Builds the next batch of a run, and returns it with the number of packs it writes, at most `room`. Fails where the
/// results cannot be packed or differ from what was published.
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

/// Refuses results that do not match the digest of their publication, where there is one. There is none for runs from
/// before it was kept, for copies, and for results at private tasks.
fn expect_published(run: &DueRun, digested: &DigestedResults) -> Result<(), PackingError> {
    let are_published = run.private_tasks || run.results.is_none_or(|published| published == *digested);
    if are_published { Ok(()) } else { Err(PackingError::OtherResults) }
}

/// Rows of a run that were read, in packs.
#[derive(Default)]
struct Reading {
    packs: Vec<ResultPack>,
    packer: Packer,
    digest: ResultsDigest,
    results: i64,
}

impl Reading {
    /// Checks whether a batch has no room for more packs.
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

    /// Packs the rest where everything was read; otherwise the rest belongs to the next batch.
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
        // After the last pack, one row is asked for, to see that there is none.
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
