//! Slows down guessing of passwords without letting a stranger lock anybody out.

use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;
use parking_lot::Mutex;

/// How many failures are borne.
#[derive(Clone, Copy, Debug)]
pub struct FailureLimits {
    /// Failures of one account from one address before it is refused unseen.
    pub per_account: usize,
    /// Failures of one address, over all names.
    pub per_address: usize,
    /// How long a failure counts.
    pub window: Duration,
    /// Accounts and addresses remembered; beyond it the least used are forgotten.
    pub capacity: u64,
}

impl Default for FailureLimits {
    fn default() -> Self {
        Self {
            per_account: 10,
            per_address: 100,
            window: Duration::from_secs(30 * 60),
            capacity: 100_000,
        }
    }
}

/// Failed logins of this process, by (account, address) and by address. Names are kept only as keyed hashes, so that
/// names of any length take the same room.
///
/// The lists are changed under a lock for a few instructions and never across an await.
#[derive(Debug)]
pub struct FailureLimiter {
    limits: FailureLimits,
    names: RandomState,
    accounts: Cache<(u64, Option<IpAddr>), Failures>,
    addresses: Cache<IpAddr, Failures>,
}

/// Moments of failures, oldest first; never more than one beyond the limit.
type Failures = Arc<Mutex<VecDeque<Instant>>>;

impl FailureLimiter {
    pub fn new(limits: FailureLimits) -> Self {
        Self {
            limits,
            names: RandomState::new(),
            accounts: cache(limits),
            addresses: cache(limits),
        }
    }

    /// Whether an attempt must be refused without a look at the password.
    pub fn refuses(&self, name: &str, source: Option<IpAddr>, now: Instant) -> bool {
        let source = source.map(network);
        let over = |failures: Option<Failures>, limit| {
            failures.is_some_and(|failures| {
                let mut failures = failures.lock();
                self.forget_old(&mut failures, now);
                failures.len() > limit
            })
        };
        over(
            self.accounts.get(&self.account(name, source)),
            self.limits.per_account,
        ) || source.is_some_and(|source| over(self.addresses.get(&source), self.limits.per_address))
    }

    /// A wrong name or password.
    pub fn failed(&self, name: &str, source: Option<IpAddr>, now: Instant) {
        let source = source.map(network);
        let account = self
            .accounts
            .get_with(self.account(name, source), Failures::default);
        self.count(&account, self.limits.per_account, now);
        if let Some(source) = source {
            let address = self.addresses.get_with(source, Failures::default);
            self.count(&address, self.limits.per_address, now);
        }
    }

    /// The right password: the account's failures from there are forgiven, the address's are not.
    pub fn succeeded(&self, name: &str, source: Option<IpAddr>) {
        let source = source.map(network);
        self.accounts.invalidate(&self.account(name, source));
    }

    fn count(&self, failures: &Failures, limit: usize, now: Instant) {
        let mut failures = failures.lock();
        self.forget_old(&mut failures, now);
        if failures.len() <= limit {
            failures.push_back(now);
        }
    }

    fn forget_old(&self, failures: &mut VecDeque<Instant>, now: Instant) {
        while let Some(oldest) = failures.front() {
            if now.saturating_duration_since(*oldest) < self.limits.window {
                break;
            }
            failures.pop_front();
        }
    }

    fn account(&self, name: &str, source: Option<IpAddr>) -> (u64, Option<IpAddr>) {
        (self.names.hash_one(name), source)
    }
}

fn cache<K: std::hash::Hash + Eq + Send + Sync + 'static>(
    limits: FailureLimits,
) -> Cache<K, Failures> {
    Cache::builder()
        .max_capacity(limits.capacity)
        // only to free memory: what counts is decided by the moments in the list
        .time_to_idle(limits.window)
        .build()
}

/// What one subscriber holds: an IPv4 address, or the /64 of an IPv6 one.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn fail(
        limiter: &FailureLimiter,
        name: &str,
        source: Option<IpAddr>,
        times: usize,
        at: Instant,
    ) {
        for _ in 0..times {
            limiter.failed(name, source, at);
        }
    }

    #[test]
    fn the_eleventh_failure_closes_the_account_for_that_address_only() {
        let limiter = FailureLimiter::new(FailureLimits::default());
        let now = Instant::now();
        let (stranger, owner) = (address("192.0.2.1"), address("192.0.2.2"));
        fail(&limiter, "anna", stranger, 10, now);
        assert!(!limiter.refuses("anna", stranger, now));
        fail(&limiter, "anna", stranger, 1, now);
        assert!(limiter.refuses("anna", stranger, now));
        assert!(!limiter.refuses("anna", owner, now));
        assert!(!limiter.refuses("bert", stranger, now));
    }

    #[test]
    fn failures_age_out_one_by_one() {
        let limiter = FailureLimiter::new(FailureLimits::default());
        let start = Instant::now();
        let source = address("192.0.2.1");
        fail(&limiter, "anna", source, 1, start);
        let later = start + Duration::from_secs(60);
        fail(&limiter, "anna", source, 10, later);
        assert!(limiter.refuses("anna", source, later));
        let window = FailureLimits::default().window;
        assert!(!limiter.refuses("anna", source, start + window));
        fail(&limiter, "anna", source, 1, start + window);
        assert!(limiter.refuses("anna", source, start + window));
        assert!(!limiter.refuses("anna", source, start + window * 3));
    }

    #[test]
    fn a_success_forgives_the_account_but_not_the_address() {
        let limits = FailureLimits {
            per_address: 20,
            ..FailureLimits::default()
        };
        let limiter = FailureLimiter::new(limits);
        let now = Instant::now();
        let source = address("192.0.2.1");
        fail(&limiter, "anna", source, 11, now);
        limiter.succeeded("anna", source);
        assert!(!limiter.refuses("anna", source, now));
        for n in 0..10 {
            fail(&limiter, &format!("guess{n}"), source, 1, now);
        }
        assert!(limiter.refuses("anybody", source, now));
        assert!(!limiter.refuses("anybody", address("192.0.2.2"), now));
    }

    #[test]
    fn one_subscriber_is_one_source() {
        let limiter = FailureLimiter::new(FailureLimits::default());
        let now = Instant::now();
        fail(&limiter, "anna", address("2001:db8::1"), 11, now);
        assert!(limiter.refuses("anna", address("2001:db8::ffff:2"), now));
        assert!(!limiter.refuses("anna", address("2001:db8:0:1::1"), now));
        fail(&limiter, "bert", address("192.0.2.1"), 11, now);
        assert!(limiter.refuses("bert", address("::ffff:192.0.2.1"), now));
    }

    #[test]
    fn without_an_address_the_account_alone_is_counted() {
        let limiter = FailureLimiter::new(FailureLimits::default());
        let now = Instant::now();
        fail(&limiter, "anna", None, 11, now);
        assert!(limiter.refuses("anna", None, now));
        assert!(!limiter.refuses("anna", address("192.0.2.1"), now));
    }
}
