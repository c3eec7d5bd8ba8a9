//! What the application stands on: ports whose every call waits its turn, and fails where the plan says so.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard},
    task::Poll,
};

use aibaas_core::{
    domain::Secret,
    ports::{
        Background, BoxFuture, Clock, Database, DatabaseError, Entropy, HashError, HashJob, HashOutcome, HttpClient,
        HttpError, KeyValue, KeyValueError, OutboundRequest, OutboundResponse, PasswordHasher, Rows, Statement, Timer,
        Timestamp,
    },
};
use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    Op,
    faults::{Counts, Fault, Weather},
    mailbox::Mailbox,
    sqlite,
};

/// An arbitrary moment.
const START: i64 = 1_795_395_723_004;
const CACHE_LAG_MS: i64 = 60_000;

/// Everything outside the process: it outlives it.
pub struct World {
    database: Mutex<rusqlite::Connection>,
    state: Mutex<State>,
    mutant: Option<Mutant>,
    mutated: Mutex<HashMap<&'static str, &'static str>>,
}

/// What ports know and do.
pub struct State {
    seed: u64,
    /// The time.
    pub now: i64,
    /// The latest time there was.
    pub latest: i64,
    /// Whose future is polled.
    pub current: Op,
    streams: HashMap<Op, Streams>,
    /// What the database carries out later, whoever still waits for it, and what came of it.
    late: Vec<Late>,
    done: BTreeMap<u64, Result<Vec<Rows>, DatabaseError>>,
    tickets: u64,
    /// What was started to run after answers.
    pub spawned: Vec<(Op, BoxFuture)>,
    cache: HashMap<String, Vec<Version>>,
    /// What the mail provider was given.
    pub mailbox: Mailbox,
    /// What is fetched from anywhere.
    pub fetched: Vec<u8>,
    /// The requests that asked for the random tokens of links.
    pub tokens: BTreeMap<String, Op>,
    /// The requests that made up ids, by the ids' random ends.
    makers: HashMap<[u8; 6], Op>,
    /// Nothing goes wrong any more.
    pub calm: bool,
    /// What went wrong.
    pub counts: Counts,
    /// How often the process has died.
    pub deaths: u32,
    /// Counts the calls that went on; where it stands still, all wait for time to pass.
    pub progress: u64,
    /// When the first of those who wait goes on.
    pub next_wake: i64,
}

/// A batch on its way to the database.
struct Late {
    at: i64,
    ticket: u64,
    op: Op,
    statements: Vec<Statement>,
}

/// A fault put into the application: where one of its statements has this text, another stands instead. What finds no such
/// fault would find no real one.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What is wrong then.
    pub name: &'static str,
    /// The text.
    pub text: &'static str,
    /// What stands instead.
    pub instead: &'static str,
}

impl Mutant {
    /// What stands for the statement.
    fn changed(&self, sql: &'static str) -> &'static str {
        // Statements are constants; so few are changed that none is given back.
        if sql.contains(self.text) { String::leak(sql.replace(self.text, self.instead)) } else { sql }
    }
}

/// What the cache held from a time on; nothing once it was deleted.
type Version = (i64, Option<Vec<u8>>);

/// The random streams of a request.
struct Streams {
    weather: Weather,
    faults: fastrand::Rng,
    entropy: fastrand::Rng,
    struck: bool,
}

impl World {
    /// A new one, over an empty database, with this fault in the application.
    #[must_use]
    pub fn new(seed: u64, mutant: Option<Mutant>) -> Self {
        let state = State {
            seed,
            now: START,
            latest: START,
            current: 0,
            streams: HashMap::new(),
            late: Vec::new(),
            done: BTreeMap::new(),
            tickets: 0,
            spawned: Vec::new(),
            cache: HashMap::new(),
            mailbox: Mailbox::default(),
            fetched: Vec::new(),
            tokens: BTreeMap::new(),
            makers: HashMap::new(),
            calm: false,
            counts: Counts::new(),
            deaths: 0,
            progress: 0,
            next_wake: i64::MAX,
        };
        Self { database: Mutex::new(sqlite::in_memory()), state: Mutex::new(state), mutant, mutated: Mutex::default() }
    }

