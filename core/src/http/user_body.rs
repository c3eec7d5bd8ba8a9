use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{
        Timestamp, UserId,
        account::{Email, Role},
        undeliverable::{Undeliverable, UndeliverableCause},
    },
    store::users::User,
};

/// A person, as they see themselves.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct UserBody {
    id: UserId,
    #[schema(value_type = Email)]
    email: String,
    #[schema(min_length = 1, max_length = 200, example = "Ada Lovelace")]
    full_name: Option<String>,
    email_verified: bool,
    role: Role,
    mfa_enabled: bool,
    created_at: Timestamp,
    /// Why no mail is sent to the address; null: mail is sent.
    undeliverable: Option<UndeliverableBody>,
    notices: NoticesBody,
}

/// What a person is told of by mail. What concerns the safety of the account is told in any case.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NoticeSettings)]
struct NoticesBody {
    /// That an API key expires: 30, 7 and 1 days before.
    key_expiry: bool,
    /// That an API key reached its limit: once a day at most.
    key_limits: bool,
    /// That somebody logged in from a network that the person was not seen in before.
    new_networks: bool,
}

/// That no mail is sent to an address, until it is verified anew.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UndeliverableAddress)]
struct UndeliverableBody {
    cause: UndeliverableCause,
    since: Timestamp,
    /// When its person last asked for a mail that verifies it anew: once a day they may.
    verification_sent_at: Option<Timestamp>,
}

impl From<Undeliverable> for UndeliverableBody {
    fn from(told: Undeliverable) -> Self {
        Self { cause: told.cause, since: told.since, verification_sent_at: told.asked_at }
    }
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            email: user.email,
            full_name: user.full_name,
            email_verified: user.email_verified,
            role: user.role,
            mfa_enabled: user.mfa_enabled,
            created_at: user.created_at,
            undeliverable: user.undeliverable.map(Into::into),
            notices: NoticesBody {
                key_expiry: user.tell_key_expiry,
                key_limits: user.tell_key_limits,
                new_networks: user.tell_new_networks,
            },
        }
    }
}
