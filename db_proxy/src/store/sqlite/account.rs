use async_trait::async_trait;
use proto::ids::UserId;
use sqlx::sqlite::SqliteConnection;

use super::user::{insert, latest};
use super::{SqliteStore, invite, request};
use crate::store::{
    AccountStore, RegisterOutcome, RegisterRefusal, Registration, RequestKey, StoreError,
};

#[async_trait]
impl AccountStore for SqliteStore {
    async fn name_is_taken(&self, name: &str) -> Result<bool, StoreError> {
        let mut connection = self.readers.acquire().await?;
        is_taken(&mut connection, name).await
    }

    async fn register(&self, new: &Registration) -> Result<RegisterOutcome, StoreError> {
        let mut transaction = self.begin().await?;
        if let Some(made) = request::made_user(&mut transaction, new.request.as_ref()).await? {
            return Ok(Ok(made));
        }
        if is_taken(&mut transaction, &new.user.profile.name).await? {
            return Ok(Err(RegisterRefusal::NameTaken));
        }
        if let Some(code) = &new.invite
            && let Err(refusal) = invite::spend(&mut transaction, code, new.at).await?
        {
            return Ok(Err(refusal.into()));
        }
        let now = self.clock.stamp_behind(latest(&mut transaction).await?);
        let users = std::slice::from_ref(&new.user);
        let made = insert(&mut transaction, users, now).await?;
        let Some(made) = made.into_values().next() else {
            return Ok(Err(RegisterRefusal::NameTaken));
        };
        request::remember_user(&mut transaction, new.request.as_ref(), made, now).await?;
        transaction.commit().await?;
        Ok(Ok(made))
    }

    async fn registered(&self, request: &RequestKey) -> Result<Option<UserId>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        request::made_user(&mut connection, Some(request)).await
    }
}

async fn is_taken(connection: &mut SqliteConnection, name: &str) -> Result<bool, StoreError> {
    let taken = sqlx::query("SELECT 1 FROM users WHERE lower(name) = lower(?) LIMIT 1")
        .bind(name)
        .fetch_optional(connection)
        .await?;
    Ok(taken.is_some())
}
