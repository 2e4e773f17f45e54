use async_trait::async_trait;

use super::StoreError;

/// Facts about the database as a whole.
#[async_trait]
pub trait MetaStore: Send + Sync {
    /// A random number made when the database was, and anew when a backup is restored: clients that saw another one
    /// must not trust the message ids they hold.
    async fn store_epoch(&self) -> Result<u64, StoreError>;

    /// Does what the database leaves to its users to do beside everything else, for as long as it is polled; returns when
    /// there is nothing of the kind. A store does without, only less evenly. Cancel-safe.
    async fn tend(&self);
}
