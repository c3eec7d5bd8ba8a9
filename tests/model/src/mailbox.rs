//! The mails that the provider was given, and those that a person finds.

use std::collections::BTreeMap;

use aibaas_core::ports::OutboundRequest;
use serde_json::Value;

use crate::Op;

/// One mail, identified by its idempotency key.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Address of the recipient.
    pub to: String,
    /// Subject of the mail.
    pub subject: String,
    /// The token of the mail's link, and the request that asked for it.
    pub link: Option<(String, Op)>,
    body: Vec<u8>,
    /// Number of times that the mail was accepted.
    times: u32,
    /// The request that handed the mail over last, the number of the process's deaths by then, whether the answer
    /// certainly arrived, and the time in milliseconds.
    last: (Op, u32, bool, i64),
}

/// Every mail that the provider accepted.
#[derive(Default)]
pub struct Mailbox {
    mails: BTreeMap<String, Mail>,
    /// Mails that were handed over again: the key, the request that had done so before, and whether it had certainly
    /// got an answer.
    repeated: Vec<(String, Op, bool)>,
    changed: Vec<String>,
    /// The last time at which the process had stood still for long, in milliseconds.
    stood_still: i64,
}

impl Mailbox {
    /// Accepts a mail; the same key again is the same mail.
    pub fn accept(
        &mut self,
        request: &OutboundRequest,
        now: i64,
        op: Op,
        deaths: u32,
        certain: bool,
        tokens: &BTreeMap<String, Op>,
    ) {
        // A sender that took a mail before the standstill may hand it over after others have taken it, too.
        let certain = certain && now > self.stood_still + 60_000;
        let header = |name: &str| request.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.expose());
        let key = header("idempotency-key").unwrap_or_default().to_owned();
        if let Some(mail) = self.mails.get_mut(&key) {
            mail.times += 1;
            if mail.body != request.body {
                self.changed.push(key.clone());
            }
            let (before, deaths_before, was_certain, _) = mail.last;
            self.repeated.push((key, before, was_certain && deaths_before == deaths));
            mail.last = (op, deaths, certain, now);
            return;
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        let token = Some(text("text")).filter(|text| text.contains("token=")).map(|text| token_in(&text));
        let link = token.and_then(|token| tokens.get(&token).copied().map(|asked| (token, asked)));
        let to = body["to"][0].as_str().unwrap_or_default().to_owned();
        let last = (op, deaths, certain, now);
        self.mails.insert(key, Mail { to, subject: text("subject"), link, body: request.body.clone(), times: 1, last });
    }

    /// Notes that the process stood still for long: its notes about recent deliveries may come after a second delivery
    /// has begun.
    pub fn stood_still(&mut self, before: i64, now: i64) {
        self.stood_still = now;
        let recent = self.mails.values_mut().filter(|mail| mail.last.3 > before - 60_000);
        recent.for_each(|mail| mail.last.2 = false);
    }

    /// Returns every mail to this address.
    pub fn of<'a>(&'a self, address: &'a str) -> impl Iterator<Item = &'a Mail> {
        self.mails.values().filter(move |mail| mail.to == address)
    }

    /// Returns the number of mails that were accepted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.mails.len()
    }

    /// Checks whether there is no mail.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mails.is_empty()
    }

    /// Returns the number of mails that were handed over more than once.
    #[must_use]
    pub fn doubled(&self) -> usize {
        self.mails.values().filter(|mail| mail.times > 1).count()
    }

    /// Returns the keys of mails whose text changed under the same key.
    #[must_use]
    pub fn changed(&self) -> &[String] {
        &self.changed
    }

    /// Returns the mails that were handed over again: key, the request that had done so before, and whether it had
    /// certainly got an answer.
    #[must_use]
    pub fn repeated(&self) -> &[(String, Op, bool)] {
        &self.repeated
    }
}

/// Returns the token of the link in a mail's text; empty where there is none.
fn token_in(text: &str) -> String {
    let (_, rest) = text.split_once("token=").unwrap_or_default();
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.~%".contains(*c)).collect()
}
