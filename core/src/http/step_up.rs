//! Asking somebody who is logged in again: for the password and, where there is one and more hangs on it than a password,
//! for the second factor.

use serde_json::json;

use super::{
    auth::mfa::{Code, code_required, failed, guess_at_code, not_enabled},
    credentials::Person,
    guessing::{Guess, InFlight},
    passwords,
    problem::{ApiError, INCORRECT_PASSWORD},
};
use crate::{
    app::App,
    domain::{Secret, account::presented_password},
    ports::{Rows, Statement},
    store::{
        EXPECT_ONE_CHANGE,
        guesses::{self, Target},
        mfa::{self, SecondFactor},
        users::{self, User},
    },
};

/// What a logged-in person has just given to prove that they are themselves.
pub struct Proof {
    /// The person.
    pub user: User,
    subject: String,
    in_flight: InFlight,
    asked: Asked,
    second: Option<SecondProof>,
}

struct SecondProof {
    method: &'static str,
    guess: Guess,
    /// What uses the code up.
    uses: Statement,
}

/// Whether the second factor is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// It is not.
    No,
    /// Where the person has one.
    WhereThereIsOne,
    /// It is, and there has to be one.
    Always,
}

/// Asks for the password alone.
///
/// # Errors
/// `incorrect_password`, `too_many_attempts`, and what [`Person::write`] may answer.
pub async fn check_password(app: &App, person: &Person, password: &Secret) -> Result<Proof, ApiError> {
    check(app, person, password, None, Asked::No).await
}

/// Asks for the password, and for a code of the second factor where the person has one.
///
/// # Errors
/// As [`check_password`]; `validation_failed` where the code is missing, `incorrect_code`.
pub async fn check_both(
    app: &App,
    person: &Person,
    password: &Secret,
    code: Option<&Secret>,
) -> Result<Proof, ApiError> {
    check(app, person, password, code, Asked::WhereThereIsOne).await
}

/// The same of a person who has a second factor.
///
/// # Errors
/// As [`check_both`]; `mfa_not_enabled`.
pub async fn check_second_factor(
    app: &App,
    person: &Person,
    password: &Secret,
    code: Option<&Secret>,
) -> Result<Proof, ApiError> {
    check(app, person, password, code, Asked::Always).await
}

async fn check(
    app: &App,
    person: &Person,
    password: &Secret,
    code: Option<&Secret>,
    asked: Asked,
) -> Result<Proof, ApiError> {
    let subject = format!("session:{}", person.session_id);
    let mut in_flight = InFlight::new(app, Target::of(&subject));
    let code = code.map(Code::parse);
    let answers = loop {
        let mut batch = Vec::from(in_flight.begin());
        let user_id = person.user_id.as_str();
        // Who deletes an account is asked too, and deleting is what a full disk needs.
        batch.push(Statement::new(users::BY_ID).essential().bind(user_id));
        batch.push(Statement::new(mfa::OF_USER).bind(user_id).bind(code.as_ref().and_then(Code::recovery_hash)));
        match person.write_statements(app, batch).await? {
            Err(error) if error.is_guard() => in_flight.wait().await?,
            answers => break answers?,
        }
    };
    let mut answers = answers.into_iter().skip(2);
    let row = answers.next().and_then(Rows::into_first);
    let user = User::from_row(&row.ok_or_else(|| ApiError::internal("the person of a live session is gone"))?)?;
    let second_factor = SecondFactor::from_rows(answers.next().unwrap_or_default())?;

    let missing = match asked {
        Asked::Always if !user.mfa_enabled => Some(not_enabled()),
        Asked::Always | Asked::WhereThereIsOne if user.mfa_enabled && code.is_none() => Some(code_required()),
        _ => None,
    };
    let mut proof = Proof { user, subject, in_flight, asked, second: None };
    if let Some(missing) = missing {
        proof.take_back().await?;
        return Err(missing);
    }
    if !passwords::verify(app, presented_password(password), proof.user.password_hash.clone()).await? {
        let mut batch = Vec::from(proof.in_flight.wrong());
        batch.push(person.event(app, "password_check_failed", json!({})));
        app.database().batch(batch).await?;
        proof.in_flight.ended();
        return Err(incorrect_password());
    }
    if let Some(code) = code.filter(|_| asked != Asked::No && proof.user.mfa_enabled) {
        let (guess, method) = (guess_at_code(app, person), code.method());
        match code.uses(app, &proof.user.id, &second_factor)? {
            Some(uses) => proof.second = Some(SecondProof { method, guess, uses }),
            None => {
                proof.release().await?;
                return Err(failed(app, person, &guess, method).await);
            }
        }
    }
    Ok(proof)
}

