//! Stored forms of a password, and checking against them without letting a storm of logins melt the machine.
//!
//! What is hashed here is what the client sends; stock clients send the lower-case hex MD5 of what was typed.

mod format;
mod hashing;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::generate_salt;
use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};
use moka::sync::Cache;
use tokio::sync::OnceCell;

use crate::cache::CredentialCache;

pub use format::client_password;
pub use hashing::HashError;

use format::Verdict;
use hashing::Hashing;

/// How long a right password is remembered, and how many are.
const REMEMBERED_FOR: Duration = Duration::from_secs(10 * 60);
const REMEMBERED: u64 = 100_000;

/// Makes and checks stored passwords.
///
/// Right answers are remembered for a while, and checks of the same pair that run at the same time become one. Wrong
/// answers are not remembered: an answer that comes fast would tell a guesser something.
pub struct Passwords {
    hashing: Hashing,
    checks: Cache<Fingerprint, Arc<OnceCell<Verdict>>>,
    /// What other db_proxies found right; `None`: nothing is shared.
    shared: Option<Arc<dyn CredentialCache>>,
    /// Never leaves the process, so a fingerprint is worth nothing outside it.
    secret: [[u8; 16]; 2],
}

type Fingerprint = [u8; 32];

/// Whether a password was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    Right,
    /// Right, but stored in an old form: store this one instead.
    RightUpgrade(Arc<str>),
    Wrong,
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new()
    }
}

impl Passwords {
    /// # Panics
    /// When the system has no randomness to give.
    pub fn new() -> Self {
        Self::sharing(None)
    }

