//! Requests, and what they mean to the models.

use axum::http::Method;
use serde_json::Value;

use crate::{Op, account, board};

/// A request to the API.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method of the request.
    pub method: Method,
    /// Path and query of the request.
    pub path: String,
    /// An access token or an API key.
    pub token: Option<String>,
    /// The header `Idempotency-Key`.
    pub once: Option<String>,
    /// The JSON body.
    pub body: Option<Value>,
}

/// The way in which a successful answer is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Only the status matters.
    Status,
    /// The tokens of a new session.
    Login,
    /// The tokens of a refreshed session.
    Refresh,
    /// An account.
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

/// A request as the models see it.
#[derive(Clone, Debug)]
pub struct Meaning {
    /// The request to the account's model.
    pub account: Option<account::Ask>,
    /// The request to the board's model.
    pub board: Option<board::Ask>,
    /// The request that made the key which the request comes with.
    pub key: Option<Op>,
    /// How to read the answer.
    pub reading: Reading,
    /// The registration of the account that the request comes from.
    pub owner: Op,
    /// The subject of the mail that the request causes, where it is carried out.
    pub mails: Option<&'static str>,
    /// Whether the request may guess a password.
    pub guesses: bool,
}
