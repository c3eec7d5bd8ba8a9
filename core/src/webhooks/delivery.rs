use std::collections::HashMap;

use super::message::{Lines, MOST_LINES, data_of, send};
use crate::{
    app::App,
    domain::webhook::{WebhookFailure, retry_delay_ms},
    mail::{self, EmailTemplate},
    ports::{DatabaseError, in_trace},
    store::{
        Batch, BatchError,
        changes::{self, Direction},
        webhooks::{self, AttemptResult, BegunDelivery, DeliveryContent, DeliveryLease, FailedAttempt, Outcome},
    },
};

/// Number of webhooks that are called at once.
const AT_ONCE: i64 = 4;
/// Most rounds of calls in one go: a round takes three queries, of the 50 that a Worker has on the free plan, and the
/// log takes two. What is left waits for the next call.
const ROUNDS: usize = 3;
/// Latest time at which a round begins, in milliseconds after the start: after an answer a Worker has 30 s.
const LATEST_ROUND_MS: u64 = 8_000;
/// Most webhooks that are made due in one go because the public log has new lines, however many follow it.
const FOLLOWERS_AT_ONCE: usize = 20;
/// Seconds for which a lease lasts: longer than any answer is waited for.
const LEASE_SECONDS: i64 = 60;

/// Calls the webhooks that are due, after the answer.
pub fn deliver_in_background(app: &App) {
    let worker = app.clone();
    // Due webhooks may be other people's: none of them belongs to the trace of this request.
    app.ports().background.spawn(Box::pin(async move { in_trace(None, deliver_due(&worker)).await }));
}

/// Calls the webhooks that are due. Failures are logged and tried again by a later call. A shutdown ends it after the
/// requests that are under way: each is bounded by its time-out.
pub async fn deliver_due(app: &App) {
    match follow_log(app).await {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => tracing::error!(%error, "webhooks were not told of the log"),
    }
    let begun = app.now();
    for _ in 0..ROUNDS {
        if app.has_stopped_sending() || app.now().ms_since(begun) > LATEST_ROUND_MS {
            return;
        }
        match round(app).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => return tracing::error!(%error, "webhooks were not called"),
        }
    }
}

/// Makes webhooks due that were not told of the newest lines of the log. Returns whether there may be any to call.
async fn follow_log(app: &App) -> Result<bool, BatchError> {
    let mut batch = Batch::new();
    let has_work = batch.push(webhooks::has_work(app.now()));
    let latest = batch.push(changes::latest(None));
    let mut answers = batch.run(app.database()).await?;
    if !answers.take(has_work)? {
        return Ok(false);
    }
    if let Some(latest) = answers.take(latest)? {
        let ids = (0..FOLLOWERS_AT_ONCE).map(|_| app.new_id().into()).collect::<Vec<_>>();
        Batch::from_iter(webhooks::queue_log(&ids, latest.place, app.now())).run(app.database()).await?;
    }
    Ok(true)
}

/// Calls at most [`AT_ONCE`] webhooks. Returns how many.
async fn round(app: &App) -> Result<usize, BatchError> {
    let (name, now) = (app.new_id(), app.now());
    let lease = DeliveryLease { name: &name, now, until: now.plus_seconds(LEASE_SECONDS) };
    let mut batch = Batch::new();
    batch.push(lease.take(AT_ONCE));
    let begun = batch.push(lease.begin());
    batch.push(lease.release_idle());
    let begun = batch.run(app.database()).await?.take(begun)?;
    if begun.is_empty() {
        return Ok(0);
    }
    let lines = lines(app, &begun).await?;
    let calls = begun.iter().map(|delivery| call(app, delivery, &lines));
    let outcomes = futures_util::future::join_all(calls).await;
    let mut noted = Batch::new();
    let mails = lease.note(&mut noted, &outcomes, app.now());
    if noted.run(app.database()).await?.take(mails)? > 0 {
        mail::deliver_in_background(app);
    }
    Ok(outcomes.len())
}

/// Reads the lines of the log that deliveries report, by the place after which they come. Deliveries from the same
/// place, which most are, share one query.
async fn lines(app: &App, begun: &[BegunDelivery]) -> Result<Lines, BatchError> {
    let (mut batch, mut pages) = (Batch::new(), HashMap::new());
    for delivery in begun {
        if let DeliveryContent::Log(from, _) = delivery.content {
            let page = || changes::page(Direction::Forward, None, from, MOST_LINES.saturating_add(1));
            pages.entry(from).or_insert_with(|| batch.push(page()));
        }
    }
    if pages.is_empty() {
        return Ok(Lines::new());
    }
    let mut read = batch.run(app.database()).await?;
    Ok(pages.into_iter().map(|(from, page)| Ok((from, read.take(page)?))).collect::<Result<_, DatabaseError>>()?)
}

/// Sends a delivery and returns its outcome.
async fn call(app: &App, delivery: &BegunDelivery, lines: &Lines) -> Outcome {
    let result = match data_of(app, delivery, lines) {
        // All lines have been hidden since.
        None => AttemptResult::Empty,
        Some(data) => match send(app, delivery, &data).await {
            Ok(status) => match failure_of(status) {
                None => AttemptResult::Taken(status),
                Some(failure) => AttemptResult::Failed(failed(app, delivery, Some(status), failure)),
            },
            Err(failure) => AttemptResult::Failed(failed(app, delivery, None, failure)),
        },
    };
    Outcome { webhook_id: delivery.webhook_id.clone(), id: delivery.id.clone(), attempts: delivery.attempts, result }
}

/// Logs that a delivery was not accepted, and returns what is to be done about it.
fn failed(app: &App, delivery: &BegunDelivery, answer: Option<u16>, failure: WebhookFailure) -> FailedAttempt {
    let (webhook, id, why) = (delivery.webhook_id.as_str(), delivery.id.as_str(), failure.as_str());
    tracing::info!(
        webhook,
        delivery = id,
        attempts = delivery.attempts,
        answer,
        failure = why,
        "a webhook took nothing"
    );
    let (now, is_gone) = (app.now(), answer == Some(410));
    let retry_at = retry_delay_ms(delivery.attempts).map(|delay| now.plus_ms(delay));
    let notice =
        EmailTemplate::WebhookDisabled { host: delivery.url.host().to_owned(), gone: is_gone, at: now.to_string() };
    let mail = mail::queue(app, &notice);
    let mail =
        mail.map_err(|error| tracing::error!(%error, "the owner of a webhook is not told that it is disabled")).ok();
    FailedAttempt { answer, failure, retry_at: retry_at.filter(|_| !is_gone), is_gone, mail }
}

fn failure_of(status: u16) -> Option<WebhookFailure> {
    match status {
        200..=299 => None,
        300..=399 => Some(WebhookFailure::Redirect),
        _ => Some(WebhookFailure::Status),
    }
}
