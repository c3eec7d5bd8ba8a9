//! The end of an episode: what has to hold once everything works again and is at rest.

use crate::{
    client::address,
    faults::Weather,
    invariants::{Broken, Invariant},
    plan::{Action, PEOPLE, Step},
    run::{CLAIM_MS, Episode, HOUR, Task},
};

impl Episode {
    /// Ends all faults, lets what is under way end and what is due be done, and checks the result.
    pub(crate) fn rest(&mut self) -> Result<(), Broken> {
        self.world.state().calm = true;
        let mut random = fastrand::Rng::with_seed(0);
        for round in 0..8 {
            while !self.tasks.is_empty() {
                self.poll_one(&mut random)?;
            }
            if round > 1
                && self.leaving.is_empty()
                && self.world.count("SELECT count(*) FROM outbox WHERE next_attempt_at IS NOT NULL") == 0
            {
                break;
            }
            self.pass(if round == 0 { CLAIM_MS } else { 4 * HOUR });
            let app = self.app.clone();
            let op = self.new_op(Weather::CALM, 0);
            let work = Box::pin(async move {
                aibaas_core::tick(&app).await;
                None
            });
            self.tasks.push(Task { op, work });
        }
        let reads = [Action::Login, Action::Sessions, Action::Keys, Action::Board, Action::Changes, Action::UseKey];
        for (number, action) in reads.iter().enumerate() {
            for person in 0..PEOPLE {
                let stream = (number * PEOPLE + person) as u64;
                let step =
                    Step { number: u32::MAX, action: *action, person, client: 0, stream, weather: Weather::CALM };
                self.send(&step, &mut random)?;
                while !self.tasks.is_empty() {
                    self.poll_one(&mut random)?;
                }
            }
        }
        self.look_around()
    }

    /// Checks what has to hold once everything is at rest.
    fn look_around(&mut self) -> Result<(), Broken> {
        let state = self.world.state();
        if let Some(key) = state.mailbox.changed().first() {
            return Err(Broken::new(Invariant::MailIsTheSameMail, format!("mail {key}")));
        }
        let repeated = state.mailbox.repeated().to_vec();
        drop(state);
        for (key, before, was_told) in repeated {
            if was_told && !self.world.was_struck(before) {
                return Err(Broken::new(
                    Invariant::MailIsSentOnce,
                    format!("mail {key}, first handed over for {before}"),
                ));
            }
        }
        self.mails()?;
        self.events()
    }

    fn mails(&self) -> Result<(), Broken> {
        let waiting = self.world.count("SELECT count(*) FROM outbox WHERE next_attempt_at IS NOT NULL");
        if waiting > 0 {
            return Err(Broken::new(Invariant::MailArrives, format!("{waiting} mails still wait")));
        }
        let state = self.world.state();
        for person in 0..PEOPLE {
            for subject in ["Your password was changed", "Your account is deleted"] {
                let (certain, possible) = self.due.get(&(person, subject)).copied().unwrap_or_default();
                let to = address(person);
                let came = state.mailbox.of(&to).filter(|mail| mail.subject == subject).count();
                let came = u32::try_from(came).unwrap_or(u32::MAX);
                // Mails that wait are deleted with their account.
                let least = if self.people[person].was_deleted && subject.contains("password") { 0 } else { certain };
                if came < least || came > possible {
                    let how = format!("{came} of {certain} to {possible} mails {subject:?} to person {person}");
                    return Err(Broken::new(Invariant::MailArrives, how));
                }
            }
        }
        Ok(())
    }

    /// Checks the events in the database, since the API does not show all of them.
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
                return Err(Broken::new(Invariant::EventsMatchDeeds, format!("{count} {what}")));
            }
        }
        Ok(())
    }
}
