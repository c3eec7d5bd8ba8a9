//! The play of an episode: the steps' random streams decide whose future is polled next, and when the process dies.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use aibaas_core::{App, ports::BoxFuture};
use futures_util::task::noop_waker;
use serde_json::Value;

use crate::{
    Op,
    account::Account,
    board::Board,
    client::Person,
    clock::Span,
    faults::{Counts, Fault},
    invariants::{Broken, Invariant},
    ledger::Ledger,
    linear::Checker,
    meaning::{Meaning, Request},
    plan::{Action, CLIENTS, Step},
    setup::start,
    world::World,
};

pub(crate) const HOUR: i64 = 3_600_000;
/// Milliseconds of standstill after which the claim of a mail may have run out before its delivery is noted.
const LONG_MS: i64 = 3000;
/// The time for which a claim of an `Idempotency-Key` outlives its process, in milliseconds.
pub(crate) const CLAIM_MS: i64 = 90_000;
/// The most milliseconds that the clock jumps in an episode, in all: sessions expire of age, accounts do not.
const MOST_JUMPED: i64 = 20 * 24 * HOUR;

/// An answer to a request.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Status of the answer.
    pub status: u16,
    /// The header `Content-Type`.
    pub content_type: String,
    /// The header `X-Request-Id`.
    pub request_id: String,
    /// Whether the answer is marked as the last known one, since the database cannot be reached.
    pub is_last_known: bool,
    /// The body as text.
    pub text: String,
    /// The body as JSON; null where it is not JSON.
    pub json: Value,
}

pub(crate) type Work = Pin<Box<dyn Future<Output = Option<Answer>> + Send>>;

/// A future that is polled in a request's name: the request itself, or its work after the answer.
pub(crate) struct Task {
    pub op: Op,
    pub work: Work,
}

/// A request under way.
pub(crate) struct Sent {
    pub step: Step,
    pub request: Request,
    pub meaning: Meaning,
    pub span: Span,
    /// Whether another request with the same `Idempotency-Key` was answered while this one was under way.
    pub has_met: bool,
}

/// The result of an episode.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Number of steps that were played.
    pub steps: u64,
    /// Number of requests that were sent.
    pub requests: u64,
    /// Number of answers, by status.
    pub answers: BTreeMap<u16, u64>,
    /// Number of faults around the application.
    pub faults: Counts,
    /// Number of mails that were accepted, and of those that were handed over more than once.
    pub mails: (usize, usize),
    /// A hash of everything that was asked and answered.
    pub trace: u64,
    /// Whether so much was unknown that answers proved nothing any more, and the rest was left out.
    pub cut_short: bool,
    /// Whether a fault that was put into the application ever changed a statement.
    pub mutated: bool,
    /// The invariant that broke, if any.
    pub broken: Option<Broken>,
}

/// The person and key of a request that nobody waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone {
    pub(crate) person: usize,
    pub(crate) key: Option<Op>,
}

/// An episode that is being played.
pub struct Episode {
    pub(crate) world: Arc<World>,
    pub(crate) app: App,
    pub(crate) router: axum::Router,
    pub(crate) tasks: Vec<Task>,
    pub(crate) sent: BTreeMap<Op, Sent>,
    pub(crate) next: Op,
    pub(crate) accounts: Vec<Checker<Account>>,
    pub(crate) board: Checker<Board>,
    pub(crate) people: Vec<Person>,
    pub(crate) ledgers: BTreeMap<Op, Ledger>,
    pub(crate) admin: String,
    pub(crate) jumped: i64,
    /// Times until which each `Idempotency-Key` may be claimed by a request that is gone, in milliseconds.
    pub(crate) claimed: BTreeMap<String, i64>,
    /// The first answer about what each request made.
    pub(crate) made: BTreeMap<Op, String>,
    /// Snapshots that were read, in the order of reading; `pages` holds their rows.
    pub(crate) snapshots: Vec<String>,
    pub(crate) pages: BTreeMap<String, Value>,
    /// The longest log of changes that was read.
    pub(crate) log: Vec<Value>,
    /// Numbers of mails that certainly come, and that may come, by person and subject.
    pub(crate) due: BTreeMap<(usize, &'static str), (u32, u32)>,
    /// Requests whose mailed links have been seen.
    pub(crate) seen: BTreeSet<Op>,
    /// Requests that nobody waits for, and of which a call is still on its way to the database.
    pub(crate) leaving: Vec<(Op, Gone)>,
    pub(crate) outcome: Outcome,
    pub(crate) verbose: bool,
}

impl Episode {
    /// Plays the steps, then lets everything come to rest and checks what is left.
    pub fn play(mut self, steps: &[Step]) -> Outcome {
        let mut played = Ok(());
        for step in steps {
            played = self.step(step);
            self.outcome.cut_short = self.accounts.iter().any(Checker::is_lost) || self.board.is_lost();
            if played.is_err() || self.outcome.cut_short {
                break;
            }
        }
        if played.is_ok() && !self.outcome.cut_short {
            played = self.rest();
        }
        let after = usize::try_from(self.outcome.steps).unwrap_or(usize::MAX);
        self.outcome.broken = played.err().map(|broken| Broken { after, ..broken });
        self.tasks.clear();
        self.outcome.mutated = self.world.is_mutated();
        let state = self.world.state();
        self.outcome.mails = (state.mailbox.len(), state.mailbox.doubled());
        self.outcome.faults = state.counts.clone();
        drop(state);
        self.outcome
    }

