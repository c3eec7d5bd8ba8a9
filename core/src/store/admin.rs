//! What administrators see and change of accounts.

use super::{
    own_runs::OwnRun,
    query::{PageBefore, Query, sql},
    users::User,
};
use crate::domain::{
    Timestamp, UserId,
    account::{AccountStatus, Role},
    run_status::RunStatus,
};

/// Filter of a list of accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Beginning of the address or of the name.
    pub prefix: Option<String>,
    /// Status of the account.
    pub status: Option<AccountStatus>,
}

/// Lists accounts, newest first.
pub fn list_users(filter: &UserFilter, page: &PageBefore) -> Query<Vec<User>> {
    let status = filter.status.map(AccountStatus::as_str);
    let sql = match (&filter.prefix, status) {
        (Some(prefix), status) => {
            let end = |start: &str| format!("{start}{}", char::MAX);
            let address = prefix.to_lowercase();
            sql!("admin/search_users")
                .bind_page(page)
                .bind(status)
                .bind(address.as_str())
                .bind(end(&address))
                .bind(prefix.as_str())
                .bind(end(prefix))
        }
        (None, Some(status)) => sql!("admin/list_users_by_status").bind_page(page).bind(status),
        (None, None) => sql!("admin/list_users").bind_page(page),
    };
    sql.all(User::from_row)
}

/// Sets a person's status and role, each where one is given.
pub fn change_user(id: &UserId, status: Option<AccountStatus>, role: Option<Role>, now: Timestamp) -> Query<()> {
    let sql = sql!("admin/change_user").bind(id).bind(status.map(AccountStatus::as_str)).bind(role.map(Role::as_str));
    sql.bind(now).execute()
}

/// Lists the runs that were published and have this status now, latest publication first.
pub fn list_runs(status: RunStatus, page: &PageBefore) -> Query<Vec<OwnRun>> {
    sql!("admin/list_runs").bind(status.as_str()).bind_page(page).all(OwnRun::from_row)
}

/// Guards that the person is an administrator: [`Guard::AdminRole`](super::Guard).
pub fn expect_admin(user_id: &UserId) -> Query<()> {
    sql!("admin/expect_admin").bind(user_id).execute()
}
