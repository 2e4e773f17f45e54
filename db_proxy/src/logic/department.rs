use std::sync::Arc;

use crate::store::{Department, DepartmentId, NewDepartment, Store, StoreError, UnixMillis};

/// Longest name, in characters.
pub const MAX_NAME: usize = 64;

/// Most departments of one answer, which is about what fits into a frame.
const PAGE: usize = 1_000;

/// Departments of the organisation.
#[derive(Clone)]
pub struct Departments {
    store: Arc<dyn Store>,
}

/// Why a department was not made or removed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DepartmentError {
    #[error(
        "a department's name has 1 to {MAX_NAME} characters, no control characters and no spaces around it"
    )]
    Name,
    #[error("there is no department {wanted:?}")]
    NoSuchDepartment { wanted: String },
    #[error("several departments are called {wanted:?}: name one by its number")]
    Ambiguous { wanted: String },
    #[error("department {wanted:?} has departments below it: remove those first")]
    NotEmpty { wanted: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Departments {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Departments changed in that second or later, removed ones too, in the order of their last change. Whoever asks
    /// with the greatest second he was told misses nothing, and meets that second again.
    pub async fn changed_since(&self, since_seconds: u32) -> Result<Vec<Department>, StoreError> {
        let since = UnixMillis::from_seconds(since_seconds);
        self.store.departments_changed_since(since, PAGE).await
    }

    /// All that are there, by number.
    pub async fn all(&self) -> Result<Vec<Department>, StoreError> {
        let since = UnixMillis::default();
        let mut all = self
            .store
            .departments_changed_since(since, usize::MAX)
            .await?;
        all.retain(|department| !department.removed);
        all.sort_by_key(|department| department.id);
        Ok(all)
    }

    /// Adds a department, below `parent` if that is not 0.
    pub async fn add(&self, new: NewDepartment) -> Result<DepartmentId, DepartmentError> {
        let name = new.name.as_str();
        let fits = (1..=MAX_NAME).contains(&name.chars().count());
        if !fits || name.trim() != name || name.chars().any(char::is_control) {
            return Err(DepartmentError::Name);
        }
        if new.parent != DepartmentId(0) {
            self.find(&new.parent.0.to_string()).await?;
        }
        Ok(self.store.insert_department(&new).await?)
    }

    /// Removes a department, by number or by name. It stays known to clients as removed.
    pub async fn remove(&self, wanted: &str) -> Result<DepartmentId, DepartmentError> {
        let department = self.find(wanted).await?;
        let wanted = wanted.to_owned();
        let all = self.all().await?;
        if all.iter().any(|below| below.parent == department.id) {
            return Err(DepartmentError::NotEmpty { wanted });
        }
        match self.store.remove_department(department.id).await? {
            true => Ok(department.id),
            false => Err(DepartmentError::NoSuchDepartment { wanted }),
        }
    }

    /// The department with that number, or else with that name.
    pub async fn find(&self, wanted: &str) -> Result<Department, DepartmentError> {
        let all = self.all().await?;
        let number = wanted.parse().ok().map(DepartmentId);
        let numbered = all.iter().find(|found| Some(found.id) == number);
        let mut named = all.iter().filter(|found| found.name == wanted);
        let found = match (numbered, named.next(), named.next()) {
            (Some(department), _, _) | (None, Some(department), None) => department,
            (None, Some(_), Some(_)) => {
                let wanted = wanted.to_owned();
                return Err(DepartmentError::Ambiguous { wanted });
            }
            (None, None, _) => {
                let wanted = wanted.to_owned();
                return Err(DepartmentError::NoSuchDepartment { wanted });
            }
        };
        Ok(found.clone())
    }
}
