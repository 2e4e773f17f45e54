use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use blake2::digest::consts::U16;
use blake2::{Blake2b, Digest};
use deadpool_redis::redis::Script;

use super::link::Link;
use crate::cache::{Attempt, FailureCache};
use crate::logic::limiter::{FailureLimits, network};

/// Failed logins in Redis, counted by all db_proxies together. They outlive a restart of Redis if it keeps its data.
#[derive(Clone, Debug)]
pub struct RedisFailures {
    link: Arc<Link>,
    /// The keys' first word.
    what: &'static str,
    limits: FailureLimits,
}

/// Asks, and counts or forgives, in one moment, by Redis's own clock. Each key has the moments of failures, oldest first,
/// never more than one beyond the limit. KEYS: the account from there, then, if it is known, the source.
static SETTLE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local outcome, window = ARGV[1], tonumber(ARGV[2])
         local time = redis.call('TIME')
         local now = time[1] * 1000 + math.floor(time[2] / 1000)
         local over = 0
         for i, key in ipairs(KEYS) do
             while true do
                 local oldest = redis.pcall('LINDEX', key, 0)
                 if type(oldest) == 'table' or (oldest and not tonumber(oldest)) then
                     redis.call('DEL', key)
                 elseif oldest and now - tonumber(oldest) >= window then
                     redis.call('LPOP', key)
                 else
                     break
                 end
             end
             if redis.call('LLEN', key) > tonumber(ARGV[2 + i]) then over = 1 end
         end
         if over == 1 then return 1 end
         if outcome == 'failed' then
             for _, key in ipairs(KEYS) do
                 redis.call('RPUSH', key, now)
                 redis.call('PEXPIRE', key, window)
             end
         elseif outcome == 'succeeded' then
             redis.call('DEL', KEYS[1])
         end
         return 0",
    )
});

impl RedisFailures {
    pub fn new(link: Arc<Link>, limits: FailureLimits) -> Self {
        Self::counting("failed", link, limits)
    }

    /// As `new`, for something else that is counted in the same way, under keys of its own.
    pub fn counting(what: &'static str, link: Arc<Link>, limits: FailureLimits) -> Self {
        Self { link, what, limits }
    }

    async fn settle(&self, attempt: Attempt<'_>, outcome: &str) -> Option<bool> {
        let source = attempt.source.map(network);
        let account = Blake2b::<U16>::new().chain_update(attempt.name).finalize();
        let account = u128::from_be_bytes(account.into());
        let from = source.map_or_else(String::new, |source| source.to_string());
        let window = u64::try_from(self.limits.window.as_millis()).unwrap_or(u64::MAX);
        let mut call = SETTLE.prepare_invoke();
        let what = self.what;
        call.key(self.link.key(format_args!("{what}:{account:032x}:{from}")));
        call.arg(outcome).arg(window).arg(self.limits.per_account);
        if source.is_some() {
            call.key(self.link.key(format_args!("{what}:{from}")));
            call.arg(self.limits.per_address);
        }
        let settled = self.link.ask(async |connection, _| {
            let over: i64 = call.invoke_async(connection).await?;
            Ok(over != 0)
        });
        settled.await
    }
}

#[async_trait]
impl FailureCache for RedisFailures {
    async fn refuses(&self, attempt: Attempt<'_>) -> Option<bool> {
        self.settle(attempt, "asked").await
    }

    async fn failed(&self, attempt: Attempt<'_>) -> Option<bool> {
        self.settle(attempt, "failed").await
    }

    async fn succeeded(&self, attempt: Attempt<'_>) -> Option<bool> {
        self.settle(attempt, "succeeded").await
    }
}
