//! Answers held against a model, where it is not known in which order requests took effect, or whether they did.
//!
//! A checker keeps every state that the answers so far allow. A request takes effect at one moment between its start and
//! its answer; one whose answer was lost took effect or did not. Each answer keeps the states that explain it; where none
//! is left, no order of the requests explains the answers: the application broke a promise.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Op, clock::Span};

/// A state, and what requests do to it.
pub trait Model: Clone + Ord + std::fmt::Debug {
    /// A request.
    type Ask: Clone + std::fmt::Debug;
    /// What an answer says, as far as the model knows.
    type Seen: Clone + Ord + std::fmt::Debug;

    /// Everything that the request may come to in this state: what its answer says, and the state then.
    fn outcomes(&self, op: Op, ask: &Self::Ask, now: Span) -> Vec<(Self::Seen, Self)>;
}

/// More states than this are no knowledge any more.
const MOST_STATES: usize = 20_000;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State<M: Model> {
    model: M,
    /// Requests that have taken effect, and whose answer is still to come.
    done: BTreeMap<Op, M::Seen>,
}

/// Every state that the answers so far allow.
#[derive(Debug)]
pub struct Checker<M: Model> {
    states: BTreeSet<State<M>>,
    waiting: BTreeMap<Op, (M::Ask, Span)>,
}

impl<M: Model> Checker<M> {
    /// At first.
    pub fn new(model: M) -> Self {
        Self { states: BTreeSet::from([State { model, done: BTreeMap::new() }]), waiting: BTreeMap::new() }
    }

    /// A request is sent.
    pub fn sent(&mut self, op: Op, ask: M::Ask, now: i64) {
        self.waiting.insert(op, (ask, Span::at(now)));
    }

    /// Time passes, or is set back.
    pub fn time(&mut self, now: i64) {
        self.waiting.values_mut().for_each(|(_, span)| span.include(now));
    }

    /// Whether the answer to the request is still to come.
    pub fn waits(&self, op: Op) -> bool {
        self.waiting.contains_key(&op)
    }

    /// What is still to be answered, or lost.
    pub fn asks(&self) -> impl Iterator<Item = &M::Ask> {
        self.waiting.values().map(|(ask, _)| ask)
    }

    /// It is answered.
    ///
    /// # Errors
    /// Tells what would have been understood, where nothing explains the answer.
    pub fn answered(&mut self, op: Op, seen: &M::Seen) -> Result<(), String> {
        let (with, _) = self.resolved(op);
        let expected = with.iter().map(|state| state.done[&op].clone()).collect::<BTreeSet<_>>();
        let kept = with.into_iter().filter(|state| state.done[&op] == *seen);
        let kept = kept.map(|state| state.without(op)).collect::<BTreeSet<_>>();
        let Some((ask, span)) = self.waiting.remove(&op) else { return Ok(()) };
        if kept.is_empty() {
            let state = self.states.iter().next();
            return Err(format!(
                "request {op}, {ask:?} at {span:?}, was answered {seen:?}; explained would be {expected:?}; \
                 one of {} states: {state:?}",
                self.states.len()
            ));
        }
        self.states = kept;
        Ok(())
    }

    /// Its answer never comes; it took effect, or did not, and will not any more.
    pub fn lost(&mut self, op: Op) {
        if !self.waits(op) {
            return;
        }
        let (with, without) = self.resolved(op);
        self.states = with.into_iter().map(|state| state.without(op)).chain(without).collect();
        self.waiting.remove(&op);
    }

    /// It certainly has not taken effect.
    ///
    /// # Errors
    /// Where another answer shows that it has.
    pub fn refused(&mut self, op: Op) -> Result<(), String> {
        self.states.retain(|state| !state.done.contains_key(&op));
        let ask = self.waiting.remove(&op);
        if self.states.is_empty() {
            Err(format!("request {op}, {ask:?}, was refused, and yet took effect"))
        } else {
            Ok(())
        }
    }

    /// Keeps the states of which this says so, as it leaves them: what cannot be asked for any more is forgotten, since a
    /// state for each of what may have been would soon be too many.
    ///
    /// # Errors
    /// Where none is kept.
    pub fn revise(&mut self, mut revise: impl FnMut(&mut M) -> bool) -> Result<(), String> {
        let states = std::mem::take(&mut self.states).into_iter().filter_map(|mut state| {
            let kept = revise(&mut state.model);
            kept.then_some(state)
        });
        self.states = states.collect();
        if self.states.is_empty() { Err("what has been seen is in no state".to_owned()) } else { Ok(()) }
    }

    /// Whether there are so many states that answers prove nothing.
    pub fn is_lost(&self) -> bool {
        self.states.len() >= MOST_STATES
    }

    /// Every state's model.
    pub fn models(&self) -> impl Iterator<Item = &M> {
        self.states.iter().map(|state| &state.model)
    }

    /// The states in which the request has taken effect, and those in which it has not. Others that wait may have taken
    /// effect before it; where one did not have to, it still may later.
    fn resolved(&self, op: Op) -> (BTreeSet<State<M>>, BTreeSet<State<M>>) {
        let mut with = BTreeSet::new();
        let mut without = BTreeSet::new();
        let mut open = self.states.iter().cloned().collect::<Vec<_>>();
        while let Some(state) = open.pop() {
            if state.done.contains_key(&op) {
                with.insert(state);
                continue;
            }
            if !without.insert(state.clone()) {
                continue;
            }
            for (next, (ask, span)) in &self.waiting {
                if state.done.contains_key(next) {
                    continue;
                }
                for (seen, model) in state.model.outcomes(*next, ask, *span) {
                    let mut done = state.done.clone();
                    done.insert(*next, seen);
                    open.push(State { model, done });
                }
            }
        }
        without.retain(|state| self.states.contains(state));
        (with, without)
    }
}

impl<M: Model> State<M> {
    fn without(mut self, op: Op) -> Self {
        self.done.remove(&op);
        self
    }
}
