//! Deadline of a request as a whole.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    body::{Body, HttpBody as _},
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures_util::{
    StreamExt as _,
    future::{Either, select},
    stream,
};

use super::problem::ApiError;
use crate::{app::App, domain::Timestamp, ports::Clock};

/// Answers within the deadline, whatever the handler waits for. The time in which the client sends its body is not
/// counted: the host limits that.
pub async fn answer_in_time(app: &App, request: Request, next: Next) -> Response {
    let limit = app.deadlines().request;
    let upload = Arc::new(BodyWait::default());
    let request = if request.body().is_end_stream() {
        request
    } else {
        let clock = Arc::clone(&app.ports().clock);
        request.map(|body| timed(body, clock, Arc::clone(&upload)))
    };
    let mut answer = pin!(next.run(request));
    let (mut wait, mut excused) = (limit, 0);
    loop {
        match select(answer.as_mut(), pin!(app.ports().timer.sleep(wait))).await {
            Either::Left((answer, _)) => return answer,
            Either::Right(((), _)) => {
                let uploading = upload.ms(app.now());
                wait = u32::try_from(uploading.saturating_sub(excused)).unwrap_or(limit).min(limit);
                excused = uploading;
            }
        }
        if wait == 0 {
            return ApiError::interrupted(format!("no answer within {limit} ms")).into_response();
        }
    }
}

/// How long the server has waited for a body: milliseconds until the last wait ended, and the start of the current
/// wait.
#[derive(Default)]
struct BodyWait(Mutex<(u64, Option<Timestamp>)>);

impl BodyWait {
    fn ms(&self, now: Timestamp) -> u64 {
        let (waited, since) = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waited.saturating_add(since.map_or(0, |since| now.ms_since(since)))
    }

    fn note(&self, waits: bool, now: Timestamp) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match *state {
            (waited, None) => (waited, waits.then_some(now)),
            (waited, Some(since)) if !waits => (waited.saturating_add(now.ms_since(since)), None),
            waiting => waiting,
        };
    }
}

/// Wraps the body so that `upload` measures how long the server waits for the client.
fn timed(body: Body, clock: Arc<dyn Clock>, upload: Arc<BodyWait>) -> Body {
    let mut chunks = body.into_data_stream();
    Body::from_stream(stream::poll_fn(move |context| {
        let chunk = chunks.poll_next_unpin(context);
        upload.note(chunk.is_pending(), clock.now());
        chunk
    }))
}
