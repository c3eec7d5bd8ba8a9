//! Work that comes with time, without a request.

use crate::{amended, app::App, dev_clock, log, mail, packing, store, webhooks};

/// Most rows of a table that a tick deletes in one batch: some milliseconds of the writer's time.
const FORGOTTEN_AT_ONCE: u32 = 1000;
/// Most batches of a tick that delete expired rows.
const MOST_ROUNDS: u32 = 60;

/// Runs the scheduled work: notifies owners of keys, sends the mail that is due, gives changes their leaves in the log,
/// deletes what has expired, calls webhooks and packs the results of published runs.
///
/// Failures are logged: the next tick tries again.
pub async fn tick(app: &App) {
    queue_notices(app).await;
    send_mail_and_clean_up(app).await;
    // Webhooks come after everything that somebody waits for, since strangers may take their time.
    webhooks::deliver_due(app).await;
    // Nobody waits for packing: where a host limits the time of a tick, it is cut off here.
    pack(app).await;
}

/// Runs a [`tick`] on behalf of a request, whose deadline may drop it anywhere. Webhooks are called in the background:
/// the deadline would drop slow calls before their outcome is noted, and they do not belong to the request's trace. That
/// begins as soon as notices are queued, so that a backlog of anything else does not keep webhooks from being called.
pub async fn tick_for_request(app: &App) {
    queue_notices(app).await;
    webhooks::deliver_in_background(app);
    send_mail_and_clean_up(app).await;
    pack(app).await;
}

/// Queues notices to owners of keys, some of them for webhooks, by the clock as it was moved.
async fn queue_notices(app: &App) {
    if let Err(error) = dev_clock::catch_up(app).await {
        tracing::error!(%error, "the development clock is not known");
    }
    mail::queue_key_notices(app).await;
}

/// Runs what webhooks do not depend on: a delivery about the public log needs no leaf.
async fn send_mail_and_clean_up(app: &App) {
    mail::deliver_due(app).await;
    log::sequence(app).await;
    amended::remind_cache(app).await;
    if let Err(error) = forget_expired(app).await {
        tracing::error!(%error, "clean-up failed");
    }
}

async fn pack(app: &App) {
    if let Err(error) = packing::pack_due(app).await {
        tracing::error!(%error, "packing results failed");
    }
}

/// Deletes expired rows in short batches, so that other writers get their turn in between; the rest of a great backlog
/// waits for the next tick.
async fn forget_expired(app: &App) -> Result<(), store::BatchError> {
    let now = app.now();
    let most = usize::try_from(FORGOTTEN_AT_ONCE).unwrap_or(usize::MAX);
    let mut expiries = store::EXPIRIES.to_vec();
    for _ in 0..MOST_ROUNDS {
        if expiries.is_empty() {
            break;
        }
        let mut batch = store::Batch::new();
        let added = expiries.iter().map(|expiry| (*expiry, expiry(&mut batch, now, FORGOTTEN_AT_ONCE)));
        let added = added.collect::<Vec<_>>();
        let mut answers = batch.run(app.database()).await?;
        expiries.clear();
        for (expiry, forgotten) in added {
            if answers.take(forgotten)? >= most {
                expiries.push(expiry);
            }
        }
    }
    Ok(())
}
