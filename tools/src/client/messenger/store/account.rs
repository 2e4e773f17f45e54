//! Whose it is, the token to come back with, and up to where sync has told everything.

use bytes::Bytes;

use super::{LocalStore, StoreError};

impl LocalStore {
    /// Makes it this user's; an error if it is another one's.
    pub async fn belongs_to(&self, user_id: u32) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let kept: u32 = sqlx::query_scalar("SELECT user_id FROM account")
            .fetch_one(&mut *transaction)
            .await?;
        if kept != 0 && kept != user_id {
            return Err(StoreError::Foreign {
                kept,
                told: user_id,
            });
        }
        sqlx::query("UPDATE account SET user_id = ?")
            .bind(user_id)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    /// Whose it is; 0 before the first login.
    pub async fn user_id(&self) -> Result<u32, StoreError> {
        Ok(sqlx::query_scalar("SELECT user_id FROM account")
            .fetch_one(&self.pool)
            .await?)
    }

    /// What to log in with instead of the password.
    pub async fn token(&self) -> Result<Option<Bytes>, StoreError> {
        let token: Option<Vec<u8>> = sqlx::query_scalar("SELECT token FROM account")
            .fetch_one(&self.pool)
            .await?;
        Ok(token.map(Into::into))
    }

    /// Keeps another token, or none.
    pub async fn keep_token(&self, token: Option<&[u8]>) -> Result<(), StoreError> {
        sqlx::query("UPDATE account SET token = ?")
            .bind(token)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// What to ask sync with.
    pub async fn cursor(&self) -> Result<Option<Bytes>, StoreError> {
        let cursor: Option<Vec<u8>> = sqlx::query_scalar("SELECT cursor FROM account")
            .fetch_one(&self.pool)
            .await?;
        Ok(cursor.map(Into::into))
    }

    /// The time to ask for the address book with, on a server without sync.
    pub(in crate::client::messenger) async fn users_since(&self) -> Result<u32, StoreError> {
        Ok(sqlx::query_scalar("SELECT users_since FROM account")
            .fetch_one(&self.pool)
            .await?)
    }

    pub(in crate::client::messenger) async fn keep_users_since(
        &self,
        since: u32,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE account SET users_since = ?")
            .bind(since)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
