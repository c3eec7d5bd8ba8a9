//! What is outside of the process: it outlives it, and every call to it waits its turn and fails where the plan says so.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard},
    task::Poll,
};

use aibaas_core::ports::{BoxFuture, DatabaseError, OutboundRequest, Rows, Statement};

use crate::{
    Op,
    faults::{Counts, Fault, Weather},
    mailbox::Mailbox,
    sqlite,
};

/// An arbitrary moment.
const START: i64 = 1_795_395_723_004;

/// Everything outside the process: it outlives it.
pub struct World {
    database: Mutex<rusqlite::Connection>,
    state: Mutex<State>,
    mutant: Option<Mutant>,
    mutated: Mutex<HashMap<&'static str, &'static str>>,
}

/// What ports know and do.
pub struct State {
    pub(crate) seed: u64,
    /// The time.
    pub now: i64,
    /// The latest time there was.
    pub latest: i64,
    /// Whose future is polled.
    pub current: Op,
    pub(crate) streams: HashMap<Op, Streams>,
    /// What the database carries out later, whoever still waits for it, and what came of it.
    late: Vec<Late>,
    done: BTreeMap<u64, Result<Vec<Rows>, DatabaseError>>,
    tickets: u64,
    /// What was started to run after answers.
    pub spawned: Vec<(Op, BoxFuture)>,
    pub(crate) cache: HashMap<String, Vec<Version>>,
    /// What the mail provider was given.
    pub mailbox: Mailbox,
    /// What is fetched from anywhere.
    pub fetched: Vec<u8>,
    /// The requests that asked for the random tokens of links.
    pub tokens: BTreeMap<String, Op>,
    /// The requests that made up ids, by the ids' random ends.
    pub(crate) makers: HashMap<[u8; 6], Op>,
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
pub(crate) type Version = (i64, Option<Vec<u8>>);

/// The random streams of a request.
pub(crate) struct Streams {
    weather: Weather,
    faults: fastrand::Rng,
    pub(crate) entropy: fastrand::Rng,
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
    pub(crate) fn strike(&self, of: &[Fault]) -> Option<(Fault, i64)> {
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
    pub(crate) async fn turn(&self, until: i64) {
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

    pub(crate) async fn delay(&self, ms: i64) {
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
    pub(crate) async fn carry_out_later(
        &self,
        statements: Vec<Statement>,
        ms: i64,
    ) -> Result<Vec<Rows>, DatabaseError> {
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

    pub(crate) fn mutated(&self, mut statement: Statement) -> Statement {
        if let Some(mutant) = &self.mutant {
            let mut mutated = self.mutated.lock().expect("no panic");
            statement.sql = *mutated.entry(statement.sql).or_insert_with_key(|sql| mutant.changed(sql));
        }
        statement
    }

    pub(crate) fn carry_out(&self, statements: &[Statement]) -> Result<Vec<Rows>, DatabaseError> {
        let mut database = self.database.lock().expect("no panic");
        let answers = aibaas_sqlite::batch(&mut database, statements).map(|(answers, _)| answers);
        answers.map_err(|error| DatabaseError::from_sqlite_message(&error.to_string()))
    }
}

impl State {
    /// The request that made up this UUID.
    #[must_use]
    pub fn maker(&self, id: &str) -> Option<Op> {
        let end = u64::from_str_radix(id.rsplit('-').next()?, 16).ok()?.to_be_bytes();
        self.makers.get(<&[u8; 6]>::try_from(end.get(2..)?).ok()?).copied()
    }

    pub(crate) fn accept_mail(&mut self, request: &OutboundRequest, certain: bool) {
        let (now, op, deaths) = (self.now, self.current, self.deaths);
        self.mailbox.accept(request, now, op, deaths, certain, &self.tokens);
    }
}
