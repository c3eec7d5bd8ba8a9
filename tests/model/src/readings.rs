//! Readings of answers: what they say, and what a client knows from then on.

use std::collections::BTreeMap;

use aibaas_core::domain::RefreshToken;
use serde_json::Value;

use crate::{
    Op,
    account::Seen,
    board,
    client::{KnownKey, KnownRun, KnownSession, SMALL_LIMIT, address},
    clock::Span,
    invariants::{Broken, Invariant},
    ledger::Ledger,
    meaning::Reading,
    run::{Answer, Episode, Sent},
};

/// Number of runs that a person goes on with.
const MOST_RUNS: usize = 5;
/// The lifetime of an access token, in milliseconds.
const ACCESS_MS: i64 = 900_000;

impl Episode {
    /// Returns what a successful answer says about an account; `None` where it cannot be understood.
    pub(crate) fn seen(&self, op: Op, sent: &Sent, answer: &Answer) -> Option<Seen> {
        let state = self.world.state();
        Some(match sent.meaning.reading {
            Reading::Refresh => {
                let token = RefreshToken::parse(answer.json["refreshToken"].as_str()?)?;
                Seen::Generation(token.generation)
            }
            Reading::Login => {
                let token = RefreshToken::parse(answer.json["refreshToken"].as_str()?)?;
                (state.maker(token.session_id.as_str()) == Some(op) && token.generation == 0).then_some(Seen::Done)?
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

    /// Returns what a successful answer says about the board; `None` where it cannot be understood.
    pub(crate) fn board_seen(&self, sent: &Sent, answer: &Answer) -> Option<board::Seen> {
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

    /// Takes from a successful answer what its client knows from now on, and checks it against earlier answers.
    pub(crate) fn learn(&mut self, sent: &Sent, answer: &Answer, context: &impl Fn() -> String) -> Result<(), Broken> {
        let world = std::sync::Arc::clone(&self.world);
        let maker = |id: &str| world.state().maker(id).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let body = &answer.json;
        // Tokens hold times in whole seconds, cut off.
        let expires = Span { low: sent.span.low + ACCESS_MS - 1000, high: sent.span.high + ACCESS_MS };
        match sent.meaning.reading {
            Reading::Login | Reading::Refresh => {
                let token = text(&body["refreshToken"]);
                let Some(parsed) = RefreshToken::parse(&token) else { return Ok(()) };
                let login = maker(parsed.session_id.as_str());
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
                            id: parsed.session_id.to_string(),
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
                    // The oldest run is not used from now on.
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
                        return Err(Broken::new(Invariant::SnapshotsNeverChange, how));
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
                    return Err(Broken::new(
                        Invariant::LogIsAppendOnly,
                        format!("before: {:?}; {}", self.log, context()),
                    ));
                }
                if log.len() > self.log.len() {
                    self.log = log;
                }
            }
            Reading::Status | Reading::Person | Reading::Sessions | Reading::Keys | Reading::Verdict => {}
        }
        Ok(())
    }

    /// Checks that every answer about what a request made equals the first one.
    fn same_answer(&mut self, made: Op, answer: &Answer, context: &impl Fn() -> String) -> Result<(), Broken> {
        let first = self.made.entry(made).or_insert_with(|| answer.text.clone());
        if *first == answer.text {
            return Ok(());
        }
        Err(Broken::new(Invariant::KeyActsOnce, format!("first: {first}; {}", context())))
    }
}
