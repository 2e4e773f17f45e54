use std::sync::Arc;

use async_trait::async_trait;
use deadpool_redis::redis::cmd;

use super::link::{Link, Live};
use super::versioned;
use crate::cache::{DepartmentCache, count};
use crate::store::{Department, DepartmentId, UnixMillis};

/// The list of departments in Redis.
#[derive(Clone, Debug)]
pub struct RedisDepartments {
    link: Arc<Link>,
}

impl RedisDepartments {
    pub fn new(link: Arc<Link>) -> Self {
        Self { link }
    }

    async fn find(&self, latest: UnixMillis) -> Option<Vec<Department>> {
        let found = self.link.ask(async |connection, live| {
            // of another type is not there
            let mut get = cmd("MGET");
            get.arg(key(&self.link, live));
            get.query_async::<Vec<Option<Vec<u8>>>>(connection).await
        });
        let copy = found.await?.into_iter().next()??;
        let (version, contents) = versioned::decode(&copy)?;
        if i64::try_from(version).ok()? != latest.0 {
            return None;
        }
        decode(contents)
    }
}

#[async_trait]
impl DepartmentCache for RedisDepartments {
    async fn get(&self, latest: UnixMillis) -> Option<Vec<Department>> {
        let found = self.find(latest).await;
        count("departments", usize::from(found.is_some()), 1);
        found
    }

    async fn put(&self, departments: &[Department]) {
        let Some(copy) = encode(departments) else {
            return;
        };
        self.link
            .ask(async |connection, live| {
                let copies = [(key(&self.link, live), copy)];
                versioned::put(connection, &copies, self.link.lifetime_ms()).await
            })
            .await;
    }
}

fn key(link: &Link, live: &Live) -> String {
    link.copy_key(live, "departments")
}

/// A department as Redis has it: id, name, parent, priority, removed, time of the last change.
type Copy = (u32, String, u32, u32, bool, i64);

fn encode(departments: &[Department]) -> Option<Vec<u8>> {
    let copies: Vec<Copy> = departments
        .iter()
        .map(|d| {
            let (id, parent, at) = (d.id.0, d.parent.0, d.updated_at.0);
            (id, d.name.clone(), parent, d.priority, d.removed, at)
        })
        .collect();
    let version = u64::try_from(departments.last()?.updated_at.0).ok()?;
    let contents = serde_json::to_vec(&copies).ok()?;
    Some(versioned::encode(version, &contents))
}

fn decode(contents: &[u8]) -> Option<Vec<Department>> {
    let copies: Vec<Copy> = serde_json::from_slice(contents).ok()?;
    let department = |(id, name, parent, priority, removed, at)| Department {
        id: DepartmentId(id),
        name,
        parent: DepartmentId(parent),
        priority,
        removed,
        updated_at: UnixMillis(at),
    };
    Some(copies.into_iter().map(department).collect())
}
