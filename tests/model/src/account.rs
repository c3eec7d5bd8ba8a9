//! Model of what the API promises about one mail address: its account, sessions, links, keys and idempotent requests.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Op, clock::Span, linear::Model};

const SECOND: i64 = 1000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// The state of the address's account.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// The registration that made the account.
    born: Op,
    exists: bool,
    verified: bool,
    suspended: bool,
    password: u32,
    sessions: BTreeMap<Op, Session>,
    /// Links that still work, by the request that asked for them.
    links: BTreeMap<Op, (Link, Span)>,
    /// Requests that made a link whose mail has not been seen yet.
    linked: BTreeMap<Op, Span>,
    keys: BTreeMap<Op, Key>,
    once: BTreeMap<u32, Remembered>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Session {
    generation: i64,
    created: Span,
    rotated: Span,
}

impl Session {
    /// Checks whether the session is neither too old nor unused for too long; returns both answers where bounds of
    /// time allow both.
    fn lives(&self, now: Span) -> Vec<bool> {
        let dead = pairs(now.passed(30 * DAY, self.created), now.passed(7 * DAY, self.rotated));
        let lives = dead.into_iter().map(|(old, idle)| !old && !idle).collect::<BTreeSet<_>>();
        lives.into_iter().collect()
    }
}

/// The kind of a mailed link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// A link that verifies the address.
    Verify,
    /// A link that sets a new password.
    Reset,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    revoked: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Remembered {
    made: Op,
    body: u32,
    at: Span,
}

/// The session that a request comes with, and the end of its access token.
#[derive(Clone, Copy, Debug)]
pub struct By {
    /// The login that started the session.
    pub session: Op,
    /// The bounds of the access token's expiry.
    pub expires: Span,
}

/// A request about the address.
#[derive(Clone, Debug)]
pub enum Ask {
    /// `POST /auth/register`, always with password 0.
    Register,
    /// `POST /auth/resend-verification`.
    Resend,
    /// `POST /auth/verify-email`, with the link that this request asked for.
    Verify(Op),
    /// `POST /auth/login`, with the password of this number.
    Login(u32),
    /// `POST /auth/refresh`, with this session's token of this generation.
    Refresh(Op, i64),
    /// `GET /users/me`.
    Me(By),
    /// `GET /auth/sessions`.
    Sessions(By),
    /// `DELETE /auth/sessions/{id}` of this session.
    End(By, Op),
    /// `DELETE /auth/sessions`.
    EndOthers(By),
    /// `POST /auth/logout`.
    Logout(By),
    /// `POST /auth/password/forgot`.
    Forgot,
    /// `POST /auth/password/reset`, with the link that this request asked for, and the new password.
    Reset(Op, u32),
    /// `POST /auth/password/change`, with the current and the new password.
    Change(By, u32, u32),
    /// `DELETE /users/me`, with the password.
    Delete(By, u32),
    /// `PATCH /admin/users/{id}` of the account that this registration made: suspends it where true, else makes it
    /// active again.
    Suspend(Op, bool),
    /// `POST /api-keys`, perhaps with an `Idempotency-Key` and the number of its body.
    CreateKey(By, Option<(u32, u32)>),
    /// `GET /api-keys`.
    Keys(By),
    /// `DELETE /api-keys/{id}` of the key that this request made.
    Revoke(By, Op),
    /// Any request that presents the key that this request made.
    Use(Op),
}

/// The content of an answer, as far as the model knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// The request was carried out.
    Done,
    /// The request was refused with this code.
    Refused(&'static str),
    /// The session's tokens of this generation.
    Generation(i64),
    /// The sessions that these logins started.
    Sessions(BTreeSet<Op>),
    /// The keys that these requests made, and whether each is active.
    Keys(BTreeMap<Op, bool>),
    /// The key that this request made.
    Made(Op),
}

/// Code for a session that was ended, has expired, or is gone with its account.
pub const ENDED: &str = "session_revoked";
/// Code for a link that was used, has expired, or never existed.
pub const DEAD_LINK: &str = "invalid_or_expired_token";

