use async_trait::async_trait;
use proto::device::DeviceType;
use proto::ids::UserId;
use sqlx::sqlite::SqliteRow;

use super::SqliteStore;
use super::row::{self, DEVICE};
use super::user::{existing, wanted};
use super::values::CHUNK;
use crate::store::{Device, DeviceStore, MAX_DEVICES, StoreError};

#[async_trait]
impl DeviceStore for SqliteStore {
    async fn register_device(&self, device: &Device) -> Result<bool, StoreError> {
        let user = i64::from(device.user.get());
        let mut transaction = self.begin().await?;
        if existing(&mut transaction, &[device.user]).await?.is_empty() {
            return Ok(false);
        }
        // later than the user's others, even within a millisecond, so that the oldest is known
        sqlx::query(
            "INSERT INTO devices (device_type, token, user_id, updated_at_ms)
             SELECT ?1, ?2, ?3, max(?4, 1 + coalesce(max(updated_at_ms), 0)) FROM devices WHERE user_id = ?3
             ON CONFLICT (device_type, token) DO UPDATE SET
             user_id = excluded.user_id, updated_at_ms = excluded.updated_at_ms",
        )
        .bind(i64::from(device.device_type.raw()))
        .bind(&device.token)
        .bind(user)
        .bind(self.clock.stamp().0)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "DELETE FROM devices WHERE user_id = ?1 AND updated_at_ms < (
                 SELECT min(updated_at_ms) FROM (
                     SELECT updated_at_ms FROM devices WHERE user_id = ?1
                     ORDER BY updated_at_ms DESC LIMIT ?2))",
        )
        .bind(user)
        .bind(MAX_DEVICES as i64)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn forget_devices(&self, user: UserId, types: &[DeviceType]) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        for device_type in types {
            sqlx::query("DELETE FROM devices WHERE user_id = ? AND device_type = ?")
                .bind(i64::from(user.get()))
                .bind(i64::from(device_type.raw()))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    async fn devices(&self, users: &[UserId]) -> Result<Vec<Device>, StoreError> {
        let mut devices = Vec::new();
        for chunk in users.chunks(CHUNK) {
            let found = wanted(chunk)?
                .query(|values| {
                    format!(
                        "SELECT {DEVICE} FROM devices WHERE user_id IN ({values})
                         ORDER BY updated_at_ms DESC, user_id"
                    )
                })
                .fetch_all(&self.readers)
                .await?;
            for found in &found {
                devices.push(row::device(found)?);
            }
        }
        Ok(devices)
    }

    async fn push_shield(&self, user: UserId) -> Result<Option<bool>, StoreError> {
        let found = sqlx::query("SELECT push_shield FROM users WHERE id = ?")
            .bind(i64::from(user.get()))
            .fetch_optional(&self.readers)
            .await?;
        let shield = |found: SqliteRow| row::flag(&found, "push_shield");
        found.map(shield).transpose()
    }

    async fn set_push_shield(&self, user: UserId, on: bool) -> Result<bool, StoreError> {
        let set = sqlx::query("UPDATE users SET push_shield = ? WHERE id = ?")
            .bind(i64::from(on))
            .bind(i64::from(user.get()))
            .execute(&self.writer)
            .await?;
        Ok(set.rows_affected() > 0)
    }
}
