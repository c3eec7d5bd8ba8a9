//! Model of what the API promises about the runs of one benchmark version: uploads, publication, ranking and log of
//! changes.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Op, clock::Span, linear::Model};

/// Number of tasks of the benchmark version.
pub const TASKS: u32 = 3;
const DAY: i64 = 86_400_000;

/// The state of all runs, and of what was published.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Board {
    /// Runs by the request that opened them.
    runs: BTreeMap<Op, Run>,
    /// The log of changes: kind and run of each line.
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
    /// Tasks with a result, a bit each.
    answered: u32,
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Open,
    Published,
    Withdrawn,
}

/// The kind of a line in the log of changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A run was published.
    Published,
    /// A run was published in place of another of the same owner and model.
    Rescored,
    /// A run was withdrawn.
    Withdrawn,
}

/// A request about runs; its first field is the owner, where it has one.
#[derive(Clone, Debug)]
pub enum Ask {
    /// `POST /runs` for this model, with the evidence of this [`trial`], perhaps with an `Idempotency-Key` and the
    /// number of its body.
    Open(u32, u32, u32, Option<(u32, u32)>),
    /// `POST /runs/{id}/results` with results of these tasks, a bit each.
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

/// The content of an answer, as far as the model knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// The request was carried out.
    Done,
    /// The request was refused with this code.
    Refused(&'static str),
    /// The run that this request opened.
    Opened(Op),
    /// For each model: rank, run, and number of passed tasks.
    Rows(BTreeMap<u32, (usize, Op, u32)>),
    /// The lines of the log of changes, oldest first.
    Log(Vec<(Kind, Op)>),
}

/// Decides whether a run's result at a task is a pass: always the same for the same run, so uploads never contradict
/// each other.
#[must_use]
pub fn passes(run: Op, task: u32) -> bool {
    (run.wrapping_mul(2_654_435_761) >> (8 + task)) & 1 == 1
}

/// Returns the strength of a trial's evidence, from 0, and the day of its evaluation, out of few: fixed like
/// [`passes`].
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

    /// Forgets what cannot be asked for any more: open runs that no client knows, and `Idempotency-Key`s that are no
    /// longer usable.
    pub fn forget(&mut self, is_known: impl Fn(Op) -> bool, is_usable: impl Fn(u32) -> bool) {
        self.once.retain(|(_, key), _| is_usable(*key));
        let once = self.once.values().map(|(op, ..)| *op).collect::<BTreeSet<_>>();
        self.runs.retain(|op, run| is_known(*op) || once.contains(op) || run.status != Status::Open);
    }

    /// Returns the owners of all runs, and those whose accounts are gone.
    pub fn owners(&self) -> impl Iterator<Item = Op> {
        self.runs.values().map(|run| run.owner).chain(self.gone.iter().copied())
    }

    /// Checks whether the account of an owner is gone, as far as runs are concerned.
    #[must_use]
    pub fn is_gone(&self, owner: Op) -> bool {
        self.gone.contains(&owner)
    }

    /// Notes that an owner's account is certainly gone: nobody uses its keys any more, so the results of its open runs
    /// do not matter.
    pub fn left(&mut self, owner: Op) {
        self.gone.remove(&owner);
        let open = self.runs.values_mut().filter(|run| run.owner == owner && run.status == Status::Open);
        open.for_each(|run| run.answered = 0);
    }

    fn refused(&self, code: &'static str) -> Outcomes {
        vec![(Seen::Refused(code), self.clone())]
    }

    /// Returns the run, where it belongs to the owner; otherwise the outcomes of the request.
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

    /// Returns the run of each model and owner that stands: of the published runs the one evaluated last, and of one
    /// day the one published last; with it, its place among all publications.
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

    /// Returns the ranked run of each model: the one with the strongest evidence, then the later day, then the earlier
    /// publication.
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