impl Proof {
    /// The factors that were given, for the security event.
    pub fn methods(&self) -> Vec<&'static str> {
        std::iter::once("password").chain(self.second.as_ref().map(|second| second.method)).collect()
    }

    /// The password was right, though nothing comes of it: it was no guess. A code stays unused.
    ///
    /// # Errors
    /// Whatever the database answers.
    pub async fn release(mut self) -> Result<(), ApiError> {
        let clear = Statement::new(guesses::CLEAR).bind(self.subject.as_str());
        self.in_flight.app().database().batch(vec![clear, self.in_flight.end()]).await?;
        self.in_flight.ended();
        Ok(())
    }

    /// The password was not looked at.
    async fn take_back(&mut self) -> Result<(), ApiError> {
        self.in_flight.app().database().query(self.in_flight.end()).await?;
        self.in_flight.ended();
        Ok(())
    }

    /// Does what was asked for in one batch, which fails where the password or the second factor changed meanwhile, and
    /// uses the code up; answers what the effects gave back.
    ///
    /// # Errors
    /// `incorrect_password`, `incorrect_code`, `too_many_attempts`, `mfa_not_enabled`, `validation_failed` where a code is
    /// asked for by now; what [`Person::write`] may answer.
    pub async fn carry_out(
        mut self,
        app: &App,
        person: &Person,
        effects: Vec<Statement>,
    ) -> Result<Vec<Rows>, ApiError> {
        let hash = self.user.password_hash.as_ref().map(Secret::expose);
        let user_id = self.user.id.as_str();
        let mut batch = vec![
            Statement::new(users::EXPECT_PASSWORD).bind(user_id).bind(hash),
            Statement::new(guesses::CLEAR).bind(self.subject.as_str()),
            self.in_flight.end(),
        ];
        if self.asked != Asked::No {
            batch.push(Statement::new(mfa::EXPECT_ENABLED).bind(user_id).bind(self.user.mfa_enabled));
        }
        if let Some(second) = &self.second {
            batch.extend(second.guess.reserve());
            batch.extend([second.uses.clone(), Statement::new(EXPECT_ONE_CHANGE), second.guess.succeeded()]);
        }
        let own = batch.len();
        batch.extend(effects);
        match person.write_statements(app, batch).await? {
            Err(error) if error.is_guard() => {
                let (user, _) = person.read_statements(app, Vec::new()).await?;
                let is_same = user.password_hash == self.user.password_hash;
                Err(match &self.second {
                    _ if !is_same || self.asked == Asked::No => incorrect_password(),
                    _ if user.mfa_enabled && !self.user.mfa_enabled => code_required(),
                    _ if !user.mfa_enabled && self.asked == Asked::Always => not_enabled(),
                    Some(second) => failed(app, person, &second.guess, second.method).await,
                    None => incorrect_password(),
                })
            }
            answers => {
                let answers = answers?;
                self.in_flight.ended();
                Ok(answers.into_iter().skip(own).collect())
            }
        }
    }
}

/// The password is wrong, or was changed a moment ago.
pub fn incorrect_password() -> ApiError {
    ApiError::new(INCORRECT_PASSWORD, "give the account's present password")
}
