//! API keys, created, listed and revoked on the command line.

use serde_json::json;

use super::{Operator, OperatorError};
use crate::{
    domain::{
        ApiKeyId, SecurityEventName, Timestamp,
        account::{AccountStatus, Email, Publishing},
        api_key::ApiKey,
        api_key_settings::AskedApiKey,
    },
    store::{
        Batch, BatchError, Guard, PageBefore,
        api_keys::{self, ApiKeyRecord, OwnedApiKey},
        users::User,
        webhooks::{self, EndingKey},
    },
};

/// Number of keys that are read at a time.
const PAGE: u32 = 500;
/// A text that sorts after every UUID.
const AFTER_ALL: &str = "~";

/// A newly created key.
pub struct CreatedApiKey {
    /// The key itself, which is stored nowhere.
    pub key: ApiKey,
    /// What is stored of the key.
    pub record: ApiKeyRecord,
    /// Account that owns the key.
    pub owner: User,
}

/// A key that was revoked.
pub struct RevokedApiKey {
    /// The key and its owner.
    pub revoked: OwnedApiKey,
    /// Whether the key was active until now.
    pub was_active: bool,
}

impl Operator<'_> {
    /// Creates a key for the person with a verified address. Their role has to be one that may publish where
    /// `publishing` demands it and the key is to write.
    ///
    /// # Errors
    /// [`OperatorError`] when the key breaks rules, the person may have none, or the database fails.
    pub async fn create_api_key(
        &self,
        email: &Email,
        asked: AskedApiKey,
        publishing: Publishing,
    ) -> Result<CreatedApiKey, OperatorError> {
        let now = self.clock.now();
        let new = asked.check(now).map_err(OperatorError::InvalidApiKey)?;
        let owner = self.account(email).await?;
        if !owner.email_verified {
            return Err(OperatorError::Unverified(owner.email));
        }
        if owner.status == AccountStatus::Suspended {
            return Err(OperatorError::Suspended(owner.email));
        }
        if let Some(scope) = publishing.refused_scope(owner.role, &new.scopes) {
            return Err(OperatorError::RoleRequired { email: owner.email, role: owner.role.as_str(), scope });
        }
        let mut random = [0; 64];
        self.entropy.fill(&mut random);
        let key = ApiKey::generate(new.environment.as_str(), &random).ok_or(OperatorError::TooLittleRandomness)?;
        let record = new.into_record(self.new_id(now).into(), owner.id.clone(), &key, now);
        let event =
            self.event(now, SecurityEventName::ApiKeyCreated, json!({ "apiKeyId": record.id, "by": "command line" }));
        let mut batch = Batch::new();
        batch.expect(Guard::ApiKeyLimit, api_keys::create(&record, &key));
        batch.push(event.of(&owner.id, None));
        match batch.run(self.database).await {
            Ok(_) => Ok(CreatedApiKey { key, record, owner }),
            Err(BatchError::Guard(Guard::ApiKeyLimit)) => Err(OperatorError::TooManyApiKeys(owner.email)),
            Err(error) => Err(error.into()),
        }
    }

    /// Lists the keys of the person with an address, or everybody's, newest first.
    ///
    /// # Errors
    /// [`OperatorError`] when there is no such account, or the database fails.
    pub async fn list_api_keys(&self, email: Option<&Email>) -> Result<Vec<OwnedApiKey>, OperatorError> {
        match email {
            Some(email) => self.list_of_one(self.account(email).await?).await,
            None => self.list_of_everybody().await,
        }
    }

    async fn list_of_everybody(&self) -> Result<Vec<OwnedApiKey>, OperatorError> {
        let mut keys: Vec<OwnedApiKey> = Vec::new();
        loop {
            let before = keys.last().map_or(AFTER_ALL, |owned| owned.key.id.as_str());
            let page = api_keys::list_all(before, PAGE).run(self.database).await?;
            if page.is_empty() {
                return Ok(keys);
            }
            keys.extend(page);
        }
    }

    async fn list_of_one(&self, owner: User) -> Result<Vec<OwnedApiKey>, OperatorError> {
        let mut before = PageBefore { at: Timestamp(i64::MAX), id: AFTER_ALL.to_owned(), rows: PAGE };
        let mut keys: Vec<OwnedApiKey> = Vec::new();
        loop {
            let page = api_keys::list(&owner.id, &before).run(self.database).await?;
            let Some(last) = page.last() else { return Ok(keys) };
            (before.at, before.id) = (last.created_at, last.id.to_string());
            keys.extend(page.into_iter().map(|key| OwnedApiKey { key, owner_email: owner.email.clone() }));
        }
    }

    /// Revokes a key. Returns `None` where there is no such key.
    ///
    /// # Errors
    /// [`OperatorError`] when the database fails.
    pub async fn revoke_api_key(&self, id: &ApiKeyId) -> Result<Option<RevokedApiKey>, OperatorError> {
        let Some(revoked) = api_keys::find(id).run(self.database).await? else { return Ok(None) };
        let (key, now) = (&revoked.key, self.clock.now());
        let event =
            self.event(now, SecurityEventName::ApiKeyRevoked, json!({ "apiKeyId": key.id, "by": "command line" }));
        let mut batch = Batch::new();
        let ending = EndingKey { id: self.new_id(now).into(), key_id: key.id.as_str(), reason: "operator" };
        batch.extend(webhooks::queue_of_keys(&[ending], now));
        batch.expect(Guard::ApiKeyActive, api_keys::revoke(&key.id, &key.user_id, "operator", now));
        batch.push(event.of(&key.user_id, None));
        let was_active = self.run_if(Guard::ApiKeyActive, batch).await?;
        Ok(Some(RevokedApiKey { revoked, was_active }))
    }
}
