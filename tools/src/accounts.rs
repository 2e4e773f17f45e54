//! Accounts and departments, made and changed on the store itself: no server has to run for it, and all may.

use db_proxy::logic::admin::{Admin, AdminError};
use db_proxy::logic::invite::Invites;
use db_proxy::store::{
    self, Department, DepartmentId, NewDepartment, OpenError, Profile, ProfileChange, User,
};

/// The password of every demo user.
pub const DEMO_PASSWORD: &str = "demo";

/// Users that are fetched at once.
const PAGE: usize = 1000;

/// The accounts of one store.
pub struct Accounts {
    admin: Admin,
}

impl Accounts {
    /// Opens the store, creating what is missing and bringing its tables up to date.
    pub async fn open(store: &str) -> Result<Self, OpenError> {
        Self::open_with(store, None).await
    }

    /// As [`open`](Self::open); `password` stands in for one in the URL.
    pub async fn open_with(store: &str, password: Option<&str>) -> Result<Self, OpenError> {
        Ok(Self {
            admin: Admin::new(store::open_with(store, password).await?),
        })
    }

    /// Adds a user with a plain password and returns the id. An empty nick becomes the name.
    pub async fn add(&self, name: &str, nick: &str, password: &str) -> Result<u32, AdminError> {
        let profile = Profile {
            name: name.to_owned(),
            nick_name: nick.to_owned(),
            ..Profile::default()
        };
        Ok(self.admin.add(profile, password).await?.get())
    }

    /// Changes a user's password.
    pub async fn set_password(&self, name: &str, password: &str) -> Result<(), AdminError> {
        self.admin.set_password(name, password).await
    }

    /// Changes a user's profile; `department` is a number or a name, "0" for none.
    pub async fn change(
        &self,
        name: &str,
        change: ProfileChange,
        department: Option<&str>,
    ) -> Result<(), AdminError> {
        self.admin.change(name, change, department).await
    }

    /// Adds a department, below `parent` (a number or a name) if one is given.
    pub async fn add_department(
        &self,
        name: &str,
        parent: Option<&str>,
        priority: u32,
    ) -> Result<u32, AdminError> {
        let departments = self.admin.departments();
        let parent = match parent {
            Some(parent) => departments.find(parent).await?.id,
            None => DepartmentId(0),
        };
        let new = NewDepartment {
            name: name.to_owned(),
            parent,
            priority,
        };
        Ok(departments.add(new).await?.0)
    }

    /// The departments that are there, by number.
    pub async fn departments(&self) -> Result<Vec<Department>, AdminError> {
        Ok(self.admin.departments().all().await?)
    }

    /// Removes a department, by number or by name, and returns its number.
    pub async fn remove_department(&self, wanted: &str) -> Result<u32, AdminError> {
        Ok(self.admin.departments().remove(wanted).await?.0)
    }

    /// The invites.
    pub fn invites(&self) -> &Invites {
        self.admin.invites()
    }

    /// Hands every user to `each`, by id, without holding all of them.
    pub async fn for_each(&self, mut each: impl FnMut(&User)) -> Result<(), AdminError> {
        let mut after = None;
        loop {
            let page = self.admin.list(after, PAGE).await?;
            page.iter().for_each(&mut each);
            match page.last() {
                Some(last) if page.len() >= PAGE => after = Some(last.id),
                _ => return Ok(()),
            }
        }
    }

    /// Makes the missing ones of `demo1` … `demo<count>` and says how many were missing.
    pub async fn ensure_demo_users(&self, count: u32) -> Result<u32, AdminError> {
        self.admin.ensure_demo_users(count, DEMO_PASSWORD).await
    }
}
