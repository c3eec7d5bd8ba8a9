//! The faults of an episode: what goes wrong, how often, and how often it did.

use std::collections::BTreeMap;

/// A fault of a call to a port, of the process, of the clock, or of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The database does not carry the call out.
    DatabaseFails,
    /// The database carries the call out, and its answer is lost.
    DatabaseFailsAfterCommit,
    /// The call waits before the database carries it out.
    DatabaseIsSlow,
    /// The database carries the call out, and its answer waits.
    DatabaseAnswersLate,
    /// The cache answers with a value that was current up to a minute ago.
    CacheIsStale,
    /// The cache has forgotten the value.
    CacheForgets,
    /// The cache cannot be reached.
    CacheFails,
    /// The mail provider refuses the mail temporarily (429 or 500).
    MailIsRefused,
    /// The request to the mail provider is lost.
    MailIsLost,
    /// The mail provider accepts the mail, and its answer is lost.
    MailAnswerIsLost,
    /// The mail provider accepts the mail, and answers late.
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

/// Number of occurrences of each fault.
pub type Counts = BTreeMap<Fault, u64>;

/// The rate of faults in an episode or a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weather {
    /// Number of calls to a port that go wrong, of a thousand.
    pub faults: u32,
}

impl Weather {
    /// The weather in which nothing goes wrong.
    pub const CALM: Self = Self { faults: 0 };

    /// Returns the weather of the episode with this seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self { faults: [0, 10, 40, 120][(seed % 4) as usize] }
    }

    /// Decides whether the next call goes wrong.
    pub fn strikes(self, random: &mut fastrand::Rng) -> bool {
        self.faults > 0 && random.u32(..1000) < self.faults
    }
}

impl Fault {
    /// The faults of a call to the database.
    pub const DATABASE: [Self; 4] =
        [Self::DatabaseFails, Self::DatabaseFailsAfterCommit, Self::DatabaseIsSlow, Self::DatabaseAnswersLate];
    /// The faults of a call to the cache.
    pub const CACHE: [Self; 3] = [Self::CacheIsStale, Self::CacheForgets, Self::CacheFails];
    /// The faults of a call to the mail provider.
    pub const MAIL: [Self; 4] = [Self::MailIsRefused, Self::MailIsLost, Self::MailAnswerIsLost, Self::MailIsSlow];
}
