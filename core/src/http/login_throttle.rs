//! Growing delays against guessing (NIST SP 800-63B, 5.2.2), without giving strangers the power to lock anybody out:
//! from a network that an account knows, only guesses from that network count. A password that is being checked is in
//! flight: another check waits only if the free guesses would be used up, were all those in flight wrong.

use super::{
    client::Client,
    problem::{ApiError, Problem, TOO_MANY_ATTEMPTS},
};
use crate::{
    app::App,
    domain::{Timestamp, account::token_hash},
    store::{
        Batch, Guard, Query,
        login_throttle::{self, ACCOUNT, Target},
        users::{self, LoginAccount},
    },
};

/// How long a check waits for its turn before each look at most, in milliseconds: about 15 s in all, within the
/// deadline of a request. Each look is one query; D1 allows 50 an invocation on the free plan.
const WAITS_MS: [u32; 20] =
    [50, 100, 200, 400, 800, 1200, 1200, 1200, 1200, 1200, 1200, 1200, 1200, 1200, 1200, 1200, 1200, 1200, 1200, 1200];

/// A password that is being checked. Dropped before its check has ended, since the client has gone or something failed,
/// it counts for nothing.
pub struct InFlight {
    app: App,
    target: Target,
    id: String,
    begun: bool,
    waits: std::slice::Iter<'static, u32>,
}

impl InFlight {
    /// Creates a check of a password that is guessed at the target.
    pub fn new(app: &App, target: Target) -> Self {
        Self { app: app.clone(), target, id: app.new_id(), begun: false, waits: WAITS_MS.iter() }
    }

    /// Begins the check in a batch, which fails by [`Guard::PasswordTurn`] where the check has to wait; then call
    /// [`InFlight::wait`].
    pub fn begin(&mut self, batch: &mut Batch) {
        // Set before the batch runs, since it may be carried out although its answer is lost.
        self.begun = true;
        batch.push(self.target.begin(&self.id, self.app.now()));
        batch.push(login_throttle::expect_begun());
    }

    /// Waits for the check's turn.
    ///
    /// # Errors
    /// `too_many_attempts` while a delay runs; an internal error where it takes too long.
    pub async fn wait(&mut self) -> Result<(), ApiError> {
        self.begun = false;
        loop {
            let now = self.app.now();
            let turn = self.target.turn(now).run(self.app.database()).await?;
            if turn.free_at > now {
                return Err(too_many(turn.free_at, now));
            }
            let Some(most) = self.waits.next() else {
                return Err(ApiError::unavailable("passwords are being checked for longer than a request may wait"));
            };
            if !turn.is_full {
                return Ok(());
            }
            // A random part of the wait keeps checks from all looking at the same moment.
            let half = *most / 2;
            let jitter = u32::from(u16::from_be_bytes(self.app.random())).checked_rem(half).unwrap_or_default();
            self.app.ports().timer.sleep(half.saturating_add(jitter)).await;
        }
    }

    /// Ends the check of a wrong password in a batch. After that has run, call [`InFlight::ended`].
    pub fn wrong(&self, batch: &mut Batch) {
        batch.push(login_throttle::count(&self.id, self.app.now()));
        batch.push(self.end());
    }

    /// Ends the check of a password that was right or was not checked after all. After that has run, call
    /// [`InFlight::ended`].
    pub fn end(&self) -> Query<()> {
        login_throttle::end(&self.id)
    }

    /// Returns the application that the password is checked in.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Notes that the query that ends the check has been carried out.
    pub fn ended(&mut self) {
        self.begun = false;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.begun {
            return;
        }
        let (worker, end) = (self.app.clone(), self.end());
        self.app.ports().background.spawn(Box::pin(async move {
            if let Err(error) = end.run(worker.database()).await {
                tracing::warn!(%error, "a password counts as being checked for another minute");
            }
        }));
    }
}

/// One attempt to log in.
pub struct LoginAttempt {
    address: String,
    client_network: String,
    /// Throttle subject of guesses at this account from this network.
    acquaintance: String,
    /// Check of the password.
    pub in_flight: InFlight,
}

impl LoginAttempt {
    /// Creates an attempt of this client to log in with this address, whether or not it has an account.
    pub fn new(app: &App, client: &Client, address: &str) -> Self {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let (client_network, account) = (client.network(), URL_SAFE_NO_PAD.encode(token_hash(address)));
        let acquaintance = format!("account:{account}:{client_network}");
        let target = Target::of_account(
            address,
            &client_network,
            &acquaintance,
            &format!("account:{account}"),
            &format!("network:{client_network}"),
        );
        Self { address: address.to_owned(), client_network, acquaintance, in_flight: InFlight::new(app, target) }
    }

    /// Finds the account of the address, if there is one.
    pub fn account(&self) -> Query<Option<LoginAccount>> {
        users::find_for_login(&self.address, &self.client_network)
    }

    /// Creates the batch of a right password, to which the login adds its own statements: it ends the check and, if the
    /// account knows the network, clears the failures from there. After that has run, call [`InFlight::ended`].
    pub fn succeeded(&self, network_known: bool) -> Batch {
        let clear = network_known.then(|| login_throttle::clear(&self.acquaintance));
        std::iter::once(self.in_flight.end()).chain(clear).collect()
    }
}

/// Throttle of guesses at the codes of one person, or of one login. A code is counted in the batch that acts on it.
pub struct CodeThrottle {
    subject: String,
    at: Timestamp,
}

impl CodeThrottle {
    /// Creates the throttle of a guess that is made now at what `subject` names.
    pub fn new(app: &App, subject: String) -> Self {
        Self { subject, at: app.now() }
    }

    /// Counts the guess in a batch, which fails by [`Guard::GuessAllowed`] while a delay lasts.
    pub fn reserve(&self, batch: &mut Batch) {
        batch.expect(Guard::GuessAllowed, login_throttle::reserve(&self.subject, ACCOUNT, self.at));
    }

    /// Returns the error that tells how long the delay lasts.
    pub async fn refused(&self, app: &App) -> ApiError {
        match login_throttle::free_at(&self.subject, ACCOUNT).run(app.database()).await {
            Ok(free_at) => too_many(free_at, app.now()),
            Err(error) => error.into(),
        }
    }

    /// Takes back a guess that was right.
    pub fn take_back(&self) -> Query<()> {
        login_throttle::take_back(&self.subject, self.at)
    }

    /// Clears a right guess and all wrong ones before it.
    pub fn succeeded(&self) -> Query<()> {
        login_throttle::clear(&self.subject)
    }
}

/// Refuses a guess until a later time: `too_many_attempts`.
pub fn too_many(free_at: Timestamp, now: Timestamp) -> ApiError {
    let seconds = free_at.ms_since(now).div_ceil(1000);
    Problem::new(TOO_MANY_ATTEMPTS, "wait, or reset the password").retry_after(seconds.max(1)).into()
}
