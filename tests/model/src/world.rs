//! The world outside the process: it outlives the process, and every call to it waits its turn and fails where the
//! plan says so.

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

/// The time at which every episode starts, in milliseconds since the epoch; it is arbitrary.
const START: i64 = 1_795_395_723_004;

/// Everything outside the process, which outlives it.
pub struct World {
    database: Mutex<rusqlite::Connection>,
    state: Mutex<State>,
    mutant: Option<Mutant>,
    mutated: Mutex<HashMap<&'static str, &'static str>>,
}

/// The state of all ports.
pub struct State {
    pub(crate) seed: u64,
    /// The current time, in milliseconds since the epoch.
    pub now: i64,
    /// The latest time that the clock has shown, in milliseconds since the epoch.
    pub latest: i64,
    /// The request whose future is polled.
    pub current: Op,
    pub(crate) streams: HashMap<Op, Streams>,
    /// Batches that the database carries out later, whether or not anybody still waits; `done` holds their results by
    /// ticket.
    late: Vec<Late>,
    done: BTreeMap<u64, Result<Vec<Rows>, DatabaseError>>,
    tickets: u64,
    /// Work that was started to run after answers.
    pub spawned: Vec<(Op, BoxFuture)>,
    pub(crate) cache: HashMap<String, Vec<Version>>,
    /// The mails that the provider was given.
    pub mailbox: Mailbox,
    /// The body of every outbound `GET`.
    pub fetched: Vec<u8>,
    /// The requests that asked for links, by the links' random tokens.
    pub tokens: BTreeMap<String, Op>,
    /// The requests that made ids, by the ids' random ends.
    pub(crate) makers: HashMap<[u8; 6], Op>,
    /// Whether faults are switched off.
    pub calm: bool,
    /// The number of occurrences of each fault.
    pub counts: Counts,
    /// Number of times that the process has died.
    pub deaths: u32,
    /// Number of calls that went on; where it stands still, all wait for time to pass.
    pub progress: u64,
    /// The earliest time for which a task waits, in milliseconds.
    pub next_wake: i64,
}

/// A batch on its way to the database.
struct Late {
    at: i64,
    ticket: u64,
    op: Op,
    statements: Vec<Statement>,
}

/// A fault put into the application: where one of its statements contains a text, another text replaces it. A
/// simulation that does not find such a fault would not find a real one.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What the fault breaks.
    pub name: &'static str,
    /// The text that is replaced.
    pub text: &'static str,
    /// The text that replaces it.
    pub instead: &'static str,
}

impl Mutant {
    /// Returns the statement with the fault, or as it is where it does not contain the text.
    fn changed(&self, sql: &'static str) -> &'static str {
        // Statements have to be `'static`; so few are changed that the memory is not freed.
        if sql.contains(self.text) { String::leak(sql.replace(self.text, self.instead)) } else { sql }
    }
}

/// A value that the cache held from a time on; `None` once it was deleted.
pub(crate) type Version = (i64, Option<Vec<u8>>);

/// The random streams of a request.
pub(crate) struct Streams {
    weather: Weather,
    faults: fastrand::Rng,
    pub(crate) entropy: fastrand::Rng,
    struck: bool,
}

impl World {
    /// Creates a world with an empty database, and with this fault in the application, if any.
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

    /// Locks the state of the ports.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// Makes the request's calls fail at this rate, as drawn from this stream.
    pub fn expose(&self, op: Op, weather: Weather, stream: u64) {
        let mut state = self.state();
        let entropy = fastrand::Rng::with_seed(state.seed ^ u64::from(op).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let streams = Streams { weather, faults: fastrand::Rng::with_seed(stream), entropy, struck: false };
        state.streams.insert(op, streams);
    }

    /// Checks whether anything that the request asked for went wrong.
    pub fn was_struck(&self, op: Op) -> bool {
        self.state().streams.get(&op).is_some_and(|streams| streams.struck)
    }

    /// Returns one number of the database, for what the API does not show.
    pub fn count(&self, sql: &str) -> i64 {
        let database = self.database.lock().expect("no panic");
        database.query_row(sql, [], |row| row.get(0)).expect("a number")
    }

    /// Decides whether the call that the current request makes goes wrong; returns the fault and a delay in
    /// milliseconds.
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

    /// Carries out the batches that have been on their way for long enough.
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

    /// Checks whether the fault in the application has changed a statement.
    pub fn is_mutated(&self) -> bool {
        self.mutated.lock().expect("no panic").iter().any(|(sound, mutated)| sound != mutated)
    }

    /// Checks whether something that the request asked for is still on its way.
    pub fn is_late(&self, op: Op) -> bool {
        self.state().late.iter().any(|late| late.op == op)
    }

    /// Sends a batch on its way to the database, and waits for its result.
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
    /// Returns the request that made this UUID.
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
