use async_trait::async_trait;

use super::{StoreError, UnixMillis};

/// Invites: codes that allow somebody to make an account. Only hashes of them are kept.
#[async_trait]
pub trait InviteStore: Send + Sync {
    /// Adds an invite. The same one again replaces it.
    async fn add_invite(&self, invite: &Invite) -> Result<(), StoreError>;

    /// The invite with that code.
    async fn invite(&self, code: &InviteHash) -> Result<Option<Invite>, StoreError>;

    /// All of them, the oldest first, used up and expired ones included.
    async fn invites(&self) -> Result<Vec<Invite>, StoreError>;

    /// Removes an invite; `false` if there was none.
    async fn revoke_invite(&self, code: &InviteHash) -> Result<bool, StoreError>;
}

/// What is stored of a code.
pub type InviteHash = [u8; 32];

/// An invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    pub code: InviteHash,
    pub created_at: UnixMillis,
    /// `None`: never.
    pub expires_at: Option<UnixMillis>,
    /// How many accounts can still be made with it.
    pub uses_left: u32,
    /// What the operator wants to remember of it.
    pub note: String,
}

/// Why an invite is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InviteRefusal {
    #[error("there is no such invite")]
    Unknown,
    #[error("the invite has expired")]
    Expired,
    #[error("the invite is used up")]
    UsedUp,
}

impl Invite {
    /// Whether an account can be made with it at that moment.
    pub fn check(&self, now: UnixMillis) -> Result<(), InviteRefusal> {
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(InviteRefusal::Expired);
        }
        match self.uses_left {
            0 => Err(InviteRefusal::UsedUp),
            _ => Ok(()),
        }
    }
}
