//! Caches in this process. Their lifetime bounds how long another process's change of a profile stays unseen.

mod department;
mod failure;
mod group;
mod user;

pub use department::MemoryDepartments;
pub use failure::MemoryFailures;
pub use group::MemoryGroups;
pub use user::MemoryUsers;
