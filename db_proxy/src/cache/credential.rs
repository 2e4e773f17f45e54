use async_trait::async_trait;

/// Pairs of a stored and a received password that were found right a short while ago, shared by several db_proxies.
/// Wrong pairs are never kept. A cache that fails behaves as an empty one.
#[async_trait]
pub trait CredentialCache: Send + Sync {
    /// Whether the pair is known to be right.
    async fn knows(&self, stored: &str, received: &str) -> bool;

    /// Keeps a pair that is right.
    async fn remember(&self, stored: &str, received: &str);
}
