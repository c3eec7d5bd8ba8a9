//! Guards: expectations of a batch. A statement that inserts a guard's name into `batch_guard` undoes the batch, and
//! the name comes back as that of the constraint which refused it.

use super::query::{Query, sql};
use crate::ports::Statement;

macro_rules! guards {
    ($($(#[$doc:meta])+ $guard:ident => $name:literal,)+) => {
        /// An expectation of a batch. The names are those of the constraints of `batch_guard` in `migrations/`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Guard {
            $($(#[$doc])+ $guard,)+
        }

        impl Guard {
            /// All guards.
            pub const ALL: &[Self] = &[$(Self::$guard),+];

            /// Returns the name of the guard's constraint.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$guard => $name,)+
                }
            }
        }
    };
}
guards! {
    /// The account is as it was when it was read: active, verified, and with the same password and second factor.
    AccountUnchanged => "account_unchanged",
    /// The caller's account is active.
    AccountActive => "account_active",
    /// The caller is an administrator.
    AdminRole => "admin_role",
    /// Nobody else has the address.
    AddressFree => "address_free",
    /// The key was not revoked.
    ApiKeyActive => "api_key_active",
    /// The owner has room for another change to keys within the hour.
    ApiKeyChanges => "api_key_changes",
    /// The owner has room for one more active key.
    ApiKeyLimit => "api_key_limit",
    /// The key is as it was when it was read, has no successor, and its owner has room for one.
    ApiKeyRotatable => "api_key_rotatable",
    /// The tasks of a version are those of the one that it is a part or a second scoring of.
    BaseTasks => "base_tasks",
    /// The version that another is a part or a second scoring of exists, and is whole.
    BaseWhole => "base_whole",
    /// The benchmark exists.
    BenchmarkExists => "benchmark_exists",
    /// The caller owns the benchmark.
    BenchmarkOwner => "benchmark_owner",
    /// The login challenge still waits for its code.
    ChallengeOpen => "challenge_open",
    /// Every row of the dataset has arrived.
    DatasetComplete => "dataset_complete",
    /// The deployment holds no results yet.
    DeploymentUnused => "deployment_unused",
    /// The delay of earlier failures has passed.
    GuessAllowed => "guess_allowed",
    /// The request still holds its `Idempotency-Key`.
    IdempotencyClaim => "idempotency_claim",
    /// The mailed link works and was not used.
    LinkUnused => "link_unused",
    /// The log has as many leaves as when it was read.
    LogSize => "log_size",
    /// The person has a second factor.
    MfaEnabled => "mfa_enabled",
    /// The person has no second factor.
    MfaDisabled => "mfa_disabled",
    /// The second factor that is being set up is still the one that was shown.
    MfaPending => "mfa_pending",
    /// Neither model nor benchmark is hidden.
    NotHidden => "not_hidden",
    /// Nobody else registered the address.
    OnlyRegistration => "only_registration",
    /// The password is the one that was checked.
    PasswordUnchanged => "password_unchanged",
    /// No delay and no other check keeps the password from being checked now.
    PasswordTurn => "password_turn",
    /// No result contradicts one that is stored.
    ResultsConsistent => "results_consistent",
    /// The run's results are not packed, and are as many as were read.
    ResultsUnpacked => "results_unpacked",
    /// The person has another role than the new one.
    RoleChanges => "role_changes",
    /// The run takes results.
    RunOpen => "run_open",
    /// The caller owns the run.
    RunOwner => "run_owner",
    /// The run is published.
    RunPublished => "run_published",
    /// No results came in since the run was read.
    RunUnchanged => "run_unchanged",
    /// The run matches what its seal declares.
    SealMatches => "seal_matches",
    /// The run began after it was sealed.
    SealOrder => "seal_order",
    /// The caller owns the seal.
    SealOwner => "seal_owner",
    /// No published run has the seal.
    SealUnopened => "seal_unopened",
    /// The code or recovery code was not used before.
    SecondFactorUnused => "second_factor_unused",
    /// The session exists.
    SessionExists => "session_exists",
    /// The caller's session is live.
    SessionLive => "session_live",
    /// The owner's quota has room for what is stored.
    StorageQuota => "storage_quota",
    /// The benchmark version has every task that results name.
    TasksKnown => "tasks_known",
    /// The person exists.
    UserExists => "user_exists",
    /// A version of counts does not become current before one with results.
    VersionCounts => "version_counts",
    /// The benchmark has the version.
    VersionExists => "version_exists",
    /// The benchmark has room for one more version.
    VersionLimit => "version_limit",
    /// The benchmark version is new, the same as before, or neither used by a run nor the base of another version.
    VersionReplaceable => "version_replaceable",
    /// The version is neither a part nor a second scoring of another.
    VersionWhole => "version_whole",
}

impl Guard {
    /// Finds the guard whose constraint has this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|guard| guard.name() == name)
    }

    /// Fails the batch unless the statement before changed exactly one row.
    pub(super) fn one_change(self) -> Statement {
        let query: Query<()> = sql!("guards/one_change").bind(self.name()).execute();
        query.into_statement()
    }
}
