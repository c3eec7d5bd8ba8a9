//! Checks of each answer against the models and the invariants.

use crate::{
    Op,
    account::{DEAD_LINK, ENDED, Seen},
    board,
    client::address,
    invariants::{Broken, Invariant},
    meaning::Reading,
    plan::PEOPLE,
    run::{Answer, Episode, Gone, Sent},
};

/// Codes of the refusals that the models know.
const CODES: &[&str] = &[
    "expired_token",
    ENDED,
    "account_suspended",
    "invalid_credentials",
    "email_not_verified",
    "incorrect_password",
    DEAD_LINK,
    "not_found",
    "idempotency_key_reused",
    "invalid_api_key",
    "api_key_revoked",
    "not_owner",
    "run_not_open",
    "run_not_published",
    "incomplete_run",
];
/// Codes with which the gate refuses a key.
const GATE: &[&str] = &["invalid_api_key", "api_key_revoked", "account_suspended"];
/// The shortest deadline that a request can have, in milliseconds.
const SHORTEST_DEADLINE_MS: i64 = 1000;

fn broken(invariant: Invariant, how: impl Into<String>) -> Broken {
    Broken::new(invariant, how)
}

impl Episode {
    /// Notes that no answer to the request comes any more.
    pub(crate) fn lost(&mut self, op: Op, sent: &Sent) {
        self.trace(op, 0, "");
        self.may_hold_claim(sent);
        self.gone(op, Gone { person: sent.step.person, key: sent.meaning.key });
        self.perhaps(sent);
    }

    /// Notes the effects that a request without an answer may have had.
    fn perhaps(&mut self, sent: &Sent) {
        if let Some(ledger) = sent.meaning.key.and_then(|key| self.ledgers.get_mut(&key)) {
            ledger.perhaps(sent.span, self.world.state().latest);
        }
        if let Some(subject) = sent.meaning.mails {
            self.due.entry((sent.step.person, subject)).or_default().1 += 1;
        }
        if sent.meaning.guesses {
            self.people[sent.step.person].guesses += 1;
        }
    }

    pub(crate) fn answered(&mut self, op: Op, sent: Sent, answer: &Answer) -> Result<(), Broken> {
        self.trace(op, answer.status, &answer.text);
        *self.outcome.answers.entry(answer.status).or_default() += 1;
        if self.verbose {
            println!("  op {op} ({:?}): {} {}", sent.step.action, answer.status, answer.text);
        }
        let context = || format!("request {op} ({:?}): {} {}", sent.step.action, answer.status, answer.text);
        Self::look_at(&sent, answer).map_err(|invariant| broken(invariant, context()))?;
        let code = answer.json["code"].as_str().unwrap_or_default();
        match (answer.status, code) {
            (503, _) => {
                self.has_cause(op, &sent, &context)?;
                self.lost(op, &sent);
                return Ok(());
            }
            (200, _) if answer.is_last_known => {
                self.has_cause(op, &sent, &context)?;
                self.gone(op, Gone { person: sent.step.person, key: sent.meaning.key });
                return self.learn(&sent, answer, &context);
            }
            (429, "too_many_requests") => return self.limited(op, &sent, &context()),
            (429, "too_many_attempts") => {
                let guesses = self.people.iter().map(|person| person.guesses).sum::<u32>();
                if guesses < 5 || !sent.meaning.guesses {
                    return Err(broken(Invariant::LimitIsNeverUnder, context()));
                }
                return self.refused(op, &sent);
            }
            (409, "idempotency_in_progress") if !self.is_claimed(&sent) => {
                return Err(broken(Invariant::NobodyWaitsForNothing, context()));
            }
            (409, "idempotency_in_progress") => return self.refused(op, &sent),
            // The first request with this key has perhaps not taken effect yet, and perhaps never will.
            (422, "idempotency_key_reused") if self.is_claimed(&sent) => return self.refused(op, &sent),
            _ => {}
        }
        if answer.status >= 400 && self.world.was_struck(op) {
            self.may_hold_claim(&sent);
        }
        self.explain(op, &sent, answer, code, &context)?;
        if answer.status < 300 {
            self.learn(&sent, answer, &context)?;
        }
        if sent.meaning.guesses && answer.status >= 400 {
            self.people[sent.step.person].guesses += 1;
        }
        if let Some(subject) = sent.meaning.mails.filter(|_| answer.status < 300) {
            let (certain, possible) = self.due.entry((sent.step.person, subject)).or_default();
            *certain += 1;
            *possible += 1;
        }
        Ok(())
    }

    /// Checks that unavailability has a cause: a fault in what the request needed, or a clock that jumped over a
    /// deadline.
    fn has_cause(&self, op: Op, sent: &Sent, context: &impl Fn() -> String) -> Result<(), Broken> {
        let waited = sent.span.high - sent.span.low;
        if self.world.was_struck(op) || waited >= SHORTEST_DEADLINE_MS {
            return Ok(());
        }
        Err(broken(Invariant::UnavailableOnlyWithCause, context()))
    }

    /// Checks whether another request, answered or gone, may have held the `Idempotency-Key` while this one was under
    /// way.
    fn is_claimed(&self, sent: &Sent) -> bool {
        let Some(once) = &sent.request.once else { return false };
        let under_way = self.sent.values().any(|other| other.request.once.as_ref() == Some(once));
        under_way || sent.has_met || self.claimed.get(once).is_some_and(|until| *until >= sent.span.low)
    }

