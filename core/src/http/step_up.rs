//! Step-up: asking a logged-in person again for the password and, where there is one and more is at stake than a
//! password protects, for the second factor.

use serde_json::json;

use super::{
    credentials::{ClaimedSession, SessionBatch},
    login_throttle::{CodeThrottle, InFlight, too_many},
    passwords,
    problem::{ApiError, INCORRECT_PASSWORD},
    second_factor::{Code, code_required, code_throttle, failed, not_enabled},
};
use crate::{
    app::App,
    domain::{Secret, SecurityEventName, account::presented_password},
    ports::Limit,
    store::{
        Answers, Batch, BatchError, Guard, Query,
        login_throttle::{self, Target},
        mfa::{self, SecondFactor},
        users::{self, User},
    },
};

/// What a logged-in person has just given to prove their identity.
pub struct Proof {
    /// Account of the person.
    pub user: User,
    subject: String,
    in_flight: InFlight,
    policy: SecondFactorPolicy,
    second: Option<SecondProof>,
}

struct SecondProof {
    method: &'static str,
    throttle: CodeThrottle,
    /// Query that uses the code up.
    uses: Query<()>,
}

/// Why a step-up had no effect.
pub enum StepUpError {
    /// The proof does not hold any more.
    Refused(ApiError),
    /// The batch of effects failed by itself.
    Effects(BatchError),
}

impl From<StepUpError> for ApiError {
    fn from(error: StepUpError) -> Self {
        match error {
            StepUpError::Refused(refusal) => refusal,
            StepUpError::Effects(error) => error.into(),
        }
    }
}

/// Whether a call asks for the second factor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SecondFactorPolicy {
    /// Never asks.
    Skip,
    /// Asks where the person has one.
    IfEnabled,
    /// Asks, and requires the person to have one.
    Required,
}

impl SecondFactorPolicy {
    /// Returns why the account cannot be asked with this code: it has no second factor, or the code is missing.
    fn refusal(self, user: &User, code: Option<&Code>) -> Option<ApiError> {
        match self {
            Self::Required if !user.mfa_enabled => Some(not_enabled()),
            Self::Required | Self::IfEnabled if user.mfa_enabled && code.is_none() => Some(code_required()),
            _ => None,
        }
    }
}

/// Checks the password alone.
///
/// # Errors
/// `incorrect_password`, `too_many_attempts`, and what [`SessionBatch::run`] may answer.
pub async fn check_password(app: &App, caller: &ClaimedSession, password: &Secret) -> Result<Proof, ApiError> {
    check(app, caller, password, None, SecondFactorPolicy::Skip).await
}

/// Checks the password, and a code of the second factor where the person has one.
///
/// # Errors
/// As [`check_password`]; `validation_failed` where the code is missing, `incorrect_code`.
pub async fn check_both(
    app: &App,
    caller: &ClaimedSession,
    password: &Secret,
    code: Option<&Secret>,
) -> Result<Proof, ApiError> {
    check(app, caller, password, code, SecondFactorPolicy::IfEnabled).await
}

/// Checks the password and a code of a person who must have a second factor.
///
/// # Errors
/// As [`check_both`]; `mfa_not_enabled`.
pub async fn check_second_factor(
    app: &App,
    caller: &ClaimedSession,
    password: &Secret,
    code: Option<&Secret>,
) -> Result<Proof, ApiError> {
    check(app, caller, password, code, SecondFactorPolicy::Required).await
}

async fn check(
    app: &App,
    caller: &ClaimedSession,
    password: &Secret,
    code: Option<&Secret>,
    policy: SecondFactorPolicy,
) -> Result<Proof, ApiError> {
    let subject = caller.session_subject();
    let mut in_flight = InFlight::new(app, Target::of(&subject));
    let code = code.map(Code::parse);
    let (user, second_factor) = begin(app, caller, &mut in_flight, code.as_ref()).await?;
    let missing = policy.refusal(&user, code.as_ref());
    let mut proof = Proof { user, subject, in_flight, policy, second: None };
    let refused = match missing {
        Some(missing) => Some(missing),
        None => admit(app, &proof.user).await.err(),
    };
    if let Some(refused) = refused {
        proof.take_back().await?;
        return Err(refused);
    }
    if !passwords::verify(app, presented_password(password), proof.user.password_hash.clone()).await? {
        // The batch of `begin` has confirmed the session. Were this one undone where it ends meanwhile, a guess would
        // cost nothing.
        let mut batch = Batch::new();
        proof.in_flight.wrong(&mut batch);
        batch.push(caller.event(app, SecurityEventName::PasswordCheckFailed, json!({})));
        batch.run(app.database()).await?;
        proof.in_flight.ended();
        return Err(incorrect_password());
    }
    if let Some(code) = code.filter(|_| policy != SecondFactorPolicy::Skip && proof.user.mfa_enabled) {
        let (throttle, method) = (code_throttle(app, caller), code.method());
        match code.uses(app, &proof.user.id, &second_factor)? {
            Some(uses) => proof.second = Some(SecondProof { method, throttle, uses }),
            None => {
                proof.release().await?;
                return Err(failed(app, caller, &throttle, method).await);
            }
        }
    }
    Ok(proof)
}

