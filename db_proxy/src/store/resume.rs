use async_trait::async_trait;
use proto::device::DeviceType;
use proto::ids::UserId;

use super::{StoreError, UnixMillis};

/// Tokens that let a device log in again, by their hashes.
#[async_trait]
pub trait ResumeStore: Send + Sync {
    /// Keeps a token. Of more than [`MAX_RESUMES`] of a user those used longest ago go.
    async fn add_resume(&self, new: &ResumeToken) -> Result<(), StoreError>;

    /// Exchanges a token for a new one of the same user and type of device; `false` if there is no such token, or it has
    /// expired. The old one ends when the new one is shown, or at `grace_until`: whoever was not reached by the new one
    /// shows the old one again and gets another.
    async fn exchange_resume(
        &self,
        old: &ResumeHash,
        new: &ResumeToken,
        grace_until: UnixMillis,
    ) -> Result<bool, StoreError>;

    /// Takes the user's tokens for these types away.
    async fn revoke_resumes(&self, user: UserId, types: &[DeviceType]) -> Result<(), StoreError>;
}

/// Most tokens of one user, those included that are about to end.
pub const MAX_RESUMES: usize = 16;

/// What is stored of a token.
pub type ResumeHash = [u8; 32];

/// A token as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeToken {
    pub hash: ResumeHash,
    pub user: UserId,
    pub device_type: DeviceType,
    pub created_at: UnixMillis,
    pub expires_at: UnixMillis,
}
