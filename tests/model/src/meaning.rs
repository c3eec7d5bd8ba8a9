//! A request, and what it means to the models.

use axum::http::Method;
use serde_json::Value;

use crate::{Op, account, board};

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Its path and query.
    pub path: String,
    /// An access token or a key.
    pub token: Option<String>,
    /// `Idempotency-Key`.
    pub once: Option<String>,
    /// A JSON body.
    pub body: Option<Value>,
}

/// How an answer is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Its status tells all.
    Status,
    /// It gives tokens; of a login.
    Login,
    /// It gives tokens.
    Refresh,
    /// A person.
    Person,
    /// A list of sessions.
    Sessions,
    /// A new key.
    NewKey,
    /// A list of keys.
    Keys,
    /// A verdict about a key.
    Verdict,
    /// A run that was opened.
    Opened,
    /// A leaderboard.
    Board,
    /// A leaderboard of an earlier snapshot.
    OldBoard,
    /// The log of changes.
    Changes,
}

/// What a request means to the models.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// To the account.
    pub account: Option<account::Ask>,
    /// To the boards.
    pub board: Option<board::Ask>,
    /// The key that it comes with.
    pub key: Option<Op>,
    /// How to read the answer.
    pub reading: Reading,
    /// Whose account is asked with: the registration that made it.
    pub owner: Op,
    /// The mail that comes of it, where it is done.
    pub mails: Option<&'static str>,
    /// Whether a password is guessed.
    pub guesses: bool,
}