    /// What ports know.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// Breaks the calls of this request as this stream says.
    pub fn expose(&self, op: Op, weather: Weather, stream: u64) {
        let mut state = self.state();
        let entropy = fastrand::Rng::with_seed(state.seed ^ u64::from(op).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let streams = Streams { weather, faults: fastrand::Rng::with_seed(stream), entropy, struck: false };
        state.streams.insert(op, streams);
    }

    /// Whether anything that the request asked for went wrong.
    pub fn was_struck(&self, op: Op) -> bool {
        self.state().streams.get(&op).is_some_and(|streams| streams.struck)
    }

    /// One number of the database, for what the API does not tell.
    pub fn count(&self, sql: &str) -> i64 {
        let database = self.database.lock().expect("no panic");
        database.query_row(sql, [], |row| row.get(0)).expect("a number")
    }

    /// What becomes of the call that the current request makes.
    fn strike(&self, of: &[Fault]) -> Option<(Fault, i64)> {
        let mut state = self.state();
        if state.calm {
            return None;
        }
        let current = state.current;
        let streams = state.streams.get_mut(&current)?;
        if !streams.weather.strikes(&mut streams.faults) {
            return None;
        }
        let fault = of[streams.faults.usize(..of.len())];
        // Mostly a moment, at times longer than anybody waits.
        let most = [20, 500, 5000, 120_000][streams.faults.usize(..4)];
        let delay = streams.faults.i64(1..=most);
        streams.struck = true;
        *state.counts.entry(fault).or_default() += 1;
        Some((fault, delay))
    }

    /// Waits for another turn, and until this time.
    async fn turn(&self, until: i64) {
        let mut asked = false;
        std::future::poll_fn(|_| {
            let mut state = self.state();
            let first = !std::mem::replace(&mut asked, true);
            let ready = !first && state.now >= until;
            if first || ready {
                state.progress += 1;
            } else {
                state.next_wake = state.next_wake.min(until);
            }
            if ready { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    async fn delay(&self, ms: i64) {
        let until = self.state().now + ms;
        self.turn(until).await;
    }

    /// Carries out what has been on its way for long enough.
    pub fn carry_out_late(&self) {
        let due = {
            let mut state = self.state();
            let now = state.now;
            let (due, late) = std::mem::take(&mut state.late).into_iter().partition(|late| late.at <= now);
            state.late = late;
            due
        };
        let mut due: Vec<Late> = due;
        due.sort_by_key(|late| (late.at, late.ticket));
        for late in due {
            let answers = self.carry_out(&late.statements);
            self.state().done.insert(late.ticket, answers);
        }
    }

    /// Whether a statement was changed.
    pub fn is_mutated(&self) -> bool {
        self.mutated.lock().expect("no panic").iter().any(|(sound, mutated)| sound != mutated)
    }

    /// Whether something that the request asked for is still on its way.
    pub fn is_late(&self, op: Op) -> bool {
        self.state().late.iter().any(|late| late.op == op)
    }

    /// Sends it on its way, and waits for what comes of it.
    async fn carry_out_later(&self, statements: Vec<Statement>, ms: i64) -> Result<Vec<Rows>, DatabaseError> {
        let (ticket, at) = {
            let mut state = self.state();
            state.tickets += 1;
            let (ticket, at, op) = (state.tickets, state.now + ms, state.current);
            state.late.push(Late { at, ticket, op, statements });
            (ticket, at)
        };
        self.turn(at).await;
        self.carry_out_late();
        let done = self.state().done.remove(&ticket);
        done.unwrap_or_else(|| Err(DatabaseError::Unavailable("lost on its way".to_owned())))
    }

    fn mutated(&self, mut statement: Statement) -> Statement {
        if let Some(mutant) = &self.mutant {
            let mut mutated = self.mutated.lock().expect("no panic");
            statement.sql = *mutated.entry(statement.sql).or_insert_with_key(|sql| mutant.changed(sql));
        }
        statement
    }

    fn carry_out(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        let mut database = self.database.lock().expect("no panic");
        let answers = sqlite::batch(&mut database, statements);
        answers.map_err(|error| DatabaseError::from_sqlite_message(&error.to_string()))
    }
}

#[async_trait::async_trait]
impl Database for World {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        Ok(self.batch(vec![statement]).await?.pop().unwrap_or_default())
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        let statements = statements.into_iter().map(|statement| self.mutated(statement)).collect::<Vec<_>>();
        self.turn(i64::MIN).await;
        let down = || Err(DatabaseError::Unavailable("as the plan has it".to_owned()));
        match self.strike(&Fault::DATABASE) {
            Some((Fault::DatabaseFails, _)) => return down(),
            Some((Fault::DatabaseFailsAfterCommit, delay)) => {
                self.carry_out(&statements).ok();
                self.delay(delay).await;
                return down();
            }
            Some((Fault::DatabaseIsSlow, delay)) => return self.carry_out_later(statements, delay).await,
            Some((_, delay)) => {
                let answers = self.carry_out(&statements);
                self.delay(delay).await;
                return answers;
            }
            None => {}
        }
        let answers = self.carry_out(&statements);
        self.turn(i64::MIN).await;
        answers
    }
}

#[async_trait::async_trait]
impl KeyValue for World {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.turn(i64::MIN).await;
        let struck = self.strike(&Fault::CACHE);
        let state = self.state();
        let versions = state.cache.get(key).map(Vec::as_slice).unwrap_or_default();
        match struck {
            Some((Fault::CacheIsStale, age)) => {
                let then = state.now - age.min(CACHE_LAG_MS);
                let seen = versions.iter().rev().find(|(at, _)| *at <= then);
                Ok(seen.and_then(|(_, value)| value.clone()))
            }
            Some((Fault::CacheForgets, _)) => Ok(None),
            Some(_) => Err(KeyValueError("as the plan has it".to_owned())),
            None => Ok(versions.last().and_then(|(_, value)| value.clone())),
        }
    }

    async fn put(&self, key: &str, value: &[u8], _: u32) -> Result<(), KeyValueError> {
        self.turn(i64::MIN).await;
        if let Some((Fault::CacheFails, _)) = self.strike(&Fault::CACHE) {
            return Err(KeyValueError("as the plan has it".to_owned()));
        }
        let mut state = self.state();
        let now = state.now;
        let versions = state.cache.entry(key.to_owned()).or_default();
        versions.retain(|(at, _)| *at > now - 2 * CACHE_LAG_MS);
        versions.push((now, Some(value.to_vec())));
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), KeyValueError> {
        self.turn(i64::MIN).await;
        let mut state = self.state();
        let now = state.now;
        state.cache.entry(key.to_owned()).or_default().push((now, None));
        Ok(())
    }
}

/// The mail provider, which knows idempotency keys as Resend does.
#[async_trait::async_trait]
impl HttpClient for World {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, HttpError> {
        self.turn(i64::MIN).await;
        let lost = || Err(HttpError("no answer".to_owned()));
        let answer = |status| Ok(OutboundResponse { status, headers: Vec::new(), body: Vec::new() });
        if request.method == Method::GET {
            let body = self.state().fetched.clone();
            return Ok(OutboundResponse { status: 200, headers: Vec::new(), body });
        }
        let struck = self.strike(&Fault::MAIL);
        match struck {
            Some((Fault::MailIsRefused, delay)) => return answer(if delay % 2 == 0 { 429 } else { 500 }),
            Some((Fault::MailIsLost, delay)) => {
                self.delay(delay.min(10_000)).await;
                return lost();
            }
            _ => {}
        }
        let certain = struck.is_none();
        self.state().accept_mail(&request, certain);
        match struck {
            Some((fault, delay)) => {
                self.delay(delay.min(10_000)).await;
                if fault == Fault::MailAnswerIsLost { lost() } else { answer(200) }
            }
            None => {
                self.turn(i64::MIN).await;
                answer(200)
            }
        }
    }
}

impl State {
    /// The request that made up this UUID.
    #[must_use]
    pub fn maker(&self, id: &str) -> Option<Op> {
        let end = u64::from_str_radix(id.rsplit('-').next()?, 16).ok()?.to_be_bytes();
        self.makers.get(<&[u8; 6]>::try_from(end.get(2..)?).ok()?).copied()
    }

    fn accept_mail(&mut self, request: &OutboundRequest, certain: bool) {
        let (now, op, deaths) = (self.now, self.current, self.deaths);
        self.mailbox.accept(request, now, op, deaths, certain, &self.tokens);
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp(self.state().now)
    }
}

#[async_trait::async_trait]
impl Timer for World {
    async fn sleep(&self, ms: u32) {
        self.delay(ms.into()).await;
    }
}

impl Entropy for World {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.state();
        let current = state.current;
        let seed = state.seed;
        match state.streams.get_mut(&current) {
            Some(streams) => streams.entropy.fill(buffer),
            None => fastrand::Rng::with_seed(seed).fill(buffer),
        }
        // As long as the token of a link, which tells its request thereby.
        if buffer.len() == 32 {
            state.tokens.insert(URL_SAFE_NO_PAD.encode(&buffer), current);
        }
        // As much as a UUIDv7 has, whose last six bytes they are.
        if let [_, _, _, _, end @ ..] = buffer
            && let Ok(end) = <[u8; 6]>::try_from(&*end)
        {
            state.makers.insert(end, current);
        }
    }
}

impl Background for World {
    fn spawn(&self, work: BoxFuture) {
        let mut state = self.state();
        let current = state.current;
        state.spawned.push((current, work));
    }
}

/// Stands in for Argon2id: what a login does with a hash is real, its cost is not.
#[async_trait::async_trait]
impl PasswordHasher for World {
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError> {
        self.turn(i64::MIN).await;
        Ok(match job {
            HashJob::Hash { password, salt, params } => {
                let text = |bytes: &[u8]| base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes);
                let digest = ring::digest::digest(&ring::digest::SHA256, password.expose().as_bytes());
                let cost = format!("m={},t={},p={}", params.memory_kib, params.passes, params.lanes);
                let encoded = format!("$argon2id$v=19${cost}${}${}", text(&salt), text(digest.as_ref()));
                HashOutcome::Hashed(Secret::new(encoded))
            }
            HashJob::Verify { password, encoded } => {
                let digest = ring::digest::digest(&ring::digest::SHA256, password.expose().as_bytes());
                let end = base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest.as_ref());
                HashOutcome::Verified(encoded.expose().ends_with(&end))
            }
        })
    }
}
