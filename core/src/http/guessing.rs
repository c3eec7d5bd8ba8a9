//! Growing delays against guessing (NIST SP 800-63B, 5.2.2), without giving strangers the power to lock anybody out:
//! from a network that an account knows, only guesses from that network count.

use serde_json::json;

use super::{
    client::Client,
    credentials::Person,
    passwords,
    problem::{ApiError, INCORRECT_PASSWORD, Problem, TOO_MANY_ATTEMPTS},
};
use crate::{
    app::App,
    domain::{
        Secret,
        account::{presented_password, token_hash},
    },
    ports::{DatabaseError, Rows, Statement, Timestamp},
    store::{
        EXPECT_ONE_CHANGE,
        guesses::{self, ACCOUNT, NETWORK},
        users::{self, User},
    },
};

/// One try to log in.
pub struct LoginAttempt {
    address: String,
    client_network: String,
    /// The account, as strangers see it.
    stranger: String,
    /// The account, from this network.
    acquaintance: String,
    /// The network, over all accounts.
    network: String,
    at: Timestamp,
}

impl LoginAttempt {
    /// At the account of this address, if there is one, from this client.
    pub fn new(app: &App, client: &Client, address: &str) -> Self {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let (client_network, account) = (client.network(), URL_SAFE_NO_PAD.encode(token_hash(address)));
        Self {
            address: address.to_owned(),
            stranger: format!("account:{account}"),
            acquaintance: format!("account:{account}:{client_network}"),
            network: format!("network:{client_network}"),
            client_network,
            at: app.now(),
        }
    }

    /// Counts it, in a batch that fails by its guard while a delay lasts.
    pub fn reserve(&self) -> Vec<Statement> {
        vec![
            ACCOUNT.bind(
                Statement::new(guesses::RESERVE_ACCOUNT)
                    .bind(self.stranger.as_str())
                    .bind(self.acquaintance.as_str())
                    .bind(self.address.as_str())
                    .bind(self.client_network.as_str())
                    .bind(self.at),
            ),
            Statement::new(EXPECT_ONE_CHANGE),
            NETWORK.bind(
                Statement::new(guesses::RESERVE_NETWORK)
                    .bind(self.network.as_str())
                    .bind(self.address.as_str())
                    .bind(self.client_network.as_str())
                    .bind(self.at),
            ),
            Statement::new(guesses::EXPECT_RESERVED_OR_KNOWN)
                .bind(self.address.as_str())
                .bind(self.client_network.as_str()),
        ]
    }

    /// Whose account it is, and from which network it comes, for `users::BY_EMAIL_FROM_NETWORK`.
    pub fn person(&self) -> Statement {
        Statement::new(users::BY_EMAIL_FROM_NETWORK).bind(self.address.as_str()).bind(self.client_network.as_str())
    }

    /// Why it was not let through.
    pub async fn refused(&self, app: &App) -> ApiError {
        let free_at = Statement::new(guesses::LOGIN_FREE_AT)
            .bind(self.stranger.as_str())
            .bind(self.acquaintance.as_str())
            .bind(self.address.as_str())
            .bind(self.client_network.as_str())
            .bind(self.network.as_str());
        too_many(app, NETWORK.bind(ACCOUNT.bind(free_at))).await
    }

    /// Takes it back: it was right, or was not checked at all.
    pub fn take_back(&self, network_is_known: bool) -> Vec<Statement> {
        let take_back = |subject: &str| Statement::new(guesses::TAKE_BACK).bind(subject).bind(self.at);
        if network_is_known {
            vec![take_back(&self.acquaintance)]
        } else {
            vec![take_back(&self.stranger), take_back(&self.network)]
        }
    }

    /// It was the owner: takes it back, and everything that failed from this network where the account knows it.
    pub fn succeeded(&self, network_is_known: bool) -> Vec<Statement> {
        if network_is_known {
            vec![Statement::new(guesses::CLEAR).bind(self.acquaintance.as_str())]
        } else {
            self.take_back(false)
        }
    }
}

/// Guesses of one kind at one thing: a session's password, a person's codes.
pub struct Guess {
    subject: String,
    at: Timestamp,
}

