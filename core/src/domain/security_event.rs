//! What the log of security events tells of.

use serde::Serialize;
use utoipa::ToSchema;

/// What happened to an account, or at an administrator's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecurityEventName {
    /// Somebody registered.
    AccountRegistered,
    /// Somebody asked for another link that verifies the address.
    VerificationRequested,
    /// A password was right, and the second factor is asked for.
    SecondFactorRequested,
    /// A wrong password was given by somebody who is logged in.
    PasswordCheckFailed,
    /// The address was verified.
    EmailVerified,
    /// Somebody logged in.
    Login,
    /// A login failed.
    LoginFailed,
    /// A code was wrong.
    MfaFailed,
    /// Somebody logged out.
    Logout,
    /// A session was ended by its person.
    SessionEnded,
    /// All sessions but one were ended by their person.
    OtherSessionsEnded,
    /// A refresh token came a second time, and its session ended.
    RefreshTokenReused,
    /// The password was changed.
    PasswordChanged,
    /// Somebody asked for a link that resets the password.
    PasswordResetRequested,
    /// The password was set by a mailed link.
    PasswordReset,
    /// Another address was asked for.
    EmailChangeRequested,
    /// The address was changed.
    EmailChanged,
    /// The former address was taken back.
    EmailChangeUndone,
    /// The profile was changed.
    ProfileChanged,
    /// A second factor was set up.
    MfaEnabled,
    /// The second factor was removed.
    MfaDisabled,
    /// Recovery codes were made.
    RecoveryCodesCreated,
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// An API key was created.
    ApiKeyCreated,
    /// An API key was revoked.
    ApiKeyRevoked,
    /// An API key was replaced.
    ApiKeyRotated,
    /// An API key was changed.
    ApiKeyChanged,
    /// An API key was found in public, and revoked.
    ApiKeyLeaked,
    /// The data of the account was exported.
    DataExported,
    /// The account was deleted.
    AccountDeleted,
    /// An administrator changed the role.
    RoleChanged,
    /// An administrator suspended or reactivated the account.
    StatusChanged,
    /// An administrator changed the storage quota.
    StorageQuotaChanged,
    /// An administrator ended every session.
    SessionsEndedByAdministrator,
    /// An administrator rejected a run.
    RunRejected,
    /// An administrator hid a model.
    ModelHidden,
    /// An administrator showed a model again.
    ModelUnhidden,
    /// An administrator renamed a model.
    ModelRenamed,
    /// An administrator hid a benchmark.
    BenchmarkHidden,
    /// An administrator showed a benchmark again.
    BenchmarkUnhidden,
    /// An administrator renamed a benchmark.
    BenchmarkRenamed,
}
