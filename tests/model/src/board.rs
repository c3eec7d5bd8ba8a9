//! What the API promises about runs of one benchmark version: uploads, publication, the ranking and the log of changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Op, clock::Span, linear::Model};

/// How many tasks the benchmark version has.
pub const TASKS: u32 = 3;
const DAY: i64 = 86_400_000;

/// Every run, and what was published.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Board {
    /// Runs by the request that opened them.
    runs: BTreeMap<Op, Run>,
    /// What the log of changes says: the kind, and the run.
    log: Vec<(Kind, Op)>,
    /// Owners whose accounts are gone.
    gone: BTreeSet<u32>,
    once: BTreeMap<(u32, u32), (Op, u32, Span)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    owner: u32,
    model: u32,
    trial: u32,
    /// Tasks that are answered.
    answered: u32,
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Open,
    Published,
    Withdrawn,
}

/// What a line of the log of changes says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A run was published.
    Published,
    /// It took the place of one of the same owner and model.
    Rescored,
    /// A run was withdrawn.
    Withdrawn,
}

/// A request about runs; each is of an owner.
#[derive(Clone, Debug)]
pub enum Ask {
    /// `POST /runs` for this model, of this [`trial`], with an `Idempotency-Key` and which of its bodies.
    Open(u32, u32, u32, Option<(u32, u32)>),
    /// `POST /runs/{id}/results` with these tasks, a bit each.
    Upload(u32, Op, u32),
    /// `POST /runs/{id}/publish`.
    Publish(u32, Op),
    /// `POST /runs/{id}/withdraw`.
    Withdraw(u32, Op),
    /// `GET /leaderboard`.
    Rows,
    /// `GET /changes`.
    Changes,
    /// `DELETE /users/me` of an owner.
    Gone(u32),
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// Done.
    Done,
    /// Refused, with this code.
    Refused(&'static str),
    /// The run of this request.
    Opened(Op),
    /// By model its rank, its run and how many tasks that passed.
    Rows(BTreeMap<u32, (usize, Op, u32)>),
    /// Oldest first.
    Log(Vec<(Kind, Op)>),
}

/// Whether a run's result at a task is a pass: made up once and for all, so uploads never contradict each other.
#[must_use]
pub fn passes(run: Op, task: u32) -> bool {
    (run.wrapping_mul(2_654_435_761) >> (8 + task)) & 1 == 1
}

/// How much the evidence of a trial weighs, from 0, and on which of few days it was evaluated: made up like [`passes`].
#[must_use]
pub fn trial(of: u32) -> (u32, u32) {
    let made_up = of.wrapping_mul(2_654_435_761) >> 8;
    (made_up % 3, made_up / 3 % 4)
}

fn correct(run: Op) -> u32 {
    (0..TASKS).map(|task| u32::from(passes(run, task))).sum()
}

type Outcomes = Vec<(Seen, Board)>;

impl Board {
    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut next = self.clone();
        change(&mut next);
        next
    }

    /// Forgets what cannot be asked for any more: runs that nobody knows and that are not published, and
    /// `Idempotency-Key`s.
    pub fn forget(&mut self, is_known: impl Fn(Op) -> bool, is_usable: impl Fn(u32) -> bool) {
        self.once.retain(|(_, key), _| is_usable(*key));
        let once = self.once.values().map(|(op, ..)| *op).collect::<BTreeSet<_>>();
        self.runs.retain(|op, run| is_known(*op) || once.contains(op) || run.status != Status::Open);
    }

    /// Whoever has runs, or is gone.
    pub fn owners(&self) -> impl Iterator<Item = Op> {
        self.runs.values().map(|run| run.owner).chain(self.gone.iter().copied())
    }

    /// Whether the account of an owner is gone, as far as runs are concerned.
    #[must_use]
    pub fn is_gone(&self, owner: Op) -> bool {
        self.gone.contains(&owner)
    }

    /// An owner's account is certainly gone: nobody comes with their keys any more, and what their open runs hold is all one.
    pub fn left(&mut self, owner: Op) {
        self.gone.remove(&owner);
        let open = self.runs.values_mut().filter(|run| run.owner == owner && run.status == Status::Open);
        open.for_each(|run| run.answered = 0);
    }

    fn refused(&self, code: &'static str) -> Outcomes {
        vec![(Seen::Refused(code), self.clone())]
    }

    /// The run, where it is the owner's.
    fn own(&self, owner: u32, run: Op) -> Result<&Run, Outcomes> {
        let Some(found) = self.runs.get(&run) else { return Err(Vec::new()) };
        if found.owner == owner && !self.gone.contains(&owner) { Ok(found) } else { Err(self.refused("not_owner")) }
    }

