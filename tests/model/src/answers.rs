//! Holds each answer against the models and the invariants, and takes from it what a client learns.

use std::collections::BTreeMap;

use aibaas_core::domain::RefreshToken;
use serde_json::Value;

use crate::{
    Op,
    account::{DEAD_LINK, ENDED, Seen},
    board,
    client::{KnownKey, KnownRun, KnownSession, Reading, SMALL_LIMIT, address},
    clock::Span,
    invariants::{Broken, Invariant},
    ledger::Ledger,
    linear::{Checker, MOST_STATES},
    plan::PEOPLE,
    run::{Answer, Episode, Sent},
};

/// The refusals that are understood.
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
/// Why a key is not let in.
const GATE: &[&str] = &["invalid_api_key", "api_key_revoked", "account_suspended"];
/// How many runs a person goes on with.
const MOST_RUNS: usize = 6;
/// No deadline is shorter.
const SHORTEST_DEADLINE_MS: i64 = 1000;
/// An access token's life.
const ACCESS_MS: i64 = 900_000;

fn broken(invariant: Invariant, how: impl Into<String>) -> Broken {
    Broken::new(invariant, how)
}

impl Episode {
    /// No answer comes any more.
    pub(crate) fn lost(&mut self, op: Op, sent: &Sent) {
        self.trace(op, 0, "");
        self.may_hold_claim(sent);
        self.gone(op, sent.step.person);
        self.perhaps(sent);
    }