    /// Checks the invariants that every single answer must satisfy.
    fn look_at(sent: &Sent, answer: &Answer) -> Result<(), Invariant> {
        if answer.status == 500 {
            return Err(Invariant::NoFaultOfOurs);
        }
        if answer.status >= 400 {
            let whole = answer.content_type == "application/problem+json"
                && answer.json["status"] == answer.status
                && !answer.request_id.is_empty()
                && answer.json["requestId"] == answer.request_id;
            if !whole {
                return Err(Invariant::ProblemsAreProblems);
            }
        }
        let shows = |text: &str| answer.text.contains(text);
        let gives_tokens = matches!(sent.meaning.reading, Reading::Login | Reading::Refresh);
        let key = answer
            .text
            .split("aib_live_")
            .skip(1)
            .any(|rest| rest.chars().take(38).filter(char::is_ascii_alphanumeric).count() == 38);
        if shows("pass phrase")
            || (!gives_tokens && (shows("refreshToken") || shows("accessToken")))
            || (sent.meaning.reading != Reading::NewKey && key)
        {
            return Err(Invariant::SecretsStayWhereTheyBelong);
        }
        if shows("hidden-task") {
            return Err(Invariant::PrivateTasksStayPrivate);
        }
        if (0..PEOPLE).any(|other| other != sent.step.person && shows(&address(other))) {
            return Err(Invariant::AccountsStayApart);
        }
        Ok(())
    }

    /// Notes that the request certainly had no effect.
    fn refused(&mut self, op: Op, sent: &Sent) -> Result<(), Broken> {
        if sent.meaning.account.is_some() {
            let refused = self.accounts[sent.step.person].refused(op);
            refused.map_err(|how| broken(Invariant::AccountsAreExplained, how))?;
        }
        if sent.meaning.board.is_some() {
            self.board.refused(op).map_err(|how| broken(Invariant::BoardsAreExplained, how))?;
        }
        // The key was charged before the request was refused.
        if let Some(ledger) = sent.meaning.key.and_then(|key| self.ledgers.get_mut(&key)) {
            ledger.perhaps(sent.span, self.world.state().latest);
        }
        Ok(())
    }

    fn limited(&mut self, op: Op, sent: &Sent, context: &str) -> Result<(), Broken> {
        let Some(key) = sent.meaning.key else { return self.refused(op, sent) };
        let sent_keys = self.sent.values().map(|other| other.meaning.key);
        let late_keys = self.leaving.iter().map(|(_, gone)| gone.key);
        let others = sent_keys.chain(late_keys).filter(|other| *other == Some(key)).count();
        match self.ledgers.get(&key) {
            Some(ledger) => {
                let refused = ledger.refused(sent.span, others);
                refused.map_err(|how| broken(Invariant::LimitIsNeverUnder, format!("{how}; {context}")))?;
            }
            None => return Err(broken(Invariant::LimitIsNeverUnder, format!("without a limit; {context}"))),
        }
        // The key itself was valid, and the request had no effect.
        let good = self.accounts[sent.step.person].answered(op, &Seen::Done);
        good.map_err(|how| broken(Invariant::AccountsAreExplained, how))?;
        if sent.meaning.board.is_some() {
            self.board.refused(op).map_err(|how| broken(Invariant::BoardsAreExplained, how))?;
        }
        Ok(())
    }

    fn explain(
        &mut self,
        op: Op,
        sent: &Sent,
        answer: &Answer,
        code: &str,
        context: &impl Fn() -> String,
    ) -> Result<(), Broken> {
        let unknown = || broken(Invariant::ProblemsAreProblems, context());
        let code = match code {
            // A refresh token of a session whose row is gone.
            "invalid_token" if sent.meaning.reading == Reading::Refresh => ENDED,
            code => CODES.iter().find(|known| **known == code).copied().unwrap_or_default(),
        };
        let is_refusal = answer.status >= 400;
        if is_refusal && code.is_empty() {
            return Err(unknown());
        }
        let at_gate = sent.meaning.key.is_some() && is_refusal && GATE.contains(&code);
        if sent.meaning.account.is_some() {
            let seen = match sent.meaning.key {
                Some(_) if !at_gate => Seen::Done,
                _ if is_refusal => Seen::Refused(code),
                _ => self.seen(op, sent, answer).ok_or_else(unknown)?,
            };
            let explained = self.accounts[sent.step.person].answered(op, &seen);
            explained.map_err(|how| broken(Invariant::AccountsAreExplained, format!("{how}; {}", context())))?;
        }
        if let Some(ledger) = sent.meaning.key.filter(|_| !at_gate).and_then(|key| self.ledgers.get_mut(&key)) {
            let let_in = ledger.let_in(sent.span, self.world.state().latest);
            let_in.map_err(|how| broken(Invariant::LimitIsNeverOver, format!("{how}; {}", context())))?;
        }
        if sent.meaning.board.is_none() {
            return Ok(());
        }
        let is_person = sent.meaning.key.is_none() && sent.meaning.account.is_some();
        if at_gate || (is_person && is_refusal) {
            return self.board.refused(op).map_err(|how| broken(Invariant::BoardsAreExplained, how));
        }
        let seen = match is_refusal {
            true => board::Seen::Refused(code),
            false => self.board_seen(sent, answer).ok_or_else(unknown)?,
        };
        let explained = self.board.answered(op, &seen);
        explained.map_err(|how| broken(Invariant::BoardsAreExplained, format!("{how}; {}", context())))
    }
}
