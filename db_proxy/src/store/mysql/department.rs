use async_trait::async_trait;

use super::MySqlStore;
use super::attempt::{Repeat, attempts};
use super::meta::{Directory, lock_changes};
use super::statement::Statement;
use crate::store::row::{self, DEPARTMENT};
use crate::store::{
    Department, DepartmentId, DepartmentStore, NewDepartment, StoreError, UnixMillis,
};

#[async_trait]
impl DepartmentStore for MySqlStore {
    async fn departments_changed_since(
        &self,
        since: UnixMillis,
        limit: usize,
    ) -> Result<Vec<Department>, StoreError> {
        let sql = format!(
            "SELECT {DEPARTMENT} FROM departments WHERE updated_at_ms >= ?
             ORDER BY updated_at_ms, id LIMIT ?"
        );
        let found = Statement::new(sql)
            .bind(since.0)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        self.rows(found)
            .await?
            .iter()
            .map(row::department)
            .collect()
    }

    async fn latest_department_change(&self) -> Result<UnixMillis, StoreError> {
        let sql = "SELECT max(updated_at_ms) AS latest FROM departments";
        let latest = self.row(Statement::new(sql)).await?;
        latest.map_or(Ok(UnixMillis(0)), |latest| row::time(&latest, "latest"))
    }

    async fn insert_department(&self, new: &NewDepartment) -> Result<DepartmentId, StoreError> {
        attempts(Repeat::Undone, || self.insert_department_once(new)).await
    }

    async fn remove_department(&self, id: DepartmentId) -> Result<bool, StoreError> {
        attempts(Repeat::Undone, || self.remove_department_once(id)).await
    }
}

impl MySqlStore {
    async fn insert_department_once(
        &self,
        new: &NewDepartment,
    ) -> Result<DepartmentId, StoreError> {
        let mut transaction = self.begin().await?;
        let latest = lock_changes(&mut transaction, Directory::Departments).await?;
        let now = self.clock.stamp_behind(latest);
        let sql =
            "INSERT INTO departments (name, parent_id, priority, created_at_ms, updated_at_ms)
             VALUES (?, ?, ?, ?, ?)";
        let inserted = Statement::new(sql)
            .bind(&new.name)
            .bind(i64::from(new.parent.0))
            .bind(i64::from(new.priority))
            .bind(now.0)
            .bind(now.0)
            .insert(&mut transaction)
            .await
            .and_then(|id| row::fitting("id", id).map(DepartmentId));
        transaction.end(inserted, |_| true).await
    }

    async fn remove_department_once(&self, id: DepartmentId) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let latest = lock_changes(&mut transaction, Directory::Departments).await?;
        let now = self.clock.stamp_behind(latest);
        let sql =
            "UPDATE departments SET status = 1, updated_at_ms = ? WHERE id = ? AND status = 0";
        let removed = Statement::new(sql)
            .bind(now.0)
            .bind(i64::from(id.0))
            .execute(&mut transaction)
            .await
            .map(|removed| removed > 0);
        transaction.end(removed, |removed| *removed).await
    }
}
