use std::net::IpAddr;

use async_trait::async_trait;

/// An attempt to log in.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The name as it was sent, of whatever length.
    pub name: &'a str,
    /// The client's own address; all that come without one are one source.
    pub source: Option<IpAddr>,
}

/// Failed logins by account and source, and by source, as [`FailureLimiter`](crate::logic::limiter::FailureLimiter)
/// counts them. `None`: it is not known now.
///
/// The answers to `failed` and `succeeded` are those of before it, taken in the same moment, so that guesses made all
/// at once learn no more than guesses made in turn.
#[async_trait]
pub trait FailureCache: Send + Sync {
    /// Whether an attempt has to be refused unseen.
    async fn refuses(&self, attempt: Attempt<'_>) -> Option<bool>;

    /// Counts a failure; whether it had to be refused.
    async fn failed(&self, attempt: Attempt<'_>) -> Option<bool>;

    /// Forgives the account's failures from there, unless the attempt had to be refused; whether it had to be.
    async fn succeeded(&self, attempt: Attempt<'_>) -> Option<bool>;
}
