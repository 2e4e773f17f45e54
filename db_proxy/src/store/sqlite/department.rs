use async_trait::async_trait;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::SqliteStore;
use super::row::{self, DEPARTMENT};
use crate::store::{
    Department, DepartmentId, DepartmentStore, NewDepartment, StoreError, UnixMillis,
};

#[async_trait]
impl DepartmentStore for SqliteStore {
    async fn departments_changed_since(
        &self,
        since: UnixMillis,
        limit: usize,
    ) -> Result<Vec<Department>, StoreError> {
        let sql = format!(
            "SELECT {DEPARTMENT} FROM departments WHERE updated_at_ms >= ?
             ORDER BY updated_at_ms, id LIMIT ?"
        );
        let found = sqlx::query(AssertSqlSafe(sql))
            .bind(since.0)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.readers)
            .await?;
        found.iter().map(row::department).collect()
    }

    async fn latest_department_change(&self) -> Result<UnixMillis, StoreError> {
        let mut connection = self.readers.acquire().await?;
        latest(&mut connection).await
    }

    async fn insert_department(&self, new: &NewDepartment) -> Result<DepartmentId, StoreError> {
        let mut transaction = self.begin().await?;
        let now = self.clock.stamp_behind(latest(&mut transaction).await?);
        let inserted = sqlx::query(
            "INSERT INTO departments (name, parent_id, priority, created_at_ms, updated_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?4) RETURNING id",
        )
        .bind(&new.name)
        .bind(i64::from(new.parent.0))
        .bind(i64::from(new.priority))
        .bind(now.0)
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(DepartmentId(row::int(&inserted, "id")?))
    }

    async fn remove_department(&self, id: DepartmentId) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let now = self.clock.stamp_behind(latest(&mut transaction).await?);
        let removed = sqlx::query(
            "UPDATE departments SET status = 1, updated_at_ms = ? WHERE id = ? AND status = 0",
        )
        .bind(now.0)
        .bind(i64::from(id.0))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(removed.rows_affected() > 0)
    }
}

/// The latest change of all: asked of the table, since another process may have made it.
async fn latest(connection: &mut SqliteConnection) -> Result<UnixMillis, StoreError> {
    let latest = sqlx::query("SELECT max(updated_at_ms) AS latest FROM departments")
        .fetch_one(connection)
        .await?;
    row::time(&latest, "latest")
}