/// Puts the password in flight once it is its turn, and reads the account and its second factor.
async fn begin(
    app: &App,
    caller: &ClaimedSession,
    in_flight: &mut InFlight,
    code: Option<&Code>,
) -> Result<(User, SecondFactor), ApiError> {
    loop {
        let mut batch = caller.batch();
        let user_id = batch.user_id();
        in_flight.begin(&mut batch);
        let user = batch.push(users::find_for_step_up(user_id));
        let second_factor = batch.push(mfa::find(user_id, code.and_then(Code::recovery_hash)));
        match batch.run(app).await {
            Err(BatchError::Guard(Guard::PasswordTurn)) => in_flight.wait().await?,
            answers => {
                let mut answers = answers?;
                let (user, second_factor) = (answers.take(user)?, answers.take(second_factor)?);
                let user = user.ok_or_else(|| ApiError::internal("the person of a live session is gone"))?;
                return Ok((user, second_factor));
            }
        }
    }
}

/// Counts a check against the 30 that a person has in an hour: each costs hashes, and what follows a right one a mail.
async fn admit(app: &App, user: &User) -> Result<(), ApiError> {
    let limit = Limit { name: "step_up".to_owned(), limit: 30, window_seconds: 3600 };
    let subject = format!("{}:{}", limit.name, user.id);
    let now = app.now();
    let admission = app.ports().rate_limiter.admit(&subject, &[limit], 1, now).await?;
    let wait_ms = admission.states.first().map_or(0, |state| state.reset_after_ms);
    let free_at = now.plus_ms(i64::try_from(wait_ms).unwrap_or(i64::MAX));
    if admission.allowed { Ok(()) } else { Err(too_many(free_at, now)) }
}

impl Proof {
    /// Returns the names of the factors that were given, for the security event.
    pub fn methods(&self) -> Vec<&'static str> {
        std::iter::once("password").chain(self.second.as_ref().map(|second| second.method)).collect()
    }

    /// Ends the check of a right password that nothing comes of: it counts as no throttle. A code stays unused.
    ///
    /// # Errors
    /// Any error of the database.
    pub async fn release(mut self) -> Result<(), ApiError> {
        let batch = Batch::from_iter([login_throttle::clear(&self.subject), self.in_flight.end()]);
        batch.run(self.in_flight.app().database()).await?;
        self.in_flight.ended();
        Ok(())
    }

    /// Ends the check of a password that was not looked at.
    async fn take_back(&mut self) -> Result<(), ApiError> {
        self.in_flight.end().run(self.in_flight.app().database()).await?;
        self.in_flight.ended();
        Ok(())
    }

    /// Runs the effects in one batch, which fails where the password or the second factor changed meanwhile, and uses
    /// the code up.
    ///
    /// # Errors
    /// [`StepUpError::Refused`] with `incorrect_password`, `incorrect_code`, `too_many_attempts`, `mfa_not_enabled`, or
    /// `validation_failed` where a code is asked for by now; else as [`SessionBatch::run`].
    pub async fn carry_out(self, app: &App, mut effects: SessionBatch<'_>) -> Result<Answers, StepUpError> {
        let Self { user, subject, mut in_flight, policy, second } = self;
        let mut proof = Batch::new();
        proof.push(users::expect_password(&user.id, user.password_hash.as_ref()));
        proof.push(login_throttle::clear(&subject));
        proof.push(in_flight.end());
        if policy != SecondFactorPolicy::Skip {
            proof.push(mfa::expect_enabled(&user.id, user.mfa_enabled));
        }
        let second = second.map(|SecondProof { method, throttle, uses }| {
            throttle.reserve(&mut proof);
            proof.expect(Guard::SecondFactorUnused, uses);
            proof.push(throttle.succeeded());
            (throttle, method)
        });
        let caller = effects.caller();
        effects.preceded_by(proof);
        let guard = match effects.run(app).await {
            Ok(answers) => {
                in_flight.ended();
                return Ok(answers);
            }
            Err(BatchError::Guard(guard)) => guard,
            Err(error) => return Err(StepUpError::Effects(error)),
        };
        Err(StepUpError::Refused(match (guard, second) {
            (Guard::PasswordUnchanged, _) => incorrect_password(),
            (Guard::MfaDisabled, _) if policy != SecondFactorPolicy::Skip => code_required(),
            (Guard::MfaEnabled, _) if policy == SecondFactorPolicy::Required => not_enabled(),
            (Guard::GuessAllowed, Some((throttle, _))) => throttle.refused(app).await,
            (Guard::MfaEnabled | Guard::SecondFactorUnused, Some((throttle, method))) => {
                failed(app, caller, &throttle, method).await
            }
            (guard, _) => return Err(StepUpError::Effects(BatchError::Guard(guard))),
        }))
    }
}

/// Returns the error for a password that is wrong, or was changed a moment ago.
pub fn incorrect_password() -> ApiError {
    ApiError::new(INCORRECT_PASSWORD, "give the account's present password")
}
