//! The clients: what they know, from answers and mails alone, and what they ask.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    Op,
    account::{self, Account, By, Link},
    board,
    clock::Span,
    linear::Checker,
    meaning::{Meaning, Reading, Request},
    plan::{Action, PEOPLE, Step},
    world::State,
};

/// Number of models that are ranked.
pub const MODELS: u32 = 4;
/// The limit of keys with a small one: uses per window, and the window in milliseconds.
pub const SMALL_LIMIT: (usize, i64) = (5, 10_000);

/// A session that a client has tokens of.
#[derive(Clone, Debug)]
pub struct KnownSession {
    /// The login that started the session.
    pub op: Op,
    /// Id of the session.
    pub id: String,
    /// The registration of the session's account.
    pub owner: Op,
    /// Id of the session's account.
    pub user_id: String,
    /// The newest access token.
    pub access: String,
    /// The bounds of the newest access token's expiry.
    pub expires: Span,
    /// Every refresh token of the session, with its generation.
    pub refresh: Vec<(i64, String)>,
}

/// A key that a client has seen whole.
#[derive(Clone, Debug)]
pub struct KnownKey {
    /// The request that made the key.
    pub op: Op,
    /// Id of the key.
    pub id: String,
    /// The whole key.
    pub secret: String,
    /// The registration of the key owner's account.
    pub owner: Op,
    /// Whether the key has the small limit.
    pub small: bool,
}

/// A run whose id a client knows.
#[derive(Clone, Debug)]
pub struct KnownRun {
    /// The request that opened the run.
    pub op: Op,
    /// Id of the run.
    pub id: String,
    /// The registration of the run owner's account.
    pub owner: Op,
}

/// The knowledge of one person's clients.
#[derive(Debug, Default)]
pub struct Person {
    /// Sessions, oldest first.
    pub sessions: Vec<KnownSession>,
    /// Keys, oldest first.
    pub keys: Vec<KnownKey>,
    /// Runs, oldest first.
    pub runs: Vec<KnownRun>,
    /// The number of the newest password that was chosen.
    pub passwords: u32,
    /// The number of `Idempotency-Key`s that were made up.
    pub onces: u32,
    /// Number of password guesses that may have been wrong.
    pub guesses: u32,
    /// Whether a deletion of the account was ever asked for.
    pub was_deleted: bool,
}

/// Returns a person's mail address.
#[must_use]
pub fn address(person: usize) -> String {
    format!("person{person}@example.com")
}

/// Returns a person's password of this number.
#[must_use]
pub fn password(person: usize, number: u32) -> String {
    format!("pass phrase {number} of nobody else than {person}")
}

/// Picks an item at random, mostly one of the newest three.
fn some<'a, T>(list: &'a [T], random: &mut fastrand::Rng) -> Option<&'a T> {
    let reach = if random.u32(..4) == 0 { list.len() } else { list.len().min(3) };
    (reach > 0).then(|| &list[list.len() - 1 - random.usize(..reach)])
}

impl Person {
    fn by(&self, now: i64, random: &mut fastrand::Rng) -> Option<(KnownSession, By)> {
        // Mostly a session whose access token is still valid.
        let fresh = self.sessions.iter().filter(|session| session.expires.low > now).collect::<Vec<_>>();
        let session = match some(&fresh, random) {
            Some(session) if random.u32(..6) > 0 => session,
            _ => some(&self.sessions, random)?,
        };
        Some((session.clone(), By { session: session.op, expires: session.expires }))
    }

