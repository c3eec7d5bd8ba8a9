//! Names of the events in the security log.

use super::wire_names::wire_names;

wire_names! {
    /// What happened to an account, or at an administrator's hands.
    SecurityEventName as "SecurityEventName" {
        /// Somebody registered.
        AccountRegistered = "account_registered",
        /// Somebody asked for another link that verifies the address.
        VerificationRequested = "verification_requested",
        /// A password was right, and the second factor is asked for.
        SecondFactorRequested = "second_factor_requested",
        /// A wrong password was given by somebody who is logged in.
        PasswordCheckFailed = "password_check_failed",
        /// The address was verified.
        EmailVerified = "email_verified",
        /// Somebody logged in.
        Login = "login",
        /// A login failed.
        LoginFailed = "login_failed",
        /// A code was wrong.
        MfaFailed = "mfa_failed",
        /// Somebody logged out.
        Logout = "logout",
        /// A session was ended by its person.
        SessionEnded = "session_ended",
        /// All sessions but one were ended by their person.
        OtherSessionsEnded = "other_sessions_ended",
        /// A refresh token came a second time, and its session ended.
        RefreshTokenReused = "refresh_token_reused",
        /// The password was changed.
        PasswordChanged = "password_changed",
        /// Somebody asked for a link that resets the password.
        PasswordResetRequested = "password_reset_requested",
        /// The password was set by a mailed link.
        PasswordReset = "password_reset",
        /// Another address was asked for.
        EmailChangeRequested = "email_change_requested",
        /// The address was changed.
        EmailChanged = "email_changed",
        /// The former address was taken back.
        EmailChangeUndone = "email_change_undone",
        /// A mail provider said that mail to the address bounces, or that its reader complains: it gets none.
        AddressUndeliverable = "address_undeliverable",
        /// An administrator let mail be sent to the address again.
        AddressDeliverable = "address_deliverable",
        /// The profile was changed.
        ProfileChanged = "profile_changed",
        /// A second factor was set up.
        MfaEnabled = "mfa_enabled",
        /// The second factor was removed.
        MfaDisabled = "mfa_disabled",
        /// Recovery codes were made.
        RecoveryCodesCreated = "recovery_codes_created",
        /// A recovery code was used.
        RecoveryCodeUsed = "recovery_code_used",
        /// An API key was created.
        ApiKeyCreated = "api_key_created",
        /// An API key was revoked.
        ApiKeyRevoked = "api_key_revoked",
        /// An API key was replaced.
        ApiKeyRotated = "api_key_rotated",
        /// An API key was changed.
        ApiKeyChanged = "api_key_changed",
        /// An API key was found in public, and revoked.
        ApiKeyLeaked = "api_key_leaked",
        /// A webhook was made.
        WebhookCreated = "webhook_created",
        /// A webhook was changed.
        WebhookChanged = "webhook_changed",
        /// A webhook got another secret.
        WebhookSecretRotated = "webhook_secret_rotated",
        /// A webhook was deleted.
        WebhookDeleted = "webhook_deleted",
        /// The data of the account was exported.
        DataExported = "data_exported",
        /// The account was deleted.
        AccountDeleted = "account_deleted",
        /// An administrator changed the role.
        RoleChanged = "role_changed",
        /// An administrator suspended or reactivated the account.
        StatusChanged = "status_changed",
        /// An administrator changed the storage quota.
        StorageQuotaChanged = "storage_quota_changed",
        /// An administrator ended every session.
        SessionsEndedByAdministrator = "sessions_ended_by_administrator",
        /// An administrator rejected a run.
        RunRejected = "run_rejected",
        /// An administrator hid a model.
        ModelHidden = "model_hidden",
        /// An administrator showed a model again.
        ModelUnhidden = "model_unhidden",
        /// An administrator renamed a model.
        ModelRenamed = "model_renamed",
        /// An administrator hid a benchmark.
        BenchmarkHidden = "benchmark_hidden",
        /// An administrator showed a benchmark again.
        BenchmarkUnhidden = "benchmark_unhidden",
        /// An administrator renamed a benchmark.
        BenchmarkRenamed = "benchmark_renamed",
        /// An administrator chose which benchmark is read where none is named, or that none is.
        BenchmarkFeatured = "benchmark_featured",
        /// An administrator had a mail sent again.
        MailSentAgain = "mail_sent_again",
    }
}
