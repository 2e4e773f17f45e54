use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use deadpool_redis::redis::cmd;

use super::link::Link;
use crate::cache::{CredentialCache, count};

/// How long a pair is kept: as long as a process remembers it by itself.
const LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Right pairs in Redis, as fingerprints under a secret that all db_proxies were given. Without it a fingerprint can be
/// neither made nor tried out against guesses, so whoever steals or fills Redis gets nothing by it.
#[derive(Clone)]
pub struct RedisCredentials {
    link: Arc<Link>,
    secret: [u8; 32],
}

impl fmt::Debug for RedisCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCredentials").finish_non_exhaustive()
    }
}

impl RedisCredentials {
    pub fn new(link: Arc<Link>, secret: &str) -> Self {
        let secret = Blake2b::<U32>::digest(secret.as_bytes()).into();
        Self { link, secret }
    }

    fn key(&self, stored: &str, received: &str) -> String {
        let fingerprint: [u8; 32] = Blake2b::<U32>::new()
            .chain_update(self.secret)
            .chain_update(self.link.settings.epoch.to_be_bytes())
            .chain_update((stored.len() as u64).to_be_bytes())
            .chain_update(stored)
            .chain_update(received)
            .finalize()
            .into();
        let (high, low) = fingerprint.split_at(16);
        let number = |half: &[u8]| half.iter().fold(0u128, |n, b| (n << 8) | u128::from(*b));
        let name = format_args!("right:{:032x}{:032x}", number(high), number(low)).to_string();
        self.link.key(name)
    }
}

#[async_trait]
impl CredentialCache for RedisCredentials {
    async fn knows(&self, stored: &str, received: &str) -> bool {
        let key = self.key(stored, received);
        let known = self.link.ask(async |connection, _| {
            let found: i64 = cmd("EXISTS").arg(&key).query_async(connection).await?;
            Ok(found > 0)
        });
        let known = known.await.unwrap_or(false);
        count("credentials", usize::from(known), 1);
        known
    }

    async fn remember(&self, stored: &str, received: &str) {
        let key = self.key(stored, received);
        self.link
            .ask(async |connection, _| {
                let mut set = cmd("SET");
                let set = set
                    .arg(&key)
                    .arg(1)
                    .arg("PX")
                    .arg(LIFETIME.as_millis() as u64);
                set.query_async::<()>(connection).await
            })
            .await;
    }
}
