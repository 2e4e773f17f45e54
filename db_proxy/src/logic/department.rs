use std::sync::Arc;

use crate::cache::DepartmentCache;
use crate::store::{Department, DepartmentId, NewDepartment, Store, StoreError, UnixMillis};

/// Longest name, in characters.
pub const MAX_NAME: usize = 64;

/// Bytes of one answer, and of one that has to hold all changes of a second.
const ANSWER: usize = 256 * 1024;
const SECOND: usize = 900 * 1024;

/// What a department takes on the wire besides its name, rather more than less.
const NUMBERS: usize = 32;

/// More departments than fit into any answer.
const ROWS: usize = SECOND / NUMBERS;

/// Departments of the organisation.
#[derive(Clone)]
pub struct Departments {
    store: Arc<dyn Store>,
    cache: Arc<dyn DepartmentCache>,
}

/// Departments that fit into one answer: all changes of some seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepartmentPage {
    pub departments: Vec<Department>,
    /// The second to ask on with.
    pub next_seconds: u32,
}

impl DepartmentPage {
    /// As much of the changes since a second as fits.
    fn of(mut found: Vec<Department>, since_seconds: u32) -> Self {
        let second = |department: &Department| department.updated_at.seconds();
        let Some(beyond) = found.get(fitting(&found, ANSWER)).map(second) else {
            return Self {
                next_seconds: found.last().map_or(since_seconds, second),
                departments: found,
            };
        };
        let mut kept = found.partition_point(|department| second(department) < beyond);
        if kept == 0 {
            // changes have a millisecond each, so those of one second fit
            kept = found.partition_point(|department| second(department) == beyond);
            kept = kept.min(fitting(&found, SECOND));
        }
        let next_seconds = found.get(kept).map_or(beyond, second);
        found.truncate(kept);
        Self {
            departments: found,
            next_seconds,
        }
    }
}

/// How many of them fit.
fn fitting(departments: &[Department], limit: usize) -> usize {
    let mut bytes = 0;
    let too_many = departments.iter().position(|department| {
        bytes += NUMBERS + department.name.len();
        bytes > limit
    });
    too_many.unwrap_or(departments.len())
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
    pub fn new(store: Arc<dyn Store>, cache: Arc<dyn DepartmentCache>) -> Self {
        Self { store, cache }
    }

    /// Departments changed in that second or later, removed ones too, in the order of their last change. Whoever asks
    /// on with the second he is told, until it stays the same, misses nothing; he meets the last one again.
    pub async fn changed_since(&self, since_seconds: u32) -> Result<DepartmentPage, StoreError> {
        let since = UnixMillis::from_seconds(since_seconds);
        let found = if since == UnixMillis::default() {
            self.list().await?
        } else {
            // few, or none: the list itself would be more work
            self.store.departments_changed_since(since, ROWS).await?
        };
        Ok(DepartmentPage::of(found, since_seconds))
    }

    /// What a client is told that knows none yet. The store says how new the list is, the cache may have it.
    async fn list(&self) -> Result<Vec<Department>, StoreError> {
        let latest = self.store.latest_department_change().await?;
        if let Some(list) = self.cache.get(latest).await {
            return Ok(list);
        }
        let since = UnixMillis::default();
        let list = self.store.departments_changed_since(since, ROWS).await?;
        if !list.is_empty() && list.len() < ROWS {
            self.cache.put(&list).await;
        }
        Ok(list)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// So many in each of the seconds from 1 on, with the longest names.
    fn departments(counts: &[u32]) -> Vec<Department> {
        let seconds = counts.iter().zip(1i64..);
        let moments = seconds.flat_map(|(count, second)| (0..*count).map(move |_| second));
        let department = |(id, second)| Department {
            id: DepartmentId(id),
            name: "用".repeat(MAX_NAME),
            parent: DepartmentId(0),
            priority: 0,
            removed: false,
            updated_at: UnixMillis(second * 1000 + 999),
        };
        (1..).zip(moments).map(department).collect()
    }

    /// Asks on until nothing new comes; how many came with each answer.
    fn asked_on(all: &[Department]) -> Vec<usize> {
        let (mut since, mut met, mut pages) = (0, Vec::new(), Vec::new());
        loop {
            let found = all.iter().filter(|d| d.updated_at.seconds() >= since);
            let page = DepartmentPage::of(found.take(ROWS).cloned().collect(), since);
            let wire = page.departments.len() * (MAX_NAME * 3 + NUMBERS);
            assert!(wire <= SECOND);
            pages.push(page.departments.len());
            met.extend(page.departments);
            if page.next_seconds == since {
                break;
            }
            since = page.next_seconds;
        }
        met.dedup_by_key(|department| department.id);
        met.sort_by_key(|department| department.id);
        met.dedup();
        assert_eq!(met, all, "nobody is missed");
        pages
    }

    #[test]
    fn an_answer_ends_between_two_seconds() {
        assert_eq!(asked_on(&[]), [0]);
        assert_eq!(asked_on(&departments(&[3])), [3, 3]);
        assert_eq!(asked_on(&departments(&[500, 500])), [1000, 500]);
        assert_eq!(asked_on(&departments(&[500, 500, 500])), [1000, 500]);
        assert_eq!(asked_on(&departments(&[900, 900, 2])), [900, 902, 2]);
    }

    #[test]
    fn a_second_with_more_than_an_answer_comes_whole() {
        assert_eq!(asked_on(&departments(&[4_000, 1])), [4_000, 1]);
        assert_eq!(asked_on(&departments(&[1, 4_000])), [1, 4_000]);
        assert_eq!(asked_on(&departments(&[4_000])), [4_000, 4_000]);
    }
}
