//! Links mailed to people, each of which works once. Only the SHA-256 of a link's token is stored.

use super::{
    query::{Query, Sql, sql},
    users::User,
};
use crate::domain::{Secret, Timestamp, UserId};

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Purpose {
    /// To prove the address of a registration.
    VerifyEmail,
    /// To set another password.
    ResetPassword,
    /// To move the account to a new address.
    ChangeEmail,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
            Self::ChangeEmail => "change_email",
        }
    }
}

/// A link that is to be added.
pub struct NewLink {
    /// SHA-256 of the link's token.
    pub hash: Vec<u8>,
    /// When the link is added.
    pub created_at: Timestamp,
    /// When the link expires.
    pub expires_at: Timestamp,
}

impl NewLink {
    pub(super) fn bind(&self, sql: Sql) -> Sql {
        sql.bind(self.hash.as_slice()).bind(self.created_at).bind(self.expires_at)
    }
}

/// Adds another verification link for the newest registration of an address from the network of whoever asks, where the
/// address is not verified yet.
pub fn add_another_verification(email: &str, network: &str, link: &NewLink) -> Query<()> {
    link.bind(sql!("links/add_another_verification").bind(email)).bind(network).execute()
}

/// Adds a link that verifies a person's address anew, where the statement before changed a row.
pub fn add_anew_if_changed(user_id: &UserId, link: &NewLink) -> Query<()> {
    link.bind(sql!("links/add_anew_if_changed").bind(user_id)).execute()
}

/// Adds a link to reset the password of the address's account, if there is one and it got fewer than five within the
/// hour.
pub fn add_reset(email: &str, link: &NewLink) -> Query<()> {
    link.bind(sql!("links/add_reset").bind(email)).execute()
}

/// Uses a link once; changes nothing where its person is suspended.
pub fn use_once(hash: &[u8], purpose: Purpose, now: Timestamp) -> Query<()> {
    sql!("links/use_once").bind(hash).bind(now).bind(purpose.name()).execute()
}

/// Finds the person of a link that is still valid.
pub fn live_person(hash: &[u8], purpose: Purpose, now: Timestamp) -> Query<Option<User>> {
    sql!("links/live_person").bind(hash).bind(purpose.name()).bind(now).optional(User::from_row)
}

/// Reads the person of a link that the same batch has used.
pub fn person(hash: &[u8]) -> Query<User> {
    sql!("links/person").bind(hash).one(User::from_row)
}

/// Finds the registration of a verification link that is still valid, and reads the hash of the password that it chose.
pub fn registration(hash: &[u8], now: Timestamp) -> Query<Option<Option<Secret>>> {
    let find = sql!("links/registration").bind(hash).bind(now);
    find.optional(|row| Ok(row.optional_text("password_hash")?.map(Secret::new)))
}

/// Guards that no other registration of the link's address can be confirmed:
/// [`Guard::OnlyRegistration`](super::Guard).
pub fn expect_only_registration(hash: &[u8], now: Timestamp) -> Query<()> {
    sql!("links/expect_only_registration").bind(hash).bind(now).execute()
}

/// Ends every link of a link's person.
pub fn end_of_link(hash: &[u8], now: Timestamp) -> Query<()> {
    sql!("links/end_of_link").bind(hash).bind(now).execute()
}

/// Ends every link of a person.
pub fn end_of_user(user_id: &UserId, now: Timestamp) -> Query<()> {
    sql!("links/end_of_user").bind(user_id).bind(now).execute()
}
