//! Administrators, appointed on the command line, so that the first one comes from no request.

use serde_json::json;

use super::{Operator, OperatorError};
use crate::{
    domain::{
        SecurityEventName, Timestamp, UserId,
        account::{Email, Role},
    },
    store::{
        Batch, Guard, Query,
        users::{self, User},
    },
};

impl Operator<'_> {
    /// Makes the person with a verified address an administrator. Returns false where they are one already.
    ///
    /// # Errors
    /// [`OperatorError`] when there is no such account, its address is not verified, or the database fails.
    pub async fn grant_administrator(&self, email: &Email) -> Result<bool, OperatorError> {
        let user = self.account(email).await?;
        if !user.email_verified {
            return Err(OperatorError::Unverified(user.email));
        }
        self.set_role(&user, users::promote, Role::Admin).await
    }

    /// Makes an administrator an ordinary user. Returns false where the person is not an administrator.
    ///
    /// # Errors
    /// [`OperatorError`] when there is no such account, or the database fails.
    pub async fn revoke_administrator(&self, email: &Email) -> Result<bool, OperatorError> {
        let user = self.account(email).await?;
        self.set_role(&user, users::demote, Role::User).await
    }

    /// Sets the role, and records it where that changes anything.
    async fn set_role(
        &self,
        user: &User,
        set: impl FnOnce(&UserId, Timestamp) -> Query<()>,
        role: Role,
    ) -> Result<bool, OperatorError> {
        let now = self.clock.now();
        let event = self.event(now, SecurityEventName::RoleChanged, json!({ "role": role, "by": "command line" }));
        let mut batch = Batch::new();
        batch.expect(Guard::RoleChanges, set(&user.id, now));
        batch.push(event.of(&user.id, None));
        self.run_if(Guard::RoleChanges, batch).await
    }
}
