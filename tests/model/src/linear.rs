//! Check of answers against a model, where it is not known in which order requests took effect, or whether they did.
//!
//! A checker keeps every state that the answers so far allow. A request takes effect at one moment between its start
//! and its answer; one whose answer was lost took effect or did not. Each answer keeps the states that explain it;
//! where none is left, no order of the requests explains the answers: the application broke a promise.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Op, clock::Span};

/// A state of the application as a model sees it, and the effects of requests on it.
pub trait Model: Clone + Ord + std::fmt::Debug {
    /// A request of the model.
    type Ask: Clone + std::fmt::Debug;
    /// The content of an answer, as far as the model knows it.
    type Seen: Clone + Ord + std::fmt::Debug;

    /// Returns every possible outcome of the request in this state: the content of its answer, and the next state.
    fn outcomes(&self, op: Op, ask: &Self::Ask, now: Span) -> Vec<(Self::Seen, Self)>;
}

/// The number of states from which on answers prove nothing any more.
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
    /// Creates a checker whose only state is this model.
    pub fn new(model: M) -> Self {
        Self { states: BTreeSet::from([State { model, done: BTreeMap::new() }]), waiting: BTreeMap::new() }
    }

    /// Notes that a request is sent.
    pub fn sent(&mut self, op: Op, ask: M::Ask, now: i64) {
        self.waiting.insert(op, (ask, Span::at(now)));
    }

    /// Notes the time, which has passed or was set back.
    pub fn time(&mut self, now: i64) {
        self.waiting.values_mut().for_each(|(_, span)| span.include(now));
    }

    /// Checks whether the answer to the request is still to come.
    pub fn waits(&self, op: Op) -> bool {
        self.waiting.contains_key(&op)
    }

    /// Returns the requests that are neither answered nor lost yet.
    pub fn asks(&self) -> impl Iterator<Item = &M::Ask> {
        self.waiting.values().map(|(ask, _)| ask)
    }

    /// Notes the answer to a request, and keeps the states that explain it.
    ///
    /// # Errors
    /// Returns the answers that would have been explained, where no state explains this one.
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

    /// Notes that the answer never comes: the request took effect or did not, and will not any more.
    pub fn lost(&mut self, op: Op) {
        if !self.waits(op) {
            return;
        }
        let (with, without) = self.resolved(op);
        self.states = with.into_iter().map(|state| state.without(op)).chain(without).collect();
        self.waiting.remove(&op);
    }

    /// Notes that the request certainly has not taken effect.
    ///
    /// # Errors
    /// Returns the contradiction, where other answers show that it has.
    pub fn refused(&mut self, op: Op) -> Result<(), String> {
        self.states.retain(|state| !state.done.contains_key(&op));
        let ask = self.waiting.remove(&op);
        if self.states.is_empty() {
            Err(format!("request {op}, {ask:?}, was refused, and yet took effect"))
        } else {
            Ok(())
        }
    }

    /// Revises every state, and keeps those for which `revise` returns true. It lets a model forget what cannot be
    /// asked for any more: otherwise the states of all that may have been would soon be too many.
    ///
    /// # Errors
    /// Fails where no state is kept.
    pub fn revise(&mut self, mut revise: impl FnMut(&mut M) -> bool) -> Result<(), String> {
        let states = std::mem::take(&mut self.states).into_iter().filter_map(|mut state| {
            let kept = revise(&mut state.model);
            kept.then_some(state)
        });
        self.states = states.collect();
        if self.states.is_empty() { Err("what has been seen is in no state".to_owned()) } else { Ok(()) }
    }

    /// Checks whether there are so many states that answers prove nothing.
    pub fn is_lost(&self) -> bool {
        self.states.len() >= MOST_STATES
    }

    /// Returns the model of every state.
    pub fn models(&self) -> impl Iterator<Item = &M> {
        self.states.iter().map(|state| &state.model)
    }

    /// Returns the states in which the request has taken effect, and those in which it has not. Others that wait may
    /// have taken effect before it; those that need not have may do so later.
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
