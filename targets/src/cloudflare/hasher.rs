//! `PasswordHasher` over Durable Objects: the port's side, which asks, and the object's side, which computes. On the
//! free plan a request handler has 10 ms of CPU, which is too little for any password hash; an object has 30 s.

use std::{
    cell::RefCell,
    sync::atomic::{AtomicUsize, Ordering},
};

use aibaas_core::{
    domain::{
        Secret,
        password_hash::{self, Memory, Params},
    },
    ports::{HashError, HashJob, HashOutcome, InlineHasher, PasswordHasher, Timer as _},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use worker::{durable::ObjectNamespace, send::SendFuture};

use super::{adapters::RuntimeTimer, glue};

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
        objects: impl FnOnce() -> worker::Result<ObjectNamespace>,
    ) -> worker::Result<Box<dyn PasswordHasher>> {
        Ok(match self {
            Self::Worker => Box::new(QueuedHasher::default()),
            Self::DurableObjects(count) => Box::new(HashingObjects { namespace: objects()?, count }),
        })
    }
}

/// Most hashes that wait in an isolate: at a twentieth of a second each, as long as their requests wait.
const MOST_WAITING: usize = 100;

/// A hasher in the Worker that runs one job after another, and refuses those that come while too many wait. Requests
/// that come while a queue is worked off still wait for its end: where that matters, [`HashingObjects`] hash.
#[derive(Default)]
struct QueuedHasher {
    hasher: InlineHasher,
    waiting: AtomicUsize,
}

/// A place in the queue, given back when it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, HashError> {
        let place = Self(waiting);
        // Where there is no room, dropping the place gives it back at once.
        if waiting.fetch_add(1, Ordering::Relaxed) < MOST_WAITING { Ok(place) } else { Err(HashError::Busy) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl PasswordHasher for QueuedHasher {
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError> {
        let _place = Place::take(&self.waiting)?;
        // Requests that have come by now are counted before the first of them is hashed.
        RuntimeTimer.sleep(0).await;
        self.hasher.run(job).await
    }
}

/// Objects of the binding `PASSWORD_HASHER`, which take jobs in turn: each hashes one password at a time.
struct HashingObjects {
    namespace: ObjectNamespace,
    count: u8,
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
            let answer = glue::hash(namespace, self.count, question.expose())
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
