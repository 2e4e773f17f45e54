//! Tokens that let a device log in again without its password, and without the work that checking one is.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::generate_salt;
use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use bytes::Bytes;
use proto::device::DeviceType;
use proto::ids::UserId;
use tokio::sync::Semaphore;
use tracing::warn;

use crate::store::{Account, ResumeHash, ResumeToken, Store, StoreError, UnixMillis};

/// Bytes of a token, all of them random.
pub const TOKEN: usize = 32;

/// Tokens that are written at the same time. A storm of logins waits here, and not before the messages' own commits.
const WRITES: usize = 2;

/// How long tokens are good for.
#[derive(Clone, Copy, Debug)]
pub struct ResumeLimits {
    /// From the last use on.
    pub lifetime: Duration,
    /// How long a token that was exchanged is taken again, in case the new one did not arrive.
    pub grace: Duration,
}

impl Default for ResumeLimits {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(30 * 24 * 60 * 60),
            grace: Duration::from_secs(10 * 60),
        }
    }
}

/// Gives out tokens and takes them back.
pub struct Resumes {
    store: Arc<dyn Store>,
    limits: ResumeLimits,
    writes: Semaphore,
}

impl Resumes {
    pub fn new(store: Arc<dyn Store>, limits: ResumeLimits) -> Self {
        Self {
            store,
            limits,
            writes: Semaphore::new(WRITES),
        }
    }

    /// A token for somebody who has just shown his password. None, if it can't be stored: that costs nobody his login.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    pub async fn issue(&self, account: &Account, device_type: DeviceType) -> Option<Bytes> {
        let (token, new) = self.fresh(account, device_type, UnixMillis::now());
        let _place = self.writes.acquire().await.ok()?;
        match self.store.add_resume(&new).await {
            Ok(()) => Some(token),
            Err(error) => {
                let user_id = account.user.id;
                warn!(%user_id, %error, "no resume token stored");
                None
            }
        }
    }

    /// Exchanges a token that somebody shows for a new one. `None`: it is worth nothing, for whatever reason. Without an
    /// account the same work is done.
    pub async fn exchange(
        &self,
        account: Option<&Account>,
        device_type: DeviceType,
        shown: &[u8],
    ) -> Result<Option<Bytes>, StoreError> {
        let nobody = Account::nobody();
        let somebody = account.unwrap_or(&nobody);
        if shown.len() != TOKEN {
            return Ok(None);
        }
        let now = UnixMillis::now();
        let (token, new) = self.fresh(somebody, device_type, now);
        let old = hash(shown, &somebody.password);
        let Ok(_place) = self.writes.acquire().await else {
            return Ok(None);
        };
        let grace_until = after(now, self.limits.grace);
        let exchanged = self.store.exchange_resume(&old, &new, grace_until).await?;
        Ok((exchanged && account.is_some()).then_some(token))
    }

    /// Takes the user's tokens for these types of devices away.
    pub async fn revoke(&self, user: UserId, types: &[DeviceType]) -> Result<(), StoreError> {
        self.store.revoke_resumes(user, types).await
    }

    fn fresh(
        &self,
        account: &Account,
        device_type: DeviceType,
        now: UnixMillis,
    ) -> (Bytes, ResumeToken) {
        let token = [generate_salt(), generate_salt()].concat();
        let new = ResumeToken {
            hash: hash(&token, &account.password),
            user: account.user.id,
            device_type,
            created_at: now,
            expires_at: after(now, self.limits.lifetime),
        };
        (token.into(), new)
    }
}

fn after(now: UnixMillis, wait: Duration) -> UnixMillis {
    let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    UnixMillis(now.0.saturating_add(wait))
}

/// What is stored of a token: with another password it is another one. A fast hash will do, since nobody guesses 256
/// random bits.
fn hash(token: &[u8], stored_password: &str) -> ResumeHash {
    Blake2b::<U32>::new()
        .chain_update((token.len() as u64).to_be_bytes())
        .chain_update(token)
        .chain_update(stored_password)
        .finalize()
        .into()
}
