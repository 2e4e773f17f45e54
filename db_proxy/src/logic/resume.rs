//! Tokens that let a device log in again without its password, and without the work that checking one is.

mod commit;

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::generate_salt;
use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use bytes::Bytes;
use im_base::telemetry::metrics::RESUMES_WITHHELD;
use metrics::counter;
use proto::device::DeviceType;
use proto::ids::UserId;

pub use commit::ResumeTask;

use super::gather::Gather;
use crate::store::{
    Account, ResumeHash, ResumeLook, ResumeOutcome, ResumeToken, ResumeWrite, ShownToken, Store,
    StoreError, UnixMillis,
};
use commit::ResumeWrites;

/// Bytes of a token, all of them random.
pub const TOKEN: usize = 32;

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
    looks: Gather<ResumeLook, bool>,
    writes: ResumeWrites,
}

/// What a token that was shown is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exchanged {
    Next(Bytes),
    /// It is good, and stays so, since no other could be stored for it now.
    Kept,
    Refused,
}

impl Resumes {
    /// The tokens are stored by the task, which has to be run.
    pub fn new(store: Arc<dyn Store>, limits: ResumeLimits) -> (Self, ResumeTask) {
        let (writes, task) = commit::queue(Arc::clone(&store));
        let resumes = Self {
            store,
            limits,
            looks: Gather::default(),
            writes,
        };
        (resumes, task)
    }

    /// A token for somebody who has just shown his password. None, if it can't be stored soon: that costs nobody his
    /// login.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    pub async fn issue(&self, account: &Account, device_type: DeviceType) -> Option<Bytes> {
        let (token, new) = self.fresh(account, device_type, UnixMillis::now());
        let written = self.writes.write(ResumeWrite { new, shown: None }).await;
        if written == Some(ResumeOutcome::Kept) {
            return Some(token);
        }
        counter!(RESUMES_WITHHELD, "login" => "password").increment(1);
        None
    }

    /// Exchanges a token that somebody shows for a new one. Whether it is good is read; a store that takes no writes
    /// keeps nobody out. Without an account the same work is done.
    pub async fn exchange(
        &self,
        account: Option<&Account>,
        device_type: DeviceType,
        shown: &[u8],
    ) -> Result<Exchanged, StoreError> {
        if shown.len() != TOKEN {
            return Ok(Exchanged::Refused);
        }
        let nobody = Account::nobody();
        let somebody = account.unwrap_or(&nobody);
        let now = UnixMillis::now();
        let hash = hash(shown, &somebody.password);
        let look = ResumeLook {
            hash,
            user: somebody.user.id,
            device_type,
            at: now,
        };
        let all = |looks: Vec<_>| async move { self.store.good_resumes(&looks).await };
        let good = self.looks.ask(look, all).await?;
        if !good || account.is_none() {
            return Ok(Exchanged::Refused);
        }
        let (token, new) = self.fresh(somebody, device_type, now);
        let grace_until = after(now, self.limits.grace);
        let shown = Some(ShownToken { hash, grace_until });
        Ok(match self.writes.write(ResumeWrite { new, shown }).await {
            Some(ResumeOutcome::Kept) => Exchanged::Next(token),
            Some(ResumeOutcome::NoSuchToken) => Exchanged::Refused,
            Some(ResumeOutcome::Unwanted) | None => {
                counter!(RESUMES_WITHHELD, "login" => "token").increment(1);
                Exchanged::Kept
            }
        })
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
