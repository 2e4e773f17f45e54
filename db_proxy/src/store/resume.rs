mod held;

use async_trait::async_trait;
use proto::device::DeviceType;
use proto::ids::UserId;

use super::{StoreError, UnixMillis};

pub(super) use held::{Held, HeldToken, users_of};

/// Tokens that let a device log in again, by their hashes.
#[async_trait]
pub trait ResumeStore: Send + Sync {
    /// For each whether there is such a token for that user and type of device, good at that moment. Only reads.
    async fn good_resumes(&self, looked_for: &[ResumeLook]) -> Result<Vec<bool>, StoreError>;

    /// Keeps and exchanges tokens, one after the other, in one transaction. `wanted` is asked for each by its place once
    /// the transaction can't be kept waiting any more; what nobody wants is left out.
    async fn write_resumes(
        &self,
        writes: &[ResumeWrite],
        wanted: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Vec<ResumeOutcome>, StoreError>;

    /// Takes the user's tokens for these types away. Writes nothing if he has none.
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

/// A token that somebody shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumeLook {
    pub hash: ResumeHash,
    pub user: UserId,
    pub device_type: DeviceType,
    /// When it must not have expired.
    pub at: UnixMillis,
}

/// A token to be kept. Of more than [`MAX_RESUMES`] of a user those used longest ago go.
#[derive(Clone, Debug)]
pub struct ResumeWrite {
    pub new: ResumeToken,
    /// `None`: it was given for a password.
    pub shown: Option<ShownToken>,
}

/// The token that is exchanged for a new one of the same user and type of device. It ends when the new one is shown, or
/// at `grace_until`: whoever was not reached by the new one shows the old one again and gets another.
#[derive(Clone, Debug)]
pub struct ShownToken {
    pub hash: ResumeHash,
    pub grace_until: UnixMillis,
}

/// What became of a `ResumeWrite`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeOutcome {
    Kept,
    /// What was shown is no token, or has expired.
    NoSuchToken,
    /// Nobody wanted it any more; nothing was changed.
    Unwanted,
}
