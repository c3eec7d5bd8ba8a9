//! Changes of address that can still be undone. While one can, the former address is kept for its account.

/// How long, in seconds.
pub const SECONDS: i64 = 72 * 3600;

/// A link that undoes a change.
pub const ADD: &str = include_str!("sql/email_undos/add.sql");
/// Uses it.
pub const USE: &str = include_str!("sql/email_undos/use.sql");
/// Kills the person's other links.
pub const END_TOKENS: &str = include_str!("sql/email_undos/end_tokens.sql");
/// Kills the links that undo later changes.
pub const END_LATER: &str = include_str!("sql/email_undos/end_later.sql");
/// A link to reset the password.
pub const ADD_RESET: &str = include_str!("sql/email_undos/add_reset.sql");
/// Removes an authenticator that may be the thief's.
pub const FORGET_FACTOR: &str = include_str!("sql/email_undos/forget_factor.sql");
/// The same of recovery codes.
pub const FORGET_RECOVERY_CODES: &str = include_str!("sql/email_undos/forget_recovery_codes.sql");
/// Logins that wait for a second factor are gone.
pub const FORGET_CHALLENGES: &str = include_str!("sql/email_undos/forget_challenges.sql");
/// Moves the account back.
pub const RESTORE: &str = include_str!("sql/email_undos/restore.sql");
/// Guard: a new address is kept for nobody else.
pub const EXPECT_FREE: &str = include_str!("sql/email_undos/expect_free.sql");
/// Forgets what cannot be undone any more.
pub const EXPIRE: &str = include_str!("sql/email_undos/expire.sql");
