//! The invariants that the simulation checks, which hold whatever fails, each with the sentence that it stands for.

use std::fmt;

use crate::plan::Action;

macro_rules! invariants {
    ($($name:ident: $text:literal;)+) => {
        /// A property that has to hold, whatever fails.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Invariant {
            $(#[doc = $text] $name,)+
        }

        impl Invariant {
            /// Every invariant.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Returns the sentence that the invariant stands for.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}
invariants! {
    AccountsAreExplained: "Every answer about an account, its sessions, links and keys is explained by some order of the requests: what was answered 2xx is there, what was refused has no effect, what is revoked is refused at once, an old refresh token ends its session.";
    BoardsAreExplained: "Every answer about runs, the ranking and the log of changes is explained by some order of the requests: boards equal the model's ranking, and the log is complete.";
    KeyActsOnce: "An Idempotency-Key acts once: its request is done once, and every answer to it is the first one, byte for byte.";
    LimitIsNeverOver: "No window of a key's limit lets in more than the limit.";
    LimitIsNeverUnder: "Nobody is refused for a limit that has room.";
    NoFaultOfOurs: "No answer is 500.";
    UnavailableOnlyWithCause: "503, or the last known answer of a public read, is given only where something that the request asked for failed.";
    NobodyWaitsForNothing: "409 idempotency_in_progress is answered only while another request has the key, or for 90 seconds after its process died.";
    SnapshotsNeverChange: "A snapshot of a leaderboard reads the same whenever it is read.";
    LogIsAppendOnly: "What the log of changes has told stays, in its order.";
    MailIsSentOnce: "A mail is handed over again only where the provider's answer, or our note of it, was lost.";
    MailIsTheSameMail: "A mail that is handed over again has the same idempotency key and the same text.";
    MailArrives: "Every deed that tells somebody by mail does so once everything works again, and no mail tells of what was not done.";
    EventsMatchDeeds: "There is an event for every deed, and no event without its deed.";
    SecretsStayWhereTheyBelong: "No answer shows a password or a key, but the one that made the key; tokens are in the answers that give them only.";
    AccountsStayApart: "No answer to one person holds anything of another.";
    PrivateTasksStayPrivate: "No public answer names a private task.";
    ProblemsAreProblems: "Every refusal is application/problem+json with its status, a known code and the request's id.";
    ItEnds: "Every request is answered once what it waits for has passed.";
}

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The invariant that is broken.
    pub invariant: Invariant,
    /// The evidence, for people to read.
    pub how: String,
    /// The action in whose answer it showed, if any.
    pub action: Option<Action>,
    /// The number of steps after which it showed.
    pub after: usize,
}

impl Broken {
    /// Returns what identifies the failure: two lists of steps whose failures are of one kind fail in the same way.
    #[must_use]
    pub fn kind(&self) -> (Invariant, Option<Action>) {
        (self.invariant, self.action)
    }

    /// Creates a failure of this invariant, without an action.
    pub fn new(invariant: Invariant, how: impl Into<String>) -> Self {
        Self { invariant, how: how.into(), action: None, after: 0 }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}\n  {}", self.invariant, self.invariant.text(), self.how)
    }
}
