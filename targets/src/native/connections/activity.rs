//! State of a connection: what it is doing, and its deadline.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Time limits for what a client does.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Limit between two requests: longer than the minute for which proxies keep a connection, so that they do not send
    /// a request into one that just closes.
    pub idle: Duration,
    /// Limit for the head of a request, and for the first byte on a new connection.
    pub head: Duration,
    /// Limit for reading the next [`LEAST_READ`] bytes of an answer.
    pub write_window: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { idle: Duration::from_secs(65), head: Duration::from_secs(15), write_window: Duration::from_secs(30) }
    }
}

/// Bytes of an answer that a client has to read within each [`Timeouts::write_window`].
const LEAST_READ: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// New connection; nothing has come yet.
    New,
    /// The client may send another request.
    Idle,
    /// A request has begun to arrive.
    Head,
    /// The application works on a request.
    Busy,
    /// The answer is complete; what the client still sends is discarded.
    Closing,
}

/// Kind of delay by which a client missed its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeout {
    /// Nothing of the first or the next request came: nobody waits for anything.
    Request,
    /// The rest of a request's head did not come.
    Head,
    /// The client did not read its answer.
    Reading,
}

struct State {
    timeouts: Timeouts,
    phase: Phase,
    since: Instant,
    /// Since when the application waits for the body.
    waits_for_body: Option<Instant>,
    /// Whether written bytes wait for the client.
    is_blocked: bool,
    window: Option<(Instant, usize)>,
    lingers: bool,
}

/// A connection's activity. Its socket and its requests report to it, and whoever limits the connection reads it.
pub struct Activity(Mutex<State>);

impl Activity {
    pub fn new(timeouts: Timeouts) -> Self {
        Self(Mutex::new(State::new(timeouts, Instant::now())))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that bytes have come.
    pub fn received(&self) {
        self.state().received(Instant::now());
    }

    /// Notes that the application has a request.
    pub fn begin_request(&self) {
        let mut state = self.state();
        state.enter(Phase::Busy, Instant::now());
        state.window = None;
    }

    /// Notes that the answer is written, though perhaps not sent.
    pub fn end_request(&self) {
        self.state().enter(Phase::Idle, Instant::now());
    }

    /// Notes that the application waits for more of the body, or no longer.
    pub fn waits_for_body(&self, waits: bool) {
        let mut state = self.state();
        state.waits_for_body = if waits { state.waits_for_body.or_else(|| Some(Instant::now())) } else { None };
    }

    /// Notes that bytes were handed to the system for the client.
    pub fn wrote(&self, bytes: usize) {
        self.state().wrote(bytes);
    }

    /// Notes that there is more to write than the client takes.
    pub fn is_blocked(&self) {
        self.state().block(Instant::now());
    }

    /// Notes that the connection will close though the client may still be sending.
    pub fn will_linger(&self) {
        self.state().lingers = true;
    }

    /// Notes that the connection closes. Returns whether what the client is still sending has to be read, since a reset
    /// would destroy the answer.
    pub fn close(&self) -> bool {
        let mut state = self.state();
        // The head of a refused request was not read to its end.
        let lingers = state.lingers || state.phase == Phase::Head;
        state.enter(Phase::Closing, Instant::now());
        lingers
    }

    /// Returns when the client will have taken too long, if there is a limit now.
    pub fn deadline(&self) -> Option<Instant> {
        self.state().deadline()
    }

    /// Returns what took too long, now that the deadline has passed, or `None` where enough was read to go on.
    pub fn expire(&self) -> Option<Timeout> {
        self.state().expire(Instant::now())
    }

    /// Returns since when the connection waits for its client; `None` while the application works.
    pub fn waits_since(&self) -> Option<Instant> {
        self.state().waits_since()
    }
}

impl State {
    fn new(timeouts: Timeouts, now: Instant) -> Self {
        Self {
            timeouts,
            phase: Phase::New,
            since: now,
            waits_for_body: None,
            is_blocked: false,
            window: None,
            lingers: false,
        }
    }