type Outcomes = Vec<(Seen, Account)>;

impl Account {
    fn refused(&self, code: &'static str) -> (Seen, Self) {
        (Seen::Refused(code), self.clone())
    }

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut next = self.clone();
        change(&mut next);
        next
    }

    fn without(&self, session: Op) -> Self {
        self.with(|next| {
            next.sessions.remove(&session);
        })
    }

    /// Returns the outcomes of `then` where the session admits the request, and the refusals where it does not.
    fn admitted(&self, by: By, now: Span, then: impl FnOnce(&Self) -> Outcomes) -> Outcomes {
        let mut outcomes = Vec::new();
        if now.high >= by.expires.low {
            outcomes.push(self.refused("expired_token"));
        }
        if now.low >= by.expires.high {
            return outcomes;
        }
        match self.sessions.get(&by.session) {
            None => outcomes.push(self.refused(ENDED)),
            Some(_) if self.suspended => outcomes.push(self.refused("account_suspended")),
            Some(_) => outcomes.extend(then(self)),
        }
        outcomes
    }

    fn login(&self, op: Op, password: u32, now: Span) -> Outcomes {
        let outcome = if !self.exists || self.password != password {
            self.refused("invalid_credentials")
        } else if !self.verified {
            self.refused("email_not_verified")
        } else if self.suspended {
            self.refused("account_suspended")
        } else {
            let session = Session { generation: 0, created: now.coarse(), rotated: now.coarse() };
            (
                Seen::Done,
                self.with(|next| {
                    next.sessions.insert(op, session);
                }),
            )
        };
        vec![outcome]
    }

    fn refresh(&self, session: Op, generation: i64, now: Span) -> Outcomes {
        let Some(found) = self.sessions.get(&session) else {
            // For a session that was ended, the account is checked first, as long as anything is known of it.
            let codes: &[&str] = if self.suspended { &[ENDED, "account_suspended"] } else { &[ENDED] };
            return codes.iter().map(|code| self.refused(code)).collect();
        };
        if self.suspended {
            return vec![self.refused("account_suspended")];
        }
        let without = || self.without(session);
        let mut outcomes = Vec::new();
        // The session may be too old or unused for too long; an expired session is answered as an ended one is.
        for lives in found.lives(now) {
            if !lives {
                outcomes.push((Seen::Refused(ENDED), without()));
                continue;
            }
            match found.generation - generation {
                0 => {
                    let rotate = |next: &mut Self| {
                        let next = next.sessions.entry(session);
                        next.and_modify(|session| {
                            session.generation += 1;
                            session.rotated = now.coarse();
                        });
                    };
                    outcomes.push((Seen::Generation(generation + 1), self.with(rotate)));
                }
                1 => {
                    // A token that was replaced exactly ten seconds ago is still accepted.
                    for late in now.passed(10 * SECOND + 1, found.rotated) {
                        outcomes.push(match late {
                            true => (Seen::Refused(ENDED), without()),
                            false => (Seen::Generation(found.generation), self.clone()),
                        });
                    }
                }
                2.. => outcomes.push((Seen::Refused(ENDED), without())),
                // A token that nobody was given yet: no client can send it in this state.
                _ => {}
            }
        }
        outcomes
    }

    /// Lists the sessions that are neither too old nor unused for too long.
    fn list(&self, now: Span) -> Outcomes {
        let mut lists = vec![BTreeSet::new()];
        for (op, session) in &self.sessions {
            let lives = session.lives(now);
            let with = lists.iter().map(|list| list.iter().copied().chain([*op]).collect()).collect::<Vec<_>>();
            lists = match lives[..] {
                [true] => with,
                [false] => lists,
                _ => [lists, with].concat(),
            };
        }
        lists.into_iter().map(|list| (Seen::Sessions(list), self.clone())).collect()
    }

    fn end(&self, target: Op, now: Span) -> Outcomes {
        let lives = self.sessions.get(&target).map_or(vec![false], |session| session.lives(now));
        let outcome = |lives: bool| match lives {
            true => (Seen::Done, self.without(target)),
            false => self.refused("not_found"),
        };
        lives.into_iter().map(outcome).collect()
    }

    /// Uses a link of this kind: it and all other links die, and `change` is applied.
    fn use_link(&self, link: (Op, Link), lives: i64, now: Span, change: impl Fn(&mut Self)) -> Outcomes {
        let dead = || self.refused(DEAD_LINK);
        match self.links.get(&link.0) {
            Some((kind, made)) if *kind == link.1 && !self.suspended => now
                .passed(lives, *made)
                .into_iter()
                .map(|expired| {
                    if expired {
                        return dead();
                    }
                    let used = |next: &mut Self| {
                        next.links.clear();
                        change(next);
                    };
                    (Seen::Done, self.with(used))
                })
                .collect(),
            _ => vec![dead()],
        }
    }

    /// Asks for a link. Unless `always`, the API may silently make none, since it limits links per hour.
    fn ask_for_link(&self, op: Op, kind: Link, now: Span, always: bool) -> Outcomes {
        let made = (
            Seen::Done,
            self.with(|next| {
                next.links.insert(op, (kind, now.coarse()));
                next.linked.insert(op, now.coarse());
            }),
        );
        let refused = (Seen::Done, self.clone());
        if always { vec![made] } else { vec![made, refused] }
    }

    /// Suspends the account that this registration made, or ends that, as an administrator who has just logged in.
    fn suspend(&self, born: Op, suspended: bool, now: Span) -> Outcomes {
        let mut outcomes = Vec::new();
        if now.high >= now.low + 14 * 60 * SECOND {
            outcomes.push(self.refused("expired_token"));
        }
        if !self.exists || self.born != born {
            outcomes.push(self.refused("not_found"));
            return outcomes;
        }
        let change = |next: &mut Self| {
            next.suspended = suspended;
            if suspended {
                next.sessions.clear();
                next.links.clear();
            }
        };
        outcomes.push((Seen::Done, self.with(change)));
        outcomes
    }

    fn create_key(&self, op: Op, once: Option<(u32, u32)>, now: Span) -> Outcomes {
        let make = |next: &mut Self| {
            next.keys.insert(op, Key { revoked: false });
            if let Some((key, body)) = once {
                next.once.insert(key, Remembered { made: op, body, at: now.coarse() });
            }
        };
        let made = || (Seen::Made(op), self.with(make));
        let Some((key, body)) = once else { return vec![made()] };
        let Some(remembered) = self.once.get(&key) else { return vec![made()] };
        let outcome = |forgotten: bool| match forgotten {
            true => made(),
            false if remembered.body == body => (Seen::Made(remembered.made), self.clone()),
            false => self.refused("idempotency_key_reused"),
        };
        now.passed(24 * HOUR, remembered.at).into_iter().map(outcome).collect()
    }

    /// Checks whether the request made a link whose mail has not been seen yet.
    #[must_use]
    pub fn waits_for_mail(&self, op: Op) -> bool {
        self.linked.contains_key(&op)
    }

    /// Notes that the mail of the request's link has come.
    pub fn saw_mail(&mut self, op: Op) {
        self.linked.remove(&op);
    }

    /// Forgets what cannot be asked for any more: links that have long expired, and `Idempotency-Key`s below `once`.
    pub fn forget(&mut self, now: i64, once: u32) {
        self.links.retain(|_, (_, made)| made.high + DAY > now - HOUR);
        self.linked.retain(|_, made| made.high + DAY > now - HOUR);
        self.once.retain(|key, _| *key >= once);
    }

    /// Returns the registration that made the existing account.
    #[must_use]
    pub fn owner(&self) -> Option<Op> {
        self.exists.then_some(self.born)
    }

    /// Returns the number of the password.
    #[must_use]
    pub fn password(&self) -> u32 {
        self.password
    }
}

