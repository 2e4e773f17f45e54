use std::sync::Arc;

use proto::device::DeviceType;
use proto::ids::UserId;

use super::department::{DepartmentError, Departments};
use super::invite::Invites;
use super::password::{HashError, Passwords, client_password};
use super::user::{ChangeError, CreateRefusal, Users};
use crate::cache::{MemoryDepartments, MemoryUsers};
use crate::store::{NewUser, OpenError, Profile, ProfileChange, Store, StoreError, User, open};

/// Users per transaction, so that a running server's messages don't wait for all of them.
const BATCH: usize = 4_096;

/// Changes to accounts and departments from outside the servers, which may run on the same store meanwhile.
pub struct Admin {
    store: Arc<dyn Store>,
    users: Users,
    departments: Departments,
    invites: Invites,
    passwords: Passwords,
}

/// Why an administrator's request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error("there is no user {name:?}")]
    NoSuchUser { name: String },
    #[error("cannot create user {name:?}")]
    Create {
        name: String,
        #[source]
        refusal: CreateRefusal,
    },
    #[error("cannot change user {name:?}")]
    Change {
        name: String,
        #[source]
        error: ChangeError,
    },
    #[error(transparent)]
    Department(#[from] DepartmentError),
    #[error("cannot hash the password")]
    Hash(#[from] HashError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Admin {
    /// Opens the store the URL names, making it when missing.
    pub async fn open(store_url: &str) -> Result<Self, OpenError> {
        Ok(Self::new(open(store_url).await?))
    }

    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            users: Users::new(Arc::clone(&store), Arc::new(MemoryUsers::default())),
            departments: Departments::new(
                Arc::clone(&store),
                Arc::new(MemoryDepartments::default()),
            ),
            invites: Invites::new(Arc::clone(&store)),
            store,
            passwords: Passwords::new(),
        }
    }

    /// Adds a user with a password as a person types it. An empty nick name becomes the name.
    pub async fn add(&self, mut profile: Profile, typed: &str) -> Result<UserId, AdminError> {
        let password = self.passwords.hash(&client_password(typed)).await?;
        let name = profile.name.clone();
        if profile.nick_name.is_empty() {
            profile.nick_name.clone_from(&name);
        }
        let created = self.users.create(vec![NewUser { profile, password }]);
        match created.await?.into_iter().next() {
            Some(Ok(id)) => Ok(id),
            Some(Err(refusal)) => Err(AdminError::Create { name, refusal }),
            None => Err(AdminError::NoSuchUser { name }),
        }
    }

    /// Sets a user's password, as a person types it.
    pub async fn set_password(&self, name: &str, typed: &str) -> Result<(), AdminError> {
        let missing = || AdminError::NoSuchUser {
            name: name.to_owned(),
        };
        let account = self.store.user_by_name(name).await?.ok_or_else(missing)?;
        let hash = self.passwords.hash(&client_password(typed)).await?;
        let user = account.user.id;
        if !self.store.set_password(user, None, &hash).await? {
            return Err(missing());
        }
        // they are worth nothing any more; this only frees their room
        let types: Vec<_> = DeviceType::all().collect();
        Ok(self.store.revoke_resumes(user, &types).await?)
    }

    /// Changes a user's profile. `department` is a department's number or name, or "0" for none. Clients that ask for
    /// changes see it at once.
    pub async fn change(
        &self,
        name: &str,
        mut change: ProfileChange,
        department: Option<&str>,
    ) -> Result<(), AdminError> {
        let account = self.store.user_by_name(name).await?;
        let account = account.ok_or_else(|| AdminError::NoSuchUser {
            name: name.to_owned(),
        })?;
        // As for a new account.
        let nick = change.nick_name.as_deref();
        if nick.is_some_and(|nick| nick.trim().is_empty()) {
            change.nick_name = Some(name.to_owned());
        }
        change.department_id = match department {
            None => None,
            Some("0") => Some(0),
            Some(wanted) => Some(self.departments.find(wanted).await?.id.0),
        };
        let changed = self.users.change(account.user.id, &change).await;
        changed.map(drop).map_err(|error| AdminError::Change {
            name: name.to_owned(),
            error,
        })
    }

    /// The departments.
    pub fn departments(&self) -> &Departments {
        &self.departments
    }

    /// The invites.
    pub fn invites(&self) -> &Invites {
        &self.invites
    }

    /// A page of users by id, starting behind `after`.
    pub async fn list(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>, AdminError> {
        Ok(self.store.list_users(after, limit).await?)
    }

    /// How many users there are.
    pub async fn count(&self) -> Result<u64, AdminError> {
        Ok(self.store.count_users().await?)
    }

    /// Makes `demo1` … `demo<count>`, all with one hash of one password, and returns how many were missing. Those that
    /// exist stay as they are.
    pub async fn ensure_demo_users(&self, count: u32, typed: &str) -> Result<u32, AdminError> {
        if count == 0 {
            return Ok(0);
        }
        let hash = self.passwords.hash(&client_password(typed)).await?;
        let mut created = 0;
        for first in (1..=count).step_by(BATCH) {
            let last = count.min(first.saturating_add(BATCH as u32 - 1));
            let users = (first..=last).map(|n| demo_user(n, &hash)).collect();
            let outcomes = self.users.create(users).await?;
            created += outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u32;
        }
        Ok(created)
    }
}

fn demo_user(n: u32, hash: &str) -> NewUser {
    NewUser {
        profile: Profile {
            name: format!("demo{n}"),
            nick_name: format!("Demo {n}"),
            ..Profile::default()
        },
        password: hash.to_owned(),
    }
}
