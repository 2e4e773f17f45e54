use async_trait::async_trait;
use proto::device::DeviceType;
use proto::ids::UserId;
use sqlx::MySqlConnection;

use super::MySqlStore;
use super::attempt::{Repeat, attempts};
use super::statement::{CHUNK, Statement, list, padded};
use crate::store::row::{self, DEVICE};
use crate::store::{Device, DeviceStore, MAX_DEVICES, StoreError, UnixMillis};

#[async_trait]
impl DeviceStore for MySqlStore {
    async fn register_device(&self, device: &Device) -> Result<bool, StoreError> {
        attempts(Repeat::Harmless, || async {
            let mut transaction = self.begin().await?;
            let registered = register(&mut transaction, device, self.clock.stamp()).await;
            transaction.end(registered, |registered| *registered).await
        })
        .await
    }

    async fn forget_devices(&self, user: UserId, types: &[DeviceType]) -> Result<(), StoreError> {
        for device_type in types {
            let sql = "DELETE FROM devices WHERE user_id = ? AND device_type = ?";
            let forget = Statement::new(sql)
                .bind(i64::from(user.get()))
                .bind(i64::from(device_type.raw()));
            self.execute(forget).await?;
        }
        Ok(())
    }

    async fn devices(&self, users: &[UserId]) -> Result<Vec<Device>, StoreError> {
        let mut devices = Vec::new();
        for chunk in users.chunks(CHUNK) {
            let users = padded(chunk);
            let sql = format!(
                "SELECT {DEVICE} FROM devices WHERE user_id IN ({})
                 ORDER BY updated_at_ms DESC, user_id",
                list(users.len())
            );
            let found = Statement::new(sql).bind_all(users, |row, user| {
                row.add(i64::from(user.get()));
            });
            for found in &self.rows(found).await? {
                devices.push(row::device(found)?);
            }
        }
        Ok(devices)
    }

    async fn push_shield(&self, user: UserId) -> Result<Option<bool>, StoreError> {
        let found = Statement::new("SELECT push_shield FROM users WHERE id = ?");
        let found = self.row(found.bind(i64::from(user.get()))).await?;
        found
            .map(|found| row::flag(&found, "push_shield"))
            .transpose()
    }

    async fn set_push_shield(&self, user: UserId, on: bool) -> Result<bool, StoreError> {
        let set = Statement::new("UPDATE users SET push_shield = ? WHERE id = ?")
            .bind(i64::from(on))
            .bind(i64::from(user.get()));
        Ok(self.execute(set).await? > 0)
    }
}

/// The user's row is held, so that of two tokens registered at once one comes after the other.
async fn register(
    connection: &mut MySqlConnection,
    device: &Device,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    let user = i64::from(device.user.get());
    let held = Statement::new("SELECT id FROM users WHERE id = ? FOR UPDATE").bind(user);
    if held.first(connection).await?.is_none() {
        return Ok(false);
    }
    let sql =
        "SELECT updated_at_ms FROM devices WHERE user_id = ? ORDER BY updated_at_ms DESC LIMIT 1";
    let latest = Statement::new(sql).bind(user).first(connection).await?;
    let latest = latest.map_or(Ok(0), |latest| row::int(&latest, "updated_at_ms"))?;
    // later than the user's others, even within a millisecond, so that the oldest is known
    let sql = "INSERT INTO devices (device_type, token, user_id, updated_at_ms) VALUES (?, ?, ?, ?)
               ON DUPLICATE KEY UPDATE user_id = VALUES(user_id), updated_at_ms = VALUES(updated_at_ms)";
    Statement::new(sql)
        .bind(i64::from(device.device_type.raw()))
        .bind(&device.token)
        .bind(user)
        .bind(now.0.max(latest + 1))
        .execute(connection)
        .await?;
    let sql = "SELECT updated_at_ms FROM devices WHERE user_id = ?
               ORDER BY updated_at_ms DESC LIMIT 1 OFFSET ?";
    let oldest = Statement::new(sql)
        .bind(user)
        .bind(MAX_DEVICES as i64 - 1)
        .first(connection)
        .await?;
    if let Some(oldest) = oldest {
        Statement::new("DELETE FROM devices WHERE user_id = ? AND updated_at_ms < ?")
            .bind(user)
            .bind(row::int::<i64>(&oldest, "updated_at_ms")?)
            .execute(connection)
            .await?;
    }
    Ok(true)
}