fn pairs(left: Vec<bool>, right: Vec<bool>) -> Vec<(bool, bool)> {
    left.iter().flat_map(|left| right.iter().map(move |right| (*left, *right))).collect()
}

impl Model for Account {
    type Ask = Ask;
    type Seen = Seen;

    fn outcomes(&self, op: Op, ask: &Ask, now: Span) -> Outcomes {
        let done = |change: &dyn Fn(&mut Self)| vec![(Seen::Done, self.with(change))];
        match *ask {
            Ask::Register if !self.exists => {
                let born = |next: &mut Self| {
                    next.born = op;
                    next.exists = true;
                    next.password = 0;
                };
                self.with(born).ask_for_link(op, Link::Verify, now, true)
            }
            Ask::Register | Ask::Resend if self.exists && !self.verified => {
                self.ask_for_link(op, Link::Verify, now, true)
            }
            Ask::Register | Ask::Resend => done(&|_| {}),
            Ask::Verify(link) => self.use_link((link, Link::Verify), DAY, now, |next| {
                next.verified = true;
                next.password = 0;
            }),
            Ask::Login(password) => self.login(op, password, now),
            Ask::Refresh(session, generation) => self.refresh(session, generation, now),
            Ask::Me(by) => self.admitted(by, now, |state| vec![(Seen::Done, state.clone())]),
            Ask::Sessions(by) => self.admitted(by, now, |state| state.list(now)),
            Ask::End(by, target) => self.admitted(by, now, |state| state.end(target, now)),
            Ask::EndOthers(by) => self.admitted(by, now, |state| {
                vec![(Seen::Done, state.with(|next| next.sessions.retain(|session, _| *session == by.session)))]
            }),
            Ask::Logout(by) => self.admitted(by, now, |state| vec![(Seen::Done, state.without(by.session))]),
            Ask::Forgot if self.exists => self.ask_for_link(op, Link::Reset, now, false),
            Ask::Forgot => done(&|_| {}),
            Ask::Reset(link, password) => self.use_link((link, Link::Reset), HOUR, now, |next| {
                next.verified = true;
                next.password = password;
                next.sessions.clear();
            }),
            Ask::Change(by, current, new) => self.admitted(by, now, |state| {
                if state.password != current {
                    return vec![state.refused("incorrect_password")];
                }
                let change = |next: &mut Self| {
                    next.password = new;
                    next.links.clear();
                    next.sessions.retain(|session, _| *session == by.session);
                };
                vec![(Seen::Done, state.with(change))]
            }),
            Ask::Delete(by, password) => self.admitted(by, now, |state| {
                if state.password != password {
                    return vec![state.refused("incorrect_password")];
                }
                vec![(Seen::Done, Self { linked: state.linked.clone(), ..Self::default() })]
            }),
            Ask::Suspend(born, suspended) => self.suspend(born, suspended, now),
            Ask::CreateKey(by, once) => self.admitted(by, now, |state| state.create_key(op, once, now)),
            Ask::Keys(by) => self.admitted(by, now, |state| {
                let keys = state.keys.iter().map(|(made, key)| (*made, !key.revoked)).collect();
                vec![(Seen::Keys(keys), state.clone())]
            }),
            Ask::Revoke(by, key) => self.admitted(by, now, |state| match state.keys.get(&key) {
                None => vec![state.refused("not_found")],
                Some(_) => {
                    let revoke = |next: &mut Self| {
                        next.keys.entry(key).and_modify(|key| key.revoked = true);
                    };
                    vec![(Seen::Done, state.with(revoke))]
                }
            }),
            Ask::Use(key) => vec![match self.keys.get(&key) {
                None => self.refused("invalid_api_key"),
                Some(key) if key.revoked => self.refused("api_key_revoked"),
                Some(_) if self.suspended => self.refused("account_suspended"),
                Some(_) => (Seen::Done, self.clone()),
            }],
        }
    }
}