    fn step(&mut self, step: &Step) -> Result<(), Broken> {
        self.outcome.steps += 1;
        let mut random = fastrand::Rng::with_seed(step.stream);
        self.pass(random.i64(0..40));
        match step.action {
            Action::Wait => self.pass([100, 1000, 4000, 11_000, 70_000][random.usize(..5)]),
            Action::Jump => {
                let hours = [1, 2, 25, 70, 170][random.usize(..5)];
                if self.jumped + hours * HOUR <= MOST_JUMPED {
                    self.jumped += hours * HOUR;
                    self.count(Fault::ClockJumps);
                    self.pass(hours * HOUR);
                }
            }
            Action::SetBack => {
                self.count(Fault::ClockSetBack);
                self.pass(-random.i64(1..500));
            }
            Action::Die => self.die(),
            Action::Leave => self.leave(&mut random),
            Action::Tick => {
                let op = self.new_op(step.weather, random.u64(..));
                let app = self.app.clone();
                let work = Box::pin(async move {
                    aibaas_core::tick(&app).await;
                    None
                });
                self.tasks.push(Task { op, work });
            }
            _ => self.send(step, &mut random)?,
        }
        for _ in 0..random.usize(..24) {
            self.poll_one(&mut random)?;
        }
        if step.number.is_multiple_of(8) { self.revise() } else { Ok(()) }
    }

    pub(crate) fn send(&mut self, step: &Step, random: &mut fastrand::Rng) -> Result<(), Broken> {
        while self.sent.values().any(|sent| (sent.step.person, sent.step.client) == (step.person, step.client)) {
            self.poll_one(random)?;
        }
        if matches!(step.action, Action::Suspend | Action::Activate) {
            self.log_admin_in();
        }
        let world = Arc::clone(&self.world);
        let model = &self.accounts[step.person];
        let asked = self.people[step.person].ask(step, random, &world.state(), model, &self.snapshots, &self.admin);
        let Some((request, meaning)) = asked else { return Ok(()) };
        let op = self.new_op(step.weather, random.u64(..));
        let now = self.world.state().now;
        if let Some(ask) = &meaning.account {
            self.accounts[step.person].sent(op, ask.clone(), now);
        }
        if let Some(ask) = &meaning.board {
            self.board.sent(op, ask.clone(), now);
        }
        if self.verbose {
            println!("#{} t={now} op {op}: {:?} by {}.{}", step.number, step.action, step.person, step.client);
        }
        let work = self.call(&request, (step.person * CLIENTS + step.client + 1) as u8, op);
        self.outcome.requests += 1;
        self.sent.insert(op, Sent { step: *step, request, meaning, span: Span::at(now), has_met: false });
        self.tasks.push(Task { op, work });
        Ok(())
    }

    /// Polls one of the tasks under way; where all of them wait for time to pass, lets it pass.
    pub(crate) fn poll_one(&mut self, random: &mut fastrand::Rng) -> Result<(), Broken> {
        if self.tasks.is_empty() {
            return Ok(());
        }
        self.world.state().next_wake = i64::MAX;
        let first = random.usize(..self.tasks.len());
        for offset in 0..self.tasks.len() {
            let index = (first + offset) % self.tasks.len();
            if self.poll(index)? {
                return Ok(());
            }
        }
        let wake = self.world.state().next_wake;
        let now = self.world.state().now;
        if wake == i64::MAX {
            return Err(Broken::new(Invariant::ItEnds, format!("{} futures wait for nothing", self.tasks.len())));
        }
        self.pass((wake - now).max(0));
        Ok(())
    }