    fn open(&self, op: Op, (owner, model, trial): (u32, u32, u32), once: Option<(u32, u32)>, now: Span) -> Outcomes {
        let open = |next: &mut Self| {
            next.runs.insert(op, Run { owner, model, trial, answered: 0, status: Status::Open });
            if let Some((key, body)) = once {
                next.once.insert((owner, key), (op, body, now.coarse()));
            }
        };
        let opened = || (Seen::Opened(op), self.with(open));
        let Some((key, body)) = once else { return vec![opened()] };
        let Some((made, remembered, at)) = self.once.get(&(owner, key)) else { return vec![opened()] };
        let outcome = |forgotten: bool| match forgotten {
            true => opened(),
            false if *remembered == body => (Seen::Opened(*made), self.clone()),
            false => (Seen::Refused("idempotency_key_reused"), self.clone()),
        };
        now.passed(DAY, *at).into_iter().map(outcome).collect()
    }

    /// The run of each owner that stands for each model: of those that are published the one evaluated last; of one day
    /// the one published last. With it, when it was published among all.
    fn standing(&self) -> BTreeMap<(u32, u32), (Op, usize)> {
        let mut standing = BTreeMap::new();
        for (at, (kind, op)) in self.log.iter().enumerate() {
            let run = &self.runs[op];
            if *kind == Kind::Withdrawn || run.status != Status::Published {
                continue;
            }
            let (_, day) = trial(run.trial);
            let stands = standing.entry((run.model, run.owner)).or_insert((*op, at));
            if trial(self.runs[&stands.0].trial).1 <= day {
                *stands = (*op, at);
            }
        }
        standing
    }

    /// The run that is ranked for each model: the strongest evidence, then the later day, then the earlier publication.
    fn ranked(&self) -> BTreeMap<u32, Op> {
        let mut ranked = BTreeMap::<u32, ((u32, u32, std::cmp::Reverse<usize>), Op)>::new();
        for ((model, _), (op, at)) in self.standing() {
            let (strength, day) = trial(self.runs[&op].trial);
            let weight = (strength, day, std::cmp::Reverse(at));
            let best = ranked.entry(model).or_insert((weight, op));
            *best = (*best).max((weight, op));
        }
        ranked.into_iter().map(|(model, (_, op))| (model, op)).collect()
    }

    fn rows(&self) -> BTreeMap<u32, (usize, Op, u32)> {
        let standing = self.ranked();
        let better = |than: u32| standing.values().filter(|run| correct(**run) > than).count();
        standing.iter().map(|(model, run)| (*model, (1 + better(correct(*run)), *run, correct(*run)))).collect()
    }

    fn publish(&self, owner: u32, op: Op) -> Outcomes {
        let run = match self.own(owner, op) {
            Ok(run) => run,
            Err(refused) => return refused,
        };
        match run.status {
            Status::Published => vec![(Seen::Done, self.clone())],
            Status::Withdrawn => self.refused("run_not_open"),
            Status::Open if run.answered != (1 << TASKS) - 1 => self.refused("incomplete_run"),
            Status::Open => {
                let own = (run.model, run.owner);
                let had_one = self.standing().contains_key(&own);
                let published = self.with(|next| {
                    next.runs.entry(op).and_modify(|run| run.status = Status::Published);
                    next.log.push((Kind::Published, op));
                });
                let stands = published.standing().get(&own).is_some_and(|(stands, _)| *stands == op);
                let next = published.with(|next| {
                    if let Some((kind, _)) = next.log.last_mut().filter(|_| had_one && stands) {
                        *kind = Kind::Rescored;
                    }
                });
                vec![(Seen::Done, next)]
            }
        }
    }
}

impl Model for Board {
    type Ask = Ask;
    type Seen = Seen;

    fn outcomes(&self, op: Op, ask: &Ask, now: Span) -> Outcomes {
        let same = |seen| vec![(seen, self.clone())];
        match *ask {
            Ask::Open(owner, model, trial, once) => self.open(op, (owner, model, trial), once, now),
            Ask::Upload(owner, run, tasks) => match self.own(owner, run) {
                Err(refused) => refused,
                Ok(found) if found.status != Status::Open => self.refused("run_not_open"),
                Ok(_) => vec![(
                    Seen::Done,
                    self.with(|next| {
                        next.runs.entry(run).and_modify(|run| run.answered |= tasks);
                    }),
                )],
            },
            Ask::Publish(owner, run) => self.publish(owner, run),
            Ask::Withdraw(owner, run) => match self.own(owner, run).map(|run| run.status) {
                Err(refused) => refused,
                Ok(Status::Open) => self.refused("run_not_published"),
                Ok(Status::Withdrawn) => same(Seen::Done),
                Ok(Status::Published) => vec![(
                    Seen::Done,
                    self.with(|next| {
                        next.runs.entry(run).and_modify(|run| run.status = Status::Withdrawn);
                        next.log.push((Kind::Withdrawn, run));
                    }),
                )],
            },
            Ask::Rows => same(Seen::Rows(self.rows())),
            Ask::Changes => same(Seen::Log(self.log.clone())),
            Ask::Gone(owner) => vec![(
                Seen::Done,
                self.with(|next| {
                    next.gone.insert(owner);
                }),
            )],
        }
    }
}