impl Guess {
    /// A guess at what `subject` names.
    pub fn new(app: &App, subject: String) -> Self {
        Self { subject, at: app.now() }
    }

    /// Counts it, in a batch that fails by its guard while a delay lasts.
    pub fn reserve(&self) -> [Statement; 2] {
        [guesses::reserve(&self.subject, ACCOUNT, self.at), Statement::new(EXPECT_ONE_CHANGE)]
    }

    /// Why it was not let through.
    pub async fn refused(&self, app: &App) -> ApiError {
        too_many(app, ACCOUNT.bind(Statement::new(guesses::FREE_AT).bind(self.subject.as_str()))).await
    }

    /// Takes it back: it was right, or was not checked at all.
    pub fn take_back(&self) -> Statement {
        Statement::new(guesses::TAKE_BACK).bind(self.subject.as_str()).bind(self.at)
    }

    /// It was right: nothing before it counts any more.
    pub fn succeeded(&self) -> Statement {
        Statement::new(guesses::CLEAR).bind(self.subject.as_str())
    }
}

async fn too_many(app: &App, free_at: Statement) -> ApiError {
    let free_at = match app.database().query(free_at).await {
        Ok(rows) => rows.into_first().and_then(|row| row.optional_integer("free_at").ok().flatten()),
        Err(error) => return error.into(),
    };
    let seconds = free_at.map_or(0, |free_at| Timestamp(free_at).ms_since(app.now()).div_ceil(1000));
    Problem::new(TOO_MANY_ATTEMPTS, "wait, or reset the password").retry_after(seconds.max(1)).into()
}

/// That a logged-in person has just given their password.
pub struct PasswordProof {
    /// The person.
    pub user: User,
    guess: Guess,
}

impl PasswordProof {
    /// The password was right, though nothing comes of it: it was no guess.
    ///
    /// # Errors
    /// Whatever the database answers.
    pub async fn release(&self, app: &App) -> Result<(), ApiError> {
        app.database().query(self.guess.succeeded()).await?;
        Ok(())
    }

    /// What every batch that relies on it starts with: it fails by a guard where the password changed meanwhile.
    pub fn statements(&self) -> Vec<Statement> {
        let hash = self.user.password_hash.as_ref().map(Secret::expose);
        vec![Statement::new(users::EXPECT_PASSWORD).bind(self.user.id.as_str()).bind(hash), self.guess.succeeded()]
    }
}

/// Asks a logged-in person for their password.
///
/// # Errors
/// `incorrect_password`, `too_many_attempts`, and what [`Person::write`] may answer.
pub async fn check_password(app: &App, person: &Person, password: &Secret) -> Result<PasswordProof, ApiError> {
    let guess = Guess::new(app, format!("session:{}", person.session_id));
    let mut batch = Vec::from(guess.reserve());
    // Who deletes an account is asked too, and deleting is what a full disk needs.
    batch.push(Statement::new(users::BY_ID).essential().bind(person.user_id.as_str()));
    let answers = match person.write(app, batch).await? {
        Err(error) if error.is_guard() => return Err(guess.refused(app).await),
        answers => answers?,
    };
    let row = answers.into_iter().next_back().and_then(Rows::into_first);
    let user = User::from_row(&row.ok_or_else(|| ApiError::internal("the person of a live session is gone"))?)?;
    match passwords::verify(app, presented_password(password), user.password_hash.clone()).await {
        Ok(true) => Ok(PasswordProof { user, guess }),
        Ok(false) => {
            app.database().query(person.event(app, "password_check_failed", json!({}))).await?;
            Err(incorrect_password())
        }
        Err(fault) => {
            app.database().query(guess.take_back()).await?;
            Err(fault)
        }
    }
}

/// The password is wrong, or was changed a moment ago.
pub fn incorrect_password() -> ApiError {
    ApiError::new(INCORRECT_PASSWORD, "give the account's present password")
}

/// What a batch that relied on a [`PasswordProof`] failed with.
pub fn unproved(error: DatabaseError) -> ApiError {
    if error.is_guard() { incorrect_password() } else { error.into() }
}
