//! What goes wrong, how often, and how often it did.

use std::collections::BTreeMap;

/// What becomes of a call to a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The database does not carry the call out.
    DatabaseFails,
    /// The database carries it out, and the answer is lost.
    DatabaseFailsAfterCommit,
    /// It waits before it is carried out.
    DatabaseIsSlow,
    /// It is carried out, and the answer waits.
    DatabaseAnswersLate,
    /// The cache answers what was true up to a minute ago.
    CacheIsStale,
    /// The cache has forgotten.
    CacheForgets,
    /// The cache cannot be reached.
    CacheFails,
    /// The mail provider refuses, to be asked again later.
    MailIsRefused,
    /// The request to the mail provider is lost.
    MailIsLost,
    /// The mail provider accepts, and its answer is lost.
    MailAnswerIsLost,
    /// The mail provider takes its time.
    MailIsSlow,
    /// The process dies, with all that it has in memory.
    ProcessDies,
    /// The clock jumps forward.
    ClockJumps,
    /// The clock is set back a little.
    ClockSetBack,
    /// A client goes away before its answer.
    ClientGone,
}

/// How often each happened.
pub type Counts = BTreeMap<Fault, u64>;

/// How rough an episode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Of a thousand calls to a port, how many go wrong.
    pub faults: u32,
}

impl Weather {
    /// Nothing goes wrong.
    pub const CALM: Self = Self { faults: 0 };

    /// Of this episode.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self { faults: [0, 10, 40, 120][(seed % 4) as usize] }
    }

    /// Whether the next call goes wrong.
    pub fn strikes(self, random: &mut fastrand::Rng) -> bool {
        self.faults > 0 && random.u32(..1000) < self.faults
    }
}

impl Fault {
    /// What may become of a call to the database.
    pub const DATABASE: [Self; 4] =
        [Self::DatabaseFails, Self::DatabaseFailsAfterCommit, Self::DatabaseIsSlow, Self::DatabaseAnswersLate];
    /// What may become of a call to the cache.
    pub const CACHE: [Self; 3] = [Self::CacheIsStale, Self::CacheForgets, Self::CacheFails];
    /// What may become of a call to the mail provider.
    pub const MAIL: [Self; 4] = [Self::MailIsRefused, Self::MailIsLost, Self::MailAnswerIsLost, Self::MailIsSlow];
}