    fn enter(&mut self, phase: Phase, now: Instant) {
        (self.phase, self.since, self.waits_for_body) = (phase, now, None);
    }

    fn received(&mut self, now: Instant) {
        if matches!(self.phase, Phase::New | Phase::Idle) {
            self.enter(Phase::Head, now);
        }
    }

    fn wrote(&mut self, bytes: usize) {
        self.is_blocked = false;
        if let Some((_, written)) = &mut self.window {
            *written = written.saturating_add(bytes);
        }
    }

    fn block(&mut self, now: Instant) {
        self.is_blocked = true;
        self.window.get_or_insert((now, 0));
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase {
            _ if self.is_blocked => self.window.and_then(|(start, _)| start.checked_add(self.timeouts.write_window)),
            Phase::New | Phase::Head => self.since.checked_add(self.timeouts.head),
            Phase::Idle => self.since.checked_add(self.timeouts.idle),
            Phase::Busy | Phase::Closing => None,
        }
    }

    fn expire(&mut self, now: Instant) -> Option<Timeout> {
        if self.is_blocked && self.window.is_some_and(|(_, written)| written >= LEAST_READ) {
            self.window = Some((now, 0));
            return None;
        }
        Some(match self.phase {
            _ if self.is_blocked => Timeout::Reading,
            Phase::Head => Timeout::Head,
            _ => Timeout::Request,
        })
    }

    fn waits_since(&self) -> Option<Instant> {
        match self.phase {
            _ if self.is_blocked => self.window.map(|(start, _)| start),
            Phase::Busy => self.waits_for_body,
            Phase::New | Phase::Idle | Phase::Head | Phase::Closing => Some(self.since),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_has_its_time() {
        let (timeouts, start) = (Timeouts::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut state = State::new(timeouts, start);
        assert_eq!((state.deadline(), state.expire(at(15))), (Some(start + timeouts.head), Some(Timeout::Request)));
        state.received(at(3));
        assert_eq!((state.deadline(), state.expire(at(18))), (Some(at(3) + timeouts.head), Some(Timeout::Head)));
        state.received(at(6));
        assert_eq!(state.deadline(), Some(at(3) + timeouts.head), "a head that drips gets no more time");
        state.enter(Phase::Busy, at(7));
        assert_eq!((state.deadline(), state.waits_since()), (None, None), "the application has its own time");
        state.waits_for_body = Some(at(8));
        assert_eq!(state.waits_since(), Some(at(8)));
        state.enter(Phase::Idle, at(9));
        assert_eq!((state.deadline(), state.waits_since()), (Some(at(9) + timeouts.idle), Some(at(9))));
        assert_eq!(state.expire(at(99)), Some(Timeout::Request));
    }

    #[test]
    fn an_answer_has_to_go_on_being_read() {
        let (timeouts, start) = (Timeouts::default(), Instant::now());
        let mut state = State::new(timeouts, start);
        state.enter(Phase::Busy, start);
        state.block(start);
        // The application has handed over the answer, but the client has not taken it.
        state.enter(Phase::Idle, start);
        assert_eq!(state.deadline(), Some(start + timeouts.write_window));
        state.wrote(LEAST_READ);
        state.block(start + timeouts.write_window / 2);
        let second = start + timeouts.write_window;
        assert_eq!(
            (state.expire(second), state.deadline()),
            (None, Some(second + timeouts.write_window)),
            "enough was read"
        );
        state.wrote(LEAST_READ - 1);
        state.block(second);
        assert_eq!(state.expire(second + timeouts.write_window), Some(Timeout::Reading));
    }

    #[test]
    fn only_who_may_still_send_is_waited_for() {
        let activity = Activity::new(Timeouts::default());
        activity.received();
        activity.begin_request();
        activity.end_request();
        assert!(!activity.close(), "nothing more is to come");
        let refused = Activity::new(Timeouts::default());
        refused.received();
        assert!(refused.close(), "the rest of a head");
        let unread = Activity::new(Timeouts::default());
        unread.begin_request();
        unread.will_linger();
        unread.end_request();
        assert!(unread.close(), "the rest of a body");
    }
}