    /// It may have been done.
    fn perhaps(&mut self, sent: &Sent) {
        if let Some(ledger) = sent.meaning.key.and_then(|key| self.ledgers.get_mut(&key)) {
            ledger.perhaps(sent.span);
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
                self.gone(op, sent.step.person);
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
            // Of what has not happened yet, and perhaps never will.
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
        let states = self.accounts.iter().map(Checker::states).chain([self.board.states()]).collect::<Vec<_>>();
        if states.iter().any(|states| *states >= MOST_STATES) {
            let mut pieces = BTreeMap::<String, usize>::new();
            for piece in self.board.models().flat_map(board::Board::pieces) {
                *pieces.entry(piece).or_default() += 1;
            }
            pieces.retain(|_, count| *count < self.board.states());
            panic!("{states:?} states prove little: {pieces:#?}, {}", context());
        }
        Ok(())
    }

    /// Something that the request asked for failed, or the clock jumped over a deadline.
    fn has_cause(&self, op: Op, sent: &Sent, context: &impl Fn() -> String) -> Result<(), Broken> {
        let waited = sent.span.high - sent.span.low;
        if self.world.was_struck(op) || waited >= SHORTEST_DEADLINE_MS {
            return Ok(());
        }
        Err(broken(Invariant::UnavailableOnlyWithCause, context()))
    }

    /// Whether another request may hold the `Idempotency-Key`, be it under way or gone.
    fn is_claimed(&self, sent: &Sent) -> bool {
        let Some(once) = &sent.request.once else { return false };
        let under_way = self.sent.values().any(|other| other.request.once.as_ref() == Some(once));
        under_way || self.claimed.get(once).is_some_and(|until| *until >= sent.span.low)
    }

    /// What no answer may be.
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

    /// It certainly was not done.
    fn refused(&mut self, op: Op, sent: &Sent) -> Result<(), Broken> {
        if sent.meaning.account.is_some() {
            let refused = self.accounts[sent.step.person].refused(op);
            refused.map_err(|how| broken(Invariant::AccountsAreExplained, how))?;
        }
        if sent.meaning.board.is_some() {
            self.board.refused(op).map_err(|how| broken(Invariant::BoardsAreExplained, how))?;
        }
        // The key was charged before that was seen.
        if let Some(ledger) = sent.meaning.key.and_then(|key| self.ledgers.get_mut(&key)) {
            ledger.perhaps(sent.span);
        }
        Ok(())
    }

    fn limited(&mut self, op: Op, sent: &Sent, context: &str) -> Result<(), Broken> {
        let Some(key) = sent.meaning.key else { return self.refused(op, sent) };
        let others = self.sent.values().filter(|other| other.meaning.key == Some(key)).count();
        match self.ledgers.get(&key) {
            Some(ledger) => {
                let refused = ledger.refused(sent.span, others);
                refused.map_err(|how| broken(Invariant::LimitIsNeverUnder, format!("{how}; {context}")))?;
            }
            None => return Err(broken(Invariant::LimitIsNeverUnder, format!("without a limit; {context}"))),
        }
        // The key itself was good, and nothing was done.
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
            let let_in = ledger.let_in(sent.span);
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

    /// What a good answer says of an account.
    fn seen(&self, op: Op, sent: &Sent, answer: &Answer) -> Option<Seen> {
        let state = self.world.state();
        Some(match sent.meaning.reading {
            Reading::Refresh => {
                let token = RefreshToken::parse(answer.json["refreshToken"].as_str()?)?;
                Seen::Generation(token.generation)
            }
            Reading::Login => {
                let token = RefreshToken::parse(answer.json["refreshToken"].as_str()?)?;
                (state.maker(&token.session_id) == Some(op) && token.generation == 0).then_some(Seen::Done)?
            }
            Reading::Person => (answer.json["email"] == address(sent.step.person)
                || answer.json["user"]["email"] == address(sent.step.person))
            .then_some(Seen::Done)?,
            Reading::Sessions => {
                drop(state);
                Seen::Sessions(self.makers(&answer.json["data"])?)
            }
            Reading::NewKey => Seen::Made(state.maker(answer.json["apiKey"]["id"].as_str()?)?),
            Reading::Keys => {
                let keys = answer.json["data"].as_array()?.iter();
                let keys = keys.map(|key| Some((state.maker(key["id"].as_str()?)?, key["status"] == "active")));
                Seen::Keys(keys.collect::<Option<BTreeMap<_, _>>>()?)
            }
            Reading::Verdict => (answer.json["valid"] == true).then_some(Seen::Done)?,
            _ => Seen::Done,
        })
    }

    /// What a good answer says of boards.
    fn board_seen(&self, sent: &Sent, answer: &Answer) -> Option<board::Seen> {
        let world = std::sync::Arc::clone(&self.world);
        let state = world.state();
        let maker = |id: &Value| state.maker(id.as_str()?);
        Some(match sent.meaning.reading {
            Reading::Opened => board::Seen::Opened(maker(&answer.json["id"])?),
            Reading::Board => {
                let rows = answer.json["data"].as_array()?.iter().map(|row| {
                    let model = row["model"].as_str()?.strip_prefix("sim/m")?.parse().ok()?;
                    let rank = usize::try_from(row["rank"].as_u64()?).ok()?;
                    Some((model, (rank, maker(&row["runId"])?, u32::try_from(row["correct"].as_u64()?).ok()?)))
                });
                board::Seen::Rows(rows.collect::<Option<_>>()?)
            }
            Reading::Changes => {
                let lines = answer.json["data"].as_array()?.iter().rev().map(|line| {
                    let kind = match line["kind"].as_str()? {
                        "published" => board::Kind::Published,
                        "rescored" => board::Kind::Rescored,
                        "withdrawn" => board::Kind::Withdrawn,
                        _ => return None,
                    };
                    Some((kind, maker(&line["runId"])?))
                });
                board::Seen::Log(lines.collect::<Option<_>>()?)
            }
            _ => board::Seen::Done,
        })
    }

    /// Takes from a good answer what its client knows from now on.
    fn learn(&mut self, sent: &Sent, answer: &Answer, context: &impl Fn() -> String) -> Result<(), Broken> {
        let world = std::sync::Arc::clone(&self.world);
        let maker = |id: &str| world.state().maker(id).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let body = &answer.json;
        // Times are cut to whole seconds.
        let expires = Span { low: sent.span.low + ACCESS_MS - 1000, high: sent.span.high + ACCESS_MS };
        match sent.meaning.reading {
            Reading::Login | Reading::Refresh => {
                let token = text(&body["refreshToken"]);
                let Some(parsed) = RefreshToken::parse(&token) else { return Ok(()) };
                let login = maker(&parsed.session_id);
                let person = &mut self.people[sent.step.person];
                match person.sessions.iter_mut().find(|session| session.op == login) {
                    Some(session) => {
                        session.access = text(&body["accessToken"]);
                        session.expires = expires;
                        let known = session.refresh.iter().any(|(_, known)| *known == token);
                        if !known {
                            session.refresh.push((parsed.generation, token));
                            session.refresh.sort();
                        }
                    }
                    None => {
                        let user_id = text(&body["user"]["id"]);
                        person.sessions.push(KnownSession {
                            op: login,
                            id: parsed.session_id.clone(),
                            owner: maker(&user_id),
                            user_id,
                            access: text(&body["accessToken"]),
                            expires,
                            refresh: vec![(parsed.generation, token)],
                        });
                    }
                }
            }
            Reading::NewKey => {
                let id = text(&body["apiKey"]["id"]);
                let made = maker(&id);
                self.same_answer(made, answer, context)?;
                let small = body["apiKey"]["rateLimit"] == SMALL_LIMIT.0;
                self.ledgers.entry(made).or_insert_with(|| match small {
                    true => Ledger::new(SMALL_LIMIT.0, SMALL_LIMIT.1),
                    false => Ledger::new(100_000, 3_600_000),
                });
                let known = KnownKey { op: made, id, secret: text(&body["key"]), owner: sent.meaning.owner, small };
                let person = &mut self.people[sent.step.person];
                if person.keys.iter().all(|key| key.op != made) {
                    person.keys.push(known);
                }
            }
            Reading::Opened => {
                let id = text(&body["id"]);
                let made = maker(&id);
                self.same_answer(made, answer, context)?;
                let person = &mut self.people[sent.step.person];
                if person.runs.iter().all(|run| run.op != made) {
                    person.runs.push(KnownRun { op: made, id, owner: sent.meaning.owner });
                    // Older ones are left alone from now on.
                    if person.runs.len() > MOST_RUNS {
                        person.runs.remove(0);
                    }
                }
            }
            Reading::Board | Reading::OldBoard => {
                let Some(snapshot) = body["snapshotId"].as_str() else { return Ok(()) };
                match self.pages.get(snapshot) {
                    Some(known) if *known != body["data"] => {
                        let how = format!("before: {known}; {}", context());
                        return Err(broken(Invariant::SnapshotsNeverChange, how));
                    }
                    Some(_) => {}
                    None => {
                        self.snapshots.push(snapshot.to_owned());
                        self.pages.insert(snapshot.to_owned(), body["data"].clone());
                    }
                }
            }
            Reading::Changes => {
                let log = body["data"].as_array().cloned().unwrap_or_default();
                let log = log.into_iter().rev().collect::<Vec<_>>();
                let both = self.log.len().min(log.len());
                if self.log[..both] != log[..both] && log.len() < 100 {
                    return Err(broken(Invariant::LogIsAppendOnly, format!("before: {:?}; {}", self.log, context())));
                }
                if log.len() > self.log.len() {
                    self.log = log;
                }
            }
            Reading::Status | Reading::Person | Reading::Sessions | Reading::Keys | Reading::Verdict => {}
        }
        Ok(())
    }

    /// Every answer that tells of what a request made is the same.
    fn same_answer(&mut self, made: Op, answer: &Answer, context: &impl Fn() -> String) -> Result<(), Broken> {
        let first = self.made.entry(made).or_insert_with(|| answer.text.clone());
        if *first == answer.text {
            return Ok(());
        }
        Err(broken(Invariant::KeyActsOnce, format!("first: {first}; {}", context())))
    }

    /// What has to hold once everything is at rest.
    pub(crate) fn look_around(&mut self) -> Result<(), Broken> {
        let state = self.world.state();
        if let Some(key) = state.mailbox.changed().first() {
            return Err(broken(Invariant::MailIsTheSameMail, format!("mail {key}")));
        }
        let repeated = state.mailbox.repeated().to_vec();
        drop(state);
        for (key, before, was_told) in repeated {
            if was_told && !self.world.was_struck(before) {
                return Err(broken(Invariant::MailIsSentOnce, format!("mail {key}, first handed over for {before}")));
            }
        }
        self.mails()?;
        self.events()
    }

    fn mails(&self) -> Result<(), Broken> {
        let waiting = self.world.count("SELECT count(*) FROM outbox WHERE next_attempt_at IS NOT NULL");
        if waiting > 0 {
            return Err(broken(Invariant::MailArrives, format!("{waiting} mails still wait")));
        }
        let state = self.world.state();
        for person in 0..PEOPLE {
            for subject in ["Your password was changed", "Your account is deleted"] {
                let (certain, possible) = self.due.get(&(person, subject)).copied().unwrap_or_default();
                let to = address(person);
                let came = state.mailbox.of(&to).filter(|mail| mail.subject == subject).count();
                let came = u32::try_from(came).unwrap_or(u32::MAX);
                // Mails that wait go with their account.
                let least = if self.people[person].was_deleted && subject.contains("password") { 0 } else { certain };
                if came < least || came > possible {
                    let how = format!("{came} of {certain} to {possible} mails {subject:?} to person {person}");
                    return Err(broken(Invariant::MailArrives, how));
                }
            }
        }
        Ok(())
    }

    /// What the API does not tell is looked up.
    fn events(&self) -> Result<(), Broken> {
        for (what, sql) in [
            (
                "keys without the event that made them",
                "SELECT count(*) FROM api_keys AS k WHERE 1 <> (SELECT count(*) FROM audit_events AS e \
                 WHERE e.event = 'api_key_created' AND e.details ->> 'apiKeyId' = k.id)",
            ),
            (
                "events of keys that were never made",
                "SELECT count(*) FROM audit_events AS e WHERE e.event = 'api_key_created' \
                 AND EXISTS (SELECT 1 FROM users AS u WHERE u.id = e.user_id) \
                 AND NOT EXISTS (SELECT 1 FROM api_keys AS k WHERE k.id = e.details ->> 'apiKeyId')",
            ),
            (
                "revoked keys without the event, or with several",
                "SELECT count(*) FROM api_keys AS k WHERE (k.revoked_at IS NOT NULL) <> (SELECT count(*) \
                 FROM audit_events AS e WHERE e.event = 'api_key_revoked' AND e.details ->> 'apiKeyId' = k.id)",
            ),
            (
                "sessions without the event of their login",
                "SELECT count(*) FROM sessions AS s WHERE 1 <> (SELECT count(*) FROM audit_events AS e \
                 WHERE e.event = 'login' AND e.details ->> 'sessionId' = s.id)",
            ),
            (
                "sessions that an old token ended, without the event",
                "SELECT count(*) FROM sessions AS s WHERE s.revoked_reason = 'refresh_token_reused' \
                 AND 1 <> (SELECT count(*) FROM audit_events AS e \
                 WHERE e.event = 'refresh_token_reused' AND e.details ->> 'sessionId' = s.id)",
            ),
            (
                "snapshots without their line in the log of changes",
                "SELECT abs((SELECT count(*) FROM snapshots) - (SELECT count(*) FROM changes))",
            ),
        ] {
            let count = self.world.count(sql);
            if count > 0 {
                return Err(broken(Invariant::EventsMatchDeeds, format!("{count} {what}")));
            }
        }
        Ok(())
    }
}