    /// Polls a task; returns whether it went on.
    fn poll(&mut self, index: usize) -> Result<bool, Broken> {
        let before = {
            let mut state = self.world.state();
            state.current = self.tasks[index].op;
            state.progress
        };
        let polled = self.tasks[index].work.as_mut().poll(&mut Context::from_waker(&noop_waker()));
        let spawned = {
            let mut state = self.world.state();
            state.current = 0;
            std::mem::take(&mut state.spawned)
        };
        let started = !spawned.is_empty();
        self.take_over(spawned);
        if let Poll::Ready(answer) = polled {
            let task = self.tasks.swap_remove(index);
            if let (Some(answer), Some(sent)) = (answer, self.sent.remove(&task.op)) {
                let same = |other: &&mut Sent| sent.request.once.is_some() && other.request.once == sent.request.once;
                self.sent.values_mut().filter(same).for_each(|other| other.has_met = true);
                let action = sent.step.action;
                let answered = self.answered(task.op, sent, &answer);
                answered.map_err(|broken| Broken { action: Some(action), ..broken })?;
            }
            return Ok(true);
        }
        Ok(started || self.world.state().progress != before)
    }

    fn take_over(&mut self, spawned: Vec<(Op, BoxFuture)>) {
        for (op, work) in spawned {
            let work = Box::pin(async move {
                work.await;
                None
            });
            self.tasks.push(Task { op, work });
        }
    }

    pub(crate) fn pass(&mut self, ms: i64) {
        let now = {
            let mut state = self.world.state();
            state.now += ms;
            state.latest = state.latest.max(state.now);
            if ms >= LONG_MS && !self.tasks.is_empty() {
                let now = state.now;
                state.mailbox.stood_still(now - ms, now);
            }
            state.now
        };
        self.world.carry_out_late();
        self.accounts.iter_mut().for_each(|checker| checker.time(now));
        self.board.time(now);
        self.sent.values_mut().for_each(|sent| sent.span.include(now));
        for (op, gone) in std::mem::take(&mut self.leaving) {
            let late = gone.key.and_then(|key| self.ledgers.get_mut(&key));
            if let Some(ledger) = late.filter(|_| !self.world.is_late(op)) {
                ledger.perhaps(Span::at(now), now);
            }
            self.gone(op, gone);
        }
    }

    /// Notes that nobody waits for the request any more. What is on its way to the database still arrives.
    pub(crate) fn gone(&mut self, op: Op, gone: Gone) {
        if self.world.is_late(op) {
            self.leaving.push((op, gone));
            return;
        }
        self.accounts[gone.person].lost(op);
        self.board.lost(op);
    }

    fn count(&self, fault: Fault) {
        *self.world.state().counts.entry(fault).or_default() += 1;
    }

    fn die(&mut self) {
        self.count(Fault::ProcessDies);
        if self.verbose {
            println!("the process dies");
        }
        self.tasks.clear();
        {
            let mut state = self.world.state();
            state.deaths += 1;
            // The work that the process would have done after its answers.
            state.spawned.clear();
        }
        for (op, sent) in std::mem::take(&mut self.sent) {
            self.lost(op, &sent);
        }
        (self.app, self.router) = start(&self.world);
    }

    fn leave(&mut self, random: &mut fastrand::Rng) {
        let ops = self.sent.keys().copied().collect::<Vec<_>>();
        if ops.is_empty() {
            return;
        }
        self.count(Fault::ClientGone);
        let op = ops[random.usize(..ops.len())];
        // Of the request's tasks only the request itself ends: its work after the answer goes on.
        let Some(index) = self.tasks.iter().position(|task| task.op == op) else { return };
        self.world.state().current = op;
        drop(self.tasks.remove(index));
        let spawned = std::mem::take(&mut self.world.state().spawned);
        self.take_over(spawned);
        if let Some(sent) = self.sent.remove(&op) {
            self.lost(op, &sent);
        }
    }

    /// Adds a request and its answer to the hash of the episode.
    pub(crate) fn trace(&mut self, op: Op, status: u16, text: &str) {
        let mut line = String::new();
        write!(line, "{op} {status} {text}").expect("a string takes all");
        for byte in line.bytes() {
            self.outcome.trace = (self.outcome.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    /// Notes until when a request that is gone may hold the claim of its `Idempotency-Key`.
    pub(crate) fn may_hold_claim(&mut self, sent: &Sent) {
        if let Some(once) = &sent.request.once {
            let until = self.world.state().latest + CLAIM_MS;
            let known = self.claimed.entry(once.clone()).or_insert(until);
            *known = until.max(*known);
        }
    }

    /// Returns the requests that made the items of a list, by the items' ids; `None` where one is unknown.
    pub(crate) fn makers(&self, list: &Value) -> Option<BTreeSet<Op>> {
        let state = self.world.state();
        list.as_array()?.iter().map(|item| state.maker(item["id"].as_str()?)).collect()
    }
}
