//! What administrators see and change.

use super::{
    query::{Query, sql},
    users::user_columns,
};

/// Guard: fails the batch unless the person is an administrator.
pub const EXPECT_ADMIN: &str = "INSERT INTO batch_guard (expectation) SELECT 'an administrator' \
     WHERE NOT EXISTS (SELECT 1 FROM users WHERE id = ?1 AND role = 'admin')";
/// A page of everybody, newest first, before the cursor (`?1`, `?2`).
pub const USERS: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users AS u WHERE (u.created_at, u.id) < (?1, ?2) ORDER BY u.created_at DESC, u.id DESC LIMIT ?3"
);
/// The same of those with status `?4`.
pub const USERS_BY_STATUS: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users AS u WHERE u.status = ?4 AND (u.created_at, u.id) < (?1, ?2) ORDER BY u.created_at DESC, u.id DESC LIMIT ?3"
);
/// The same of those whose address starts with `?5`, or whose name with `?7`; `?6` and `?8` are the ends of the ranges.
pub const SEARCH: &str = concat!(
    "SELECT ",
    user_columns!(),
    " FROM users AS u WHERE u.id IN (SELECT id FROM users WHERE email >= ?5 AND email < ?6 \
       UNION SELECT id FROM users WHERE full_name >= ?7 COLLATE NOCASE AND full_name < ?8 COLLATE NOCASE) \
     AND (?4 IS NULL OR u.status = ?4) AND (u.created_at, u.id) < (?1, ?2) ORDER BY u.created_at DESC, u.id DESC LIMIT ?3"
);
/// Sets what is given of status (`?2`) and role (`?3`).
pub const CHANGE: &str =
    "UPDATE users SET status = coalesce(?2, status), role = coalesce(?3, role), updated_at = ?4 WHERE id = ?1";

/// Guards that the person is an administrator: [`Guard::AdminRole`](super::Guard).
pub fn expect_admin(user_id: &str) -> Query<()> {
    sql!("admin/expect_admin").bind(user_id).execute()
}
