//! Codes that allow somebody to make an account.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::generate_salt;
use blake2::digest::consts::U32;
use blake2::{Blake2b, Digest};

use crate::store::{Invite, InviteHash, Store, StoreError, UnixMillis};

/// Characters of a code, 5 random bits each, in groups. None of them is easily taken for another one.
const LENGTH: usize = 16;
const GROUP: usize = 4;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Digits by which an operator names an invite whose code he does not know.
pub const SHOWN_DIGITS: usize = 8;

/// Longest note, in characters.
pub const MAX_NOTE: usize = 128;

/// Invites, for the operator.
#[derive(Clone)]
pub struct Invites {
    store: Arc<dyn Store>,
}

/// Why an invite was not made or revoked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InviteError {
    #[error("an invite is for at least one account")]
    NoUses,
    #[error("a note has at most {MAX_NOTE} characters and no control characters")]
    Note,
    #[error("there is no invite {0:?}")]
    Unknown(String),
    #[error("several invites begin with {0:?}: name the code")]
    Ambiguous(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Invites {
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Makes an invite for so many accounts and returns its code, which is kept nowhere.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    pub async fn add(
        &self,
        uses: u32,
        lifetime: Option<Duration>,
        note: &str,
    ) -> Result<String, InviteError> {
        if uses == 0 {
            return Err(InviteError::NoUses);
        }
        if note.chars().count() > MAX_NOTE || note.chars().any(char::is_control) {
            return Err(InviteError::Note);
        }
        let code = fresh_code();
        let now = UnixMillis::now();
        let lifetime = lifetime.map(|lifetime| i64::try_from(lifetime.as_millis()));
        let lifetime = lifetime.map(|millis| millis.unwrap_or(i64::MAX));
        let invite = Invite {
            code: code_hash(&code),
            created_at: now,
            expires_at: lifetime.map(|millis| UnixMillis(now.0.saturating_add(millis))),
            uses_left: uses,
            note: note.to_owned(),
        };
        self.store.add_invite(&invite).await?;
        Ok(code)
    }

    /// All invites, the oldest first.
    pub async fn all(&self) -> Result<Vec<Invite>, StoreError> {
        self.store.invites().await
    }

    /// Revokes an invite, by its code or by what [`shown`] shows of it.
    pub async fn revoke(&self, wanted: &str) -> Result<(), InviteError> {
        let unknown = || InviteError::Unknown(wanted.to_owned());
        if self.store.revoke_invite(&code_hash(wanted)).await? {
            return Ok(());
        }
        let digits = wanted.to_ascii_lowercase();
        if digits.len() != SHOWN_DIGITS {
            return Err(unknown());
        }
        let invites = self.store.invites().await?;
        let mut named = invites.iter().filter(|invite| shown(invite) == digits);
        let invite = named.next().ok_or_else(unknown)?;
        if named.next().is_some() {
            return Err(InviteError::Ambiguous(wanted.to_owned()));
        }
        match self.store.revoke_invite(&invite.code).await? {
            true => Ok(()),
            false => Err(unknown()),
        }
    }
}

/// What names an invite without being of use to anybody.
pub fn shown(invite: &Invite) -> String {
    let mut digits: String = invite
        .code
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    digits.truncate(SHOWN_DIGITS);
    digits
}

/// What is stored of a code, however it was typed. A fast hash will do, since nobody guesses 80 random bits.
pub fn code_hash(code: &str) -> InviteHash {
    let typed = code.chars().filter(char::is_ascii_alphanumeric);
    let typed: String = typed.map(|c| c.to_ascii_uppercase()).collect();
    Blake2b::<U32>::digest(typed).into()
}

fn fresh_code() -> String {
    let random = generate_salt();
    let characters = random.iter().take(LENGTH);
    let characters = characters.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    let mut code = String::with_capacity(LENGTH + LENGTH / GROUP);
    for (n, character) in characters.enumerate() {
        if n > 0 && n % GROUP == 0 {
            code.push('-');
        }
        code.push(character);
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let code = fresh_code();
        assert_eq!(code.len(), LENGTH + 3);
        assert_ne!(code, fresh_code());
        let plain: String = code.chars().filter(|c| *c != '-').collect();
        for typed in [code.to_lowercase(), plain, format!(" {code}\n")] {
            assert_eq!(code_hash(&typed), code_hash(&code), "{typed}");
        }
        assert_ne!(code_hash(&code[1..]), code_hash(&code));
    }
}
