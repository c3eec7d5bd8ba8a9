//! The plan of an episode: a list of steps, each with a random stream of its own.

use crate::faults::Weather;

/// Number of people.
pub const PEOPLE: usize = 3;
/// Number of clients of each person.
pub const CLIENTS: usize = 2;

/// The kind of a step: a call by a client, or an event around the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "they are calls of the API by their names")]
pub enum Action {
    Register,
    Resend,
    Verify,
    Login,
    LoginWrongly,
    Refresh,
    RefreshOld,
    Me,
    Sessions,
    EndSession,
    EndOthers,
    Logout,
    Forgot,
    Reset,
    ChangePassword,
    Delete,
    Suspend,
    Activate,
    CreateKey,
    CreateKeyOnce,
    Keys,
    RevokeKey,
    UseKey,
    BurstKey,
    OpenRun,
    OpenRunOnce,
    Upload,
    Publish,
    Withdraw,
    Board,
    OldBoard,
    Changes,
    /// The schedule runs.
    Tick,
    /// Some time passes.
    Wait,
    /// The clock jumps forward.
    Jump,
    /// The clock is set back.
    SetBack,
    /// The process dies and another starts.
    Die,
    /// A client goes away before its answer.
    Leave,
}

use Action::*;

/// The weight with which each action is drawn.
const USUAL: &[(Action, u32)] = &[
    (Register, 14),
    (Resend, 4),
    (Verify, 24),
    (Login, 60),
    (LoginWrongly, 4),
    (Refresh, 60),
    (RefreshOld, 8),
    (Me, 50),
    (Sessions, 24),
    (EndSession, 14),
    (EndOthers, 6),
    (Logout, 12),
    (Forgot, 8),
    (Reset, 10),
    (ChangePassword, 10),
    (Delete, 3),
    (Suspend, 3),
    (Activate, 8),
    (CreateKey, 16),
    (CreateKeyOnce, 40),
    (Keys, 24),
    (RevokeKey, 16),
    (UseKey, 60),
    (BurstKey, 60),
    (OpenRun, 20),
    (OpenRunOnce, 20),
    (Upload, 50),
    (Publish, 50),
    (Withdraw, 16),
    (Board, 50),
    (OldBoard, 16),
    (Changes, 16),
    (Tick, 12),
    (Wait, 60),
    (Jump, 4),
    (SetBack, 4),
    (Die, 5),
    (Leave, 8),
];

/// One step of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The step's number in its episode.
    pub number: u32,
    /// The action of the step.
    pub action: Action,
    /// The person who acts.
    pub person: usize,
    /// The client of the person.
    pub client: usize,
    /// The seed of every further random choice of the step.
    pub stream: u64,
    /// The rate of faults in the calls to ports.
    pub weather: Weather,
}

/// Returns the steps of an episode.
#[must_use]
pub fn steps(seed: u64, count: u32) -> Vec<Step> {
    let weather = Weather::of(seed);
    let total = USUAL.iter().map(|(_, weight)| weight).sum::<u32>();
    let step = |number| {
        let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (u64::from(number) << 20));
        let mut draw = random.u32(..total);
        let drawn = USUAL.iter().find(|(_, weight)| {
            let found = draw < *weight;
            draw = draw.saturating_sub(*weight);
            found
        });
        let action = drawn.map_or(Me, |(action, _)| *action);
        // Without faults no process dies, and no client goes away.
        let action = if weather == Weather::CALM && matches!(action, Die | Leave) { Me } else { action };
        let (person, client) = (random.usize(..PEOPLE), random.usize(..CLIENTS));
        Step { number, action, person, client, stream: random.u64(..), weather }
    };
    (0..count).map(step).collect()
}