    /// As `new`, with other db_proxies that may know a pair already.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    pub fn sharing(shared: Option<Arc<dyn CredentialCache>>) -> Self {
        let checks = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(REMEMBERED_FOR)
            .build();
        Self {
            hashing: Hashing::new(),
            checks,
            shared,
            secret: [generate_salt(), generate_salt()],
        }
    }

    /// The form to store of a password as received.
    pub async fn hash(&self, received: &str) -> Result<String, HashError> {
        let received = received.to_owned();
        self.hashing.run(move || format::hash(&received)).await?
    }

    /// Checks a password as received against its stored form. A form nobody knows is never right.
    pub async fn check(&self, stored: &str, received: &str) -> Result<Checked, HashError> {
        let fingerprint = self.fingerprint("stored", stored, received);
        let verdict = self
            .once(fingerprint, || self.find_out(stored, received))
            .await?;
        Ok(match verdict {
            Verdict::Right => Checked::Right,
            Verdict::RightUpgrade(hash) => Checked::RightUpgrade(hash),
            Verdict::Wrong => Checked::Wrong,
        })
    }

    /// Takes as long as a check of a wrong password, for names that don't exist; also when the same is asked many times
    /// at once.
    pub async fn check_nothing(&self, name: &str, received: &str) -> Result<(), HashError> {
        let fingerprint = self.fingerprint("nobody", name, received);
        let verdict = self.once(fingerprint, || async {
            let verdict = self.find_out(format::NOBODY, received).await?;
            debug_assert_eq!(verdict, Verdict::Wrong);
            Ok(Verdict::Wrong)
        });
        verdict.await.map(drop)
    }

    /// Joins those who ask the same at the same time, and keeps what is right.
    async fn once<F>(
        &self,
        fingerprint: Fingerprint,
        find_out: impl FnOnce() -> F,
    ) -> Result<Verdict, HashError>
    where
        F: Future<Output = Result<Verdict, HashError>>,
    {
        let check = self.checks.get_with(fingerprint, Arc::default);
        let verdict = check.get_or_try_init(find_out).await?;
        if matches!(verdict, Verdict::Wrong) {
            self.checks.invalidate(&fingerprint);
        }
        Ok(verdict.clone())
    }

    async fn find_out(&self, stored: &str, received: &str) -> Result<Verdict, HashError> {
        let Some(shared) = &self.shared else {
            return self.run_check(stored, received).await;
        };
        let known = shared.knows(stored, received).await;
        // what can't be right is nobody's, whatever others say; they are asked all the same, since that takes time
        if known && !stored.is_empty() && stored != format::NOBODY {
            return Ok(Verdict::Right);
        }
        let verdict = self.run_check(stored, received).await?;
        if verdict == Verdict::Right {
            shared.remember(stored, received).await;
        }
        Ok(verdict)
    }

    async fn run_check(&self, stored: &str, received: &str) -> Result<Verdict, HashError> {
        let (stored, received) = (stored.to_owned(), received.to_owned());
        self.hashing
            .run(move || format::check(&stored, &received))
            .await
    }

    fn fingerprint(&self, kind: &'static str, stored: &str, received: &str) -> Fingerprint {
        Blake2b::<U32>::new()
            .chain_update(self.secret.as_flattened())
            .chain_update(kind)
            .chain_update(stored.len().to_be_bytes())
            .chain_update(stored)
            .chain_update(received)
            .finalize()
            .into()
    }

    /// How many hashes this process has computed.
    #[cfg(test)]
    pub(super) fn hashes(&self) -> u64 {
        self.hashing.runs()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_right_password_is_checked_once_and_a_wrong_one_each_time() {
        let passwords = Passwords::new();
        let stored = passwords.hash("right").await.unwrap();
        for _ in 0..3 {
            assert_eq!(passwords.check(&stored, "right").await, Ok(Checked::Right));
        }
        assert_eq!(passwords.hashes(), 2);
        for _ in 0..3 {
            assert_eq!(passwords.check(&stored, "wrong").await, Ok(Checked::Wrong));
        }
        assert_eq!(passwords.hashes(), 5);
    }

    #[tokio::test]
    async fn checks_of_one_pair_at_the_same_time_are_one() {
        let passwords = Passwords::new();
        let stored = passwords.hash("demo").await.unwrap();
        let logins = (0..500).map(|_| passwords.check(&stored, "demo"));
        for checked in futures_util::future::join_all(logins).await {
            assert_eq!(checked, Ok(Checked::Right));
        }
        assert_eq!(passwords.hashes(), 2);
    }

    /// Otherwise the time of ten equal guesses at once tells whether there is such a name.
    #[tokio::test]
    async fn checks_of_nobody_at_the_same_time_are_one_and_are_not_kept() {
        let passwords = Passwords::new();
        for round in 1..=2 {
            let guesses = (0..10).map(|_| passwords.check_nothing("nobody", "guess"));
            let checked = futures_util::future::join_all(guesses).await;
            assert!(checked.iter().all(Result::is_ok));
            assert_eq!(passwords.hashes(), round);
        }
        let two = ["nobody", "somebody"].map(|name| passwords.check_nothing(name, "guess"));
        futures_util::future::join_all(two).await;
        assert_eq!(passwords.hashes(), 4);
    }

    /// Counts the questions, and claims to know everything.
    #[derive(Default)]
    struct Liar(AtomicU64);

    #[async_trait::async_trait]
    impl CredentialCache for Liar {
        async fn knows(&self, _: &str, _: &str) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed);
            true
        }

        async fn remember(&self, _: &str, _: &str) {}
    }

    #[tokio::test]
    async fn the_others_are_asked_for_nobody_too_and_not_believed() {
        let others = Arc::new(Liar::default());
        let passwords = Passwords::sharing(Some(others.clone()));
        passwords.check_nothing("nobody", "guess").await.unwrap();
        assert_eq!(passwords.check("", "guess").await, Ok(Checked::Wrong));
        assert_eq!(others.0.load(Ordering::Relaxed), 2);
        assert_eq!(passwords.hashes(), 2);
    }

    #[tokio::test]
    async fn a_changed_password_is_not_remembered() {
        let passwords = Passwords::new();
        let old = passwords.hash("old").await.unwrap();
        assert_eq!(passwords.check(&old, "old").await, Ok(Checked::Right));
        let new = passwords.hash("new").await.unwrap();
        assert_eq!(passwords.check(&new, "old").await, Ok(Checked::Wrong));
    }
}
