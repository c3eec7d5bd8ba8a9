//! `PasswordHasher` over Durable Objects: the port's side, which asks, and the object's side, which computes. On the
//! free plan a request handler has 10 ms of CPU, which is too little for any password hash; an object has 30 s.

use std::cell::RefCell;

use aibaas_core::{
    domain::{
        Secret,
        password_hash::{self, HashError, HashJob, HashOutcome, Memory, Params},
    },
    ports::{Deadlines, InlineHasher, PasswordHasher, Timer as _},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use worker::{durable::ObjectNamespace, send::SendFuture};

use super::{adapters::RuntimeTimer, glue};
use crate::places::Places;

/// Place in which passwords are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hashing {
    /// The Worker, as part of the request.
    Worker,
    /// One of this many Durable Objects.
    DurableObjects(u8),
}

impl Hashing {
    const MOST_OBJECTS: u8 = 64;

    /// Reads `PASSWORD_HASHING` and `PASSWORD_HASHER_OBJECTS`, and adds what is wrong with them to `mistakes`.
    pub(super) fn load(lookup: &dyn Fn(&str) -> Option<String>, mistakes: &mut Vec<String>) -> Self {
        let get = |name| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let objects = match get("PASSWORD_HASHER_OBJECTS").map(|value| value.parse()) {
            None => 8,
            Some(Ok(objects @ 1..=Self::MOST_OBJECTS)) => objects,
            Some(_) => {
                mistakes.push(format!("PASSWORD_HASHER_OBJECTS must be a number from 1 to {}", Self::MOST_OBJECTS));
                1
            }
        };
        match get("PASSWORD_HASHING").as_deref() {
            None | Some("worker") => Self::Worker,
            Some("durable_object") => Self::DurableObjects(objects),
            Some(_) => {
                mistakes.push("PASSWORD_HASHING must be worker or durable_object".to_owned());
                Self::Worker
            }
        }
    }

    /// Creates the port. The binding is asked for only where it is needed.
    pub(super) fn port(
        self,
        deadlines: Deadlines,
        objects: impl FnOnce() -> worker::Result<ObjectNamespace>,
    ) -> worker::Result<Box<dyn PasswordHasher>> {
        Ok(match self {
            Self::Worker => Box::new(QueuedHasher { hasher: InlineHasher::default(), places: Places::of(1) }),
            Self::DurableObjects(count) => Box::new(HashingObjects {
                namespace: objects()?,
                places: Places::of(count),
                patience_ms: deadlines.hash.min(MOST_PATIENCE_MS),
            }),
        })
    }
}

/// A hasher in the Worker that runs one job after another, and refuses those that come while too many wait. Requests
/// that come while a queue is worked off still wait for its end: where that matters, [`HashingObjects`] hash.
struct QueuedHasher {
    hasher: InlineHasher,
    places: Places,
}

#[async_trait]
impl PasswordHasher for QueuedHasher {
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError> {
        let _place = self.places.take(|| 0)?;
        // Requests that have come by now are counted before the first of them is hashed.
        RuntimeTimer.sleep(0).await;
        self.hasher.run(job).await
    }
}

/// A password hash takes a twentieth of a second; whoever is still in an object's queue by then has waited enough.
const MOST_PATIENCE_MS: u32 = 10_000;

/// Objects of the binding `PASSWORD_HASHER`, which take jobs in turn: each hashes one password at a time.
struct HashingObjects {
    namespace: ObjectNamespace,
    places: Places,
    /// Longest time that a request waits for its hash.
    patience_ms: u32,
}

/// Draws a random number; an isolate has none before its first request.
fn any_number() -> usize {
    let mut random = [0; 1];
    glue::get_random_values(&mut random);
    let [number] = random;
    number.into()
}

/// A job on its way to an object. It is never stored and never logged.
#[derive(Serialize, Deserialize)]
enum Question<Text> {
    Hash { password: Text, salt: [u8; 16], memory_kib: u32, passes: u32, lanes: u32 },
    Verify { password: Text, encoded: Text },
}

#[derive(Serialize, Deserialize)]
enum Answer<Text> {
    Hashed(Text),
    Verified(bool),
    Failed(String),
}

#[async_trait]
impl PasswordHasher for HashingObjects {
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError> {
        let place = self.places.take(any_number)?;
        let question = match &job {
            HashJob::Hash { password, salt, params } => Question::Hash {
                password: password.expose(),
                salt: *salt,
                memory_kib: params.memory_kib,
                passes: params.passes,
                lanes: params.lanes,
            },
            HashJob::Verify { password, encoded } => {
                Question::Verify { password: password.expose(), encoded: encoded.expose() }
            }
        };
        // An error of serde may quote the text, which holds a secret.
        let unreadable = |_| HashError::Failed("the object and its caller do not understand each other".to_owned());
        let question = Secret::new(serde_json::to_string(&question).map_err(unreadable)?);
        let namespace: &JsValue = self.namespace.as_ref();
        let answer = SendFuture::new(async {
            let answer = glue::hash(namespace, &place.of.to_string(), question.expose(), self.patience_ms)
                .await
                .map_err(|error| HashError::Failed(glue::message(&error)))?;
            answer.as_string().map(Secret::new).ok_or(HashError::Busy)
        });
        match serde_json::from_str(answer.await?.expose()).map_err(unreadable)? {
            Answer::Hashed(encoded) => Ok(HashOutcome::Hashed(encoded)),
            Answer::Verified(right) => Ok(HashOutcome::Verified(right)),
            Answer::Failed(why) => Err(HashError::Failed(why)),
        }
    }
}

thread_local! {
    /// Memory shared by the objects of this instance: each hashes in one go.
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// Computes the job that [`HashingObjects`] sends: a question in, an answer out, both as JSON.
#[wasm_bindgen]
pub fn hash(question: String) -> Option<String> {
    let question = Secret::new(question);
    let job = match serde_json::from_str(question.expose()).ok()? {
        Question::Hash { password, salt, memory_kib, passes, lanes } => {
            HashJob::Hash { password, salt, params: Params { memory_kib, passes, lanes } }
        }
        Question::Verify { password, encoded } => HashJob::Verify { password, encoded },
    };
    let outcome = MEMORY.with_borrow_mut(|memory| password_hash::run(&job, memory));
    let answer = match &outcome {
        Ok(HashOutcome::Hashed(encoded)) => Answer::Hashed(encoded.expose()),
        Ok(HashOutcome::Verified(right)) => Answer::Verified(*right),
        Err(error) => Answer::Failed(error.to_string()),
    };
    serde_json::to_string(&answer).ok()
}