    /// Returns the request of a step, and its meaning; `None` where its person has nothing to ask with.
    pub fn ask(
        &mut self,
        step: &Step,
        random: &mut fastrand::Rng,
        world: &State,
        model: &Checker<Account>,
        snapshots: &[String],
        admin: &str,
    ) -> Option<(Request, Meaning)> {
        use Action as A;
        use account::Ask;
        let n = step.person;
        let address = address(n);
        let known = model.models().next().map_or(0, Account::password);
        let plain = |ask: Ask| Meaning {
            account: Some(ask),
            board: None,
            key: None,
            reading: Reading::Status,
            owner: 0,
            mails: None,
            guesses: false,
        };
        let post = |path: &str, token: Option<&str>, body: Option<Value>| Request {
            method: Method::POST,
            path: format!("/api/v1{path}"),
            token: token.map(str::to_owned),
            once: None,
            body,
        };
        let send = |method: Method, path: &str, token: Option<&str>| Request { method, ..post(path, token, None) };
        let link = |kind: Link, random: &mut fastrand::Rng| {
            let subject = match kind {
                Link::Verify => "Verify your e-mail address",
                Link::Reset => "Reset your password",
            };
            let mut links = world.mailbox.of(&address).filter(|mail| mail.subject == subject);
            let mut links = links.by_ref().filter_map(|mail| mail.link.clone()).collect::<Vec<_>>();
            links.sort_by_key(|(_, op)| *op);
            some(&links, random).cloned()
        };
        Some(match step.action {
            A::Register => {
                let body = json!({ "email": address, "password": password(n, 0) });
                (post("/auth/register", None, Some(body)), plain(Ask::Register))
            }
            A::Resend => {
                (post("/auth/resend-verification", None, Some(json!({ "email": address }))), plain(Ask::Resend))
            }
            A::Verify => {
                let (token, asked) = link(Link::Verify, random)?;
                let body = json!({ "token": token, "password": password(n, 0) });
                let meaning = Meaning { guesses: true, ..plain(Ask::Verify(asked)) };
                (post("/auth/verify-email", None, Some(body)), meaning)
            }
            A::Login | A::LoginWrongly => {
                let right = step.action == A::Login && random.u32(..10) > 0;
                let number = if right { known } else { random.u32(..=self.passwords + 1) };
                let body = json!({ "email": address, "password": password(n, number) });
                let meaning = Meaning { reading: Reading::Login, guesses: true, ..plain(Ask::Login(number)) };
                (post("/auth/login", None, Some(body)), meaning)
            }
            A::Refresh | A::RefreshOld => {
                let session = some(&self.sessions, random)?;
                let (generation, token) = match step.action {
                    A::Refresh => session.refresh.last()?,
                    _ => some(&session.refresh, random)?,
                };
                let meaning = Meaning {
                    reading: Reading::Refresh,
                    owner: session.owner,
                    ..plain(Ask::Refresh(session.op, *generation))
                };
                (post("/auth/refresh", None, Some(json!({ "refreshToken": token }))), meaning)
            }
            A::Me => {
                let (session, by) = self.by(world.now, random)?;
                let meaning = Meaning { reading: Reading::Person, ..plain(Ask::Me(by)) };
                (send(Method::GET, "/users/me", Some(&session.access)), meaning)
            }
            A::Sessions => {
                let (session, by) = self.by(world.now, random)?;
                let meaning = Meaning { reading: Reading::Sessions, ..plain(Ask::Sessions(by)) };
                (send(Method::GET, "/auth/sessions?limit=100", Some(&session.access)), meaning)
            }
            A::EndSession => {
                let (session, by) = self.by(world.now, random)?;
                let other = some(&self.sessions, random)?;
                let path = format!("/auth/sessions/{}", other.id);
                (send(Method::DELETE, &path, Some(&session.access)), plain(Ask::End(by, other.op)))
            }
            A::EndOthers => {
                let (session, by) = self.by(world.now, random)?;
                (send(Method::DELETE, "/auth/sessions", Some(&session.access)), plain(Ask::EndOthers(by)))
            }
            A::Logout => {
                let (session, by) = self.by(world.now, random)?;
                (send(Method::POST, "/auth/logout", Some(&session.access)), plain(Ask::Logout(by)))
            }
            A::Forgot => (post("/auth/password/forgot", None, Some(json!({ "email": address }))), plain(Ask::Forgot)),
            A::Reset => {
                let (token, asked) = link(Link::Reset, random)?;
                self.passwords += 1;
                let body = json!({ "token": token, "password": password(n, self.passwords) });
                let meaning =
                    Meaning { mails: Some("Your password was changed"), ..plain(Ask::Reset(asked, self.passwords)) };
                (post("/auth/password/reset", None, Some(body)), meaning)
            }
            A::ChangePassword => {
                let (session, by) = self.by(world.now, random)?;
                let current = if random.u32(..10) > 0 { known } else { random.u32(..=self.passwords) };
                self.passwords += 1;
                let (old, new) = (password(n, current), password(n, self.passwords));
                let body = json!({ "currentPassword": old, "newPassword": new });
                let meaning = Meaning {
                    mails: Some("Your password was changed"),
                    guesses: true,
                    ..plain(Ask::Change(by, current, self.passwords))
                };
                (post("/auth/password/change", Some(&session.access), Some(body)), meaning)
            }
            A::Delete => {
                let (session, by) = self.by(world.now, random)?;
                self.was_deleted = true;
                let body = Some(json!({ "password": password(n, known) }));
                let request = Request { body, ..send(Method::DELETE, "/users/me", Some(&session.access)) };
                let meaning = Meaning {
                    board: Some(board::Ask::Gone(session.owner)),
                    mails: Some("Your account is deleted"),
                    guesses: true,
                    ..plain(Ask::Delete(by, known))
                };
                (request, meaning)
            }
            A::Suspend | A::Activate => {
                let session = self.sessions.last()?;
                let suspends = step.action == A::Suspend;
                let body = json!({ "status": if suspends { "suspended" } else { "active" } });
                let path = format!("/admin/users/{}", session.user_id);
                let request = Request { body: Some(body), ..send(Method::PATCH, &path, Some(admin)) };
                (request, plain(Ask::Suspend(session.owner, suspends)))
            }
            A::CreateKey | A::CreateKeyOnce => {
                let (session, by) = self.by(world.now, random)?;
                let once = (step.action == A::CreateKeyOnce).then(|| self.once(random));
                let (label, variant) = once.unwrap_or((random.u32(1000..), 0));
                let small = label % 3 == 0;
                let (limit, window) = if small { (SMALL_LIMIT.0, SMALL_LIMIT.1 / 1000) } else { (100_000, 3600) };
                let body = json!({
                    "name": format!("key {label} {variant}"), "scopes": ["keys:verify", "results:write"],
                    "rateLimit": limit, "rateLimitWindowSeconds": window,
                });
                let mut request = post("/api-keys", Some(&session.access), Some(body));
                request.once = once.map(|(key, _)| format!("key {n} {key}"));
                let meaning =
                    Meaning { reading: Reading::NewKey, owner: session.owner, ..plain(Ask::CreateKey(by, once)) };
                (request, meaning)
            }
            A::Keys => {
                let (session, by) = self.by(world.now, random)?;
                let meaning = Meaning { reading: Reading::Keys, ..plain(Ask::Keys(by)) };
                (send(Method::GET, "/api-keys?limit=100", Some(&session.access)), meaning)
            }
            A::RevokeKey => {
                let (session, by) = self.by(world.now, random)?;
                let key = some(&self.keys, random)?;
                let path = format!("/api-keys/{}", key.id);
                (send(Method::DELETE, &path, Some(&session.access)), plain(Ask::Revoke(by, key.op)))
            }
            A::UseKey | A::BurstKey => {
                let keys = self.keys.iter().filter(|key| step.action == A::UseKey || key.small).collect::<Vec<_>>();
                let key = *some(&keys, random)?;
                let body = json!({ "key": key.secret });
                let meaning = Meaning { reading: Reading::Verdict, key: Some(key.op), ..plain(Ask::Use(key.op)) };
                (post("/api-keys/verify", Some(&key.secret), Some(body)), meaning)
            }
            A::OpenRun | A::OpenRunOnce => {
                let key = some(&self.keys, random)?.clone();
                let once = (step.action == A::OpenRunOnce).then(|| self.once(random));
                let model = once.map_or_else(|| random.u32(..MODELS), |(label, variant)| (label + variant) % MODELS);
                // A repeated request has to have the same body.
                let trial = once.map_or_else(|| random.u32(..100), |(label, variant)| label * 31 + variant);
                let (strength, day) = board::trial(trial);
                let evaluator = ["self_reported", "first_party", "third_party"][strength as usize];
                let body = json!({
                    "model": format!("sim/m{model}"), "benchmark": "sim", "version": "1", "harness": "model",
                    "harnessVersion": "1", "commit": "abc1234", "evaluatorRelationship": evaluator,
                    "completedAt": format!("2020-01-{:02}T00:00:00Z", day + 1),
                });
                let mut request = post("/runs", Some(&key.secret), Some(body));
                request.once = once.map(|(label, _)| format!("run {n} {label}"));
                let ask = board::Ask::Open(key.owner, model, trial, once);
                let meaning = Meaning {
                    board: Some(ask),
                    key: Some(key.op),
                    reading: Reading::Opened,
                    owner: key.owner,
                    ..plain(Ask::Use(key.op))
                };
                (request, meaning)
            }
            A::Upload | A::Publish | A::Withdraw => {
                let run = some(&self.runs, random)?.clone();
                let key = some(&self.keys, random)?;
                let (part, body, ask) = match step.action {
                    A::Upload => {
                        let tasks =
                            if random.bool() { (1 << board::TASKS) - 1 } else { random.u32(1..1 << board::TASKS) };
                        let results = (0..board::TASKS).filter(|task| tasks >> task & 1 == 1).map(|task| {
                            let passed = board::passes(run.op, task);
                            json!({
                                "task": format!("hidden-task-{task}"), "attempt": 1,
                                "status": if passed { "success" } else { "failed" }, "score": u32::from(passed),
                            })
                        });
                        let results = results.collect::<Value>();
                        ("results", Some(results), board::Ask::Upload(key.owner, run.op, tasks))
                    }
                    A::Publish => ("publish", None, board::Ask::Publish(key.owner, run.op)),
                    _ => {
                        let reason = Some(json!({ "reason": "a mistake" }));
                        ("withdraw", reason, board::Ask::Withdraw(key.owner, run.op))
                    }
                };
                let path = format!("/runs/{}/{part}", run.id);
                let meaning = Meaning { board: Some(ask), key: Some(key.op), ..plain(Ask::Use(key.op)) };
                (post(&path, Some(&key.secret), body), meaning)
            }
            A::Board | A::OldBoard | A::Changes => {
                let (path, ask, reading) = match step.action {
                    A::Board => {
                        let path = "/leaderboard?benchmark=sim&version=1&limit=100".to_owned();
                        (path, Some(board::Ask::Rows), Reading::Board)
                    }
                    A::OldBoard => {
                        let snapshot = some(snapshots, random)?;
                        let path = format!("/leaderboard?benchmark=sim&version=1&limit=100&snapshot={snapshot}");
                        (path, None, Reading::OldBoard)
                    }
                    _ => ("/changes?benchmark=sim&limit=100".to_owned(), Some(board::Ask::Changes), Reading::Changes),
                };
                let meaning = Meaning { account: None, board: ask, reading, ..plain(Ask::Resend) };
                (send(Method::GET, &path, None), meaning)
            }
            A::Tick | A::Wait | A::Jump | A::SetBack | A::Die | A::Leave => return None,
        })
    }

    /// Returns a new `Idempotency-Key` or one of the last, and which of its bodies to send.
    fn once(&mut self, random: &mut fastrand::Rng) -> (u32, u32) {
        if random.u32(..3) == 0 {
            self.onces += 1;
        }
        let key = self.onces.saturating_sub(random.u32(..2));
        (key, u32::from(random.u32(..12) == 0))
    }
}

/// Creates all people, whose clients know nothing yet.
#[must_use]
pub fn people() -> Vec<Person> {
    (0..PEOPLE).map(|_| Person::default()).collect()
}
