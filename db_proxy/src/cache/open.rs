use std::sync::Arc;
use std::time::Duration;

use im_base::shutdown::Shutdown;

use super::redis::{
    self, Address, LinkSettings, RedisCredentials, RedisDepartments, RedisFailures, RedisGroups,
    RedisUsers,
};
use super::{
    CredentialCache, DepartmentCache, FailureCache, GroupCache, MemoryDepartments, MemoryGroups,
    MemoryUsers, UserCache,
};
use crate::logic::limiter::FailureLimits;

pub use super::redis::AddressError as CacheError;
pub(crate) use super::redis::redacted;

/// How long the start of a process waits for a Redis that may be there.
const FIRST_ATTEMPT: Duration = Duration::from_millis(500);

/// What a process caches.
#[derive(Clone)]
pub struct Caches {
    pub users: Arc<dyn UserCache>,
    pub departments: Arc<dyn DepartmentCache>,
    pub groups: Arc<dyn GroupCache>,
    /// Failed logins that all db_proxies count together; `None`: each counts for itself.
    pub failures: Option<Arc<dyn FailureCache>>,
    /// Accounts made that all db_proxies count together; `None`: each counts for itself.
    pub registrations: Option<Arc<dyn FailureCache>>,
    /// Right passwords that all db_proxies know of; `None`: each knows its own.
    pub credentials: Option<Arc<dyn CredentialCache>>,
}

/// What to open.
#[derive(Clone, Debug)]
pub struct CacheSettings {
    pub url: String,
    pub password: Option<String>,
    /// Most users kept in this process.
    pub users: u64,
    pub lifetime: Duration,
    pub timeout: Duration,
    /// The store's epoch.
    pub epoch: u64,
    /// `None`: failures are not limited.
    pub failures: Option<FailureLimits>,
    /// `None`: accounts that are made are not limited.
    pub registrations: Option<FailureLimits>,
    /// Shared by all db_proxies; `None`: right passwords are not shared.
    pub login_secret: Option<String>,
}

/// What keeps copies in this process.
const MEMORY: &str = "memory:";

/// Whether a URL names a cache.
pub fn check_url(url: &str) -> Result<(), CacheError> {
    match url {
        MEMORY => Ok(()),
        url => Address::parse(url, None).map(drop),
    }
}

/// Opens the cache a URL names. A Redis that is not there is no error: it is used once it is.
pub async fn open(settings: CacheSettings, shutdown: &Shutdown) -> Result<Caches, CacheError> {
    if settings.url == MEMORY {
        return Ok(Caches {
            users: Arc::new(MemoryUsers::new(settings.users, settings.lifetime)),
            departments: Arc::new(MemoryDepartments::default()),
            groups: Arc::new(MemoryGroups::default()),
            failures: None,
            registrations: None,
            credentials: None,
        });
    }
    let (link, keeper) = redis::link(LinkSettings {
        address: Address::parse(&settings.url, settings.password.as_deref())?,
        timeout: settings.timeout,
        lifetime: settings.lifetime,
        epoch: settings.epoch,
    })?;
    let stopping = shutdown.clone();
    shutdown.background().spawn("cache", async move {
        keeper.run(stopping.stopping()).await;
    });
    redis::first_attempt(&link, FIRST_ATTEMPT).await;
    let failures = settings.failures.map(|limits| -> Arc<dyn FailureCache> {
        Arc::new(RedisFailures::new(Arc::clone(&link), limits))
    });
    let registrations = settings.registrations;
    let registrations = registrations.map(|limits| -> Arc<dyn FailureCache> {
        Arc::new(RedisFailures::counting(
            "registered",
            Arc::clone(&link),
            limits,
        ))
    });
    let credentials = settings
        .login_secret
        .map(|secret| -> Arc<dyn CredentialCache> {
            Arc::new(RedisCredentials::new(Arc::clone(&link), &secret))
        });
    Ok(Caches {
        users: Arc::new(RedisUsers::new(Arc::clone(&link))),
        departments: Arc::new(RedisDepartments::new(Arc::clone(&link))),
        groups: Arc::new(RedisGroups::new(link)),
        failures,
        registrations,
        credentials,
    })
}
