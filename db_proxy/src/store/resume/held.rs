//! The tokens of some users while a transaction changes them: all are read at first and written at last, in as many
//! statements for a hundred tokens as for one.

use std::collections::HashMap;

use proto::device::DeviceType;
use proto::ids::UserId;

use super::{MAX_RESUMES, ResumeHash, ResumeLook, ResumeOutcome, ResumeToken, ResumeWrite};
use crate::store::row::{self, Columns};
use crate::store::{StoreError, UnixMillis};

/// A stored token, with what only the store knows of it.
#[derive(Clone, Debug)]
pub(in crate::store) struct HeldToken {
    pub(in crate::store) token: ResumeToken,
    /// What was shown for this one, as long as nobody has shown this one.
    pub(in crate::store) replaces: Option<ResumeHash>,
    pub(in crate::store) last_used_at: UnixMillis,
    stored: bool,
    changed: bool,
}

/// All tokens of the users that are held.
#[derive(Debug, Default)]
pub(in crate::store) struct Held {
    users: HashMap<UserId, Vec<HeldToken>>,
    removed: Vec<(UserId, ResumeHash)>,
}

impl Held {
    /// The columns that `read` needs.
    pub(in crate::store) const COLUMNS: &str =
        "token_hash, user_id, device_type, replaces, created_at_ms, expires_at_ms, last_used_at_ms";

    pub(in crate::store) fn read(rows: &[impl Columns]) -> Result<Self, StoreError> {
        let mut held = Self::default();
        for row in rows {
            // one that no release has written is nobody's
            let hash = ResumeHash::try_from(row::blob(row, "token_hash")?);
            let device_type = DeviceType::parse(row::int(row, "device_type")?);
            let (Ok(hash), Ok(device_type)) = (hash, device_type) else {
                continue;
            };
            let user = row::user_id(row, "user_id")?;
            let token = ResumeToken {
                hash,
                user,
                device_type,
                created_at: row::time(row, "created_at_ms")?,
                expires_at: row::time(row, "expires_at_ms")?,
            };
            held.users.entry(user).or_default().push(HeldToken {
                token,
                replaces: row::blob(row, "replaces")?.try_into().ok(),
                last_used_at: row::time(row, "last_used_at_ms")?,
                stored: true,
                changed: false,
            });
        }
        Ok(held)
    }

    /// For each whether it is among them and good.
    pub(in crate::store) fn are_good(&self, looked_for: &[ResumeLook]) -> Vec<bool> {
        let is_good = |look: &ResumeLook| {
            let mut tokens = self.users.get(&look.user).into_iter().flatten();
            tokens.any(|held| {
                held.token.hash == look.hash
                    && held.token.device_type == look.device_type
                    && held.token.expires_at > look.at
            })
        };
        looked_for.iter().map(is_good).collect()
    }

    /// Makes those writes that are still wanted.
    pub(in crate::store) fn write_all(
        &mut self,
        writes: &[ResumeWrite],
        wanted: &[bool],
    ) -> Vec<ResumeOutcome> {
        let outcomes = writes.iter().zip(wanted).map(|(write, wanted)| {
            if *wanted {
                self.write(write)
            } else {
                ResumeOutcome::Unwanted
            }
        });
        outcomes.collect()
    }

    fn write(&mut self, write: &ResumeWrite) -> ResumeOutcome {
        let new = &write.new;
        let now = new.created_at;
        let tokens = self.users.entry(new.user).or_default();
        // made before, but whoever made it did not hear of it
        if tokens.iter().any(|held| held.token.hash == new.hash) {
            return ResumeOutcome::Kept;
        }
        if let Some(shown) = &write.shown {
            let Some(old) = tokens.iter_mut().find(|held| {
                held.token.hash == shown.hash
                    && held.token.device_type == new.device_type
                    && held.token.expires_at > now
            }) else {
                return ResumeOutcome::NoSuchToken;
            };
            let before = old.replaces.take();
            old.last_used_at = now;
            old.token.expires_at = old.token.expires_at.min(shown.grace_until);
            old.changed = true;
            // it has arrived, so the one before it is done with; and what was given for it before has not
            remove(tokens, &mut self.removed, |held| {
                Some(held.token.hash) == before || held.replaces == Some(shown.hash)
            });
        }
        tokens.push(HeldToken {
            token: new.clone(),
            replaces: write.shown.as_ref().map(|shown| shown.hash),
            last_used_at: now,
            stored: false,
            changed: true,
        });
        remove(tokens, &mut self.removed, |held| {
            held.token.expires_at <= now
        });
        while tokens.len() > MAX_RESUMES {
            let used = |held: &HeldToken| (held.last_used_at, held.token.hash == new.hash);
            let Some(longest) = tokens.iter().min_by_key(|held| used(held)) else {
                break;
            };
            let longest = longest.token.hash;
            remove(tokens, &mut self.removed, |held| held.token.hash == longest);
        }
        ResumeOutcome::Kept
    }

    /// Those for these types of devices.
    pub(in crate::store) fn of_types(&self, types: &[DeviceType]) -> Vec<(UserId, ResumeHash)> {
        let tokens = self.users.values().flatten().map(|held| &held.token);
        tokens
            .filter(|token| types.contains(&token.device_type))
            .map(|token| (token.user, token.hash))
            .collect()
    }

    /// What is to be deleted, and what is to be written over what is there.
    pub(in crate::store) fn changes(self) -> (Vec<(UserId, ResumeHash)>, Vec<HeldToken>) {
        let tokens = self.users.into_values().flatten();
        (self.removed, tokens.filter(|held| held.changed).collect())
    }
}

/// Whose tokens they are, ascending, each once.
pub(in crate::store) fn users_of<T>(tokens: &[T], user: impl Fn(&T) -> UserId) -> Vec<UserId> {
    let mut users: Vec<UserId> = tokens.iter().map(user).collect();
    users.sort_unstable();
    users.dedup();
    users
}

fn remove(
    tokens: &mut Vec<HeldToken>,
    removed: &mut Vec<(UserId, ResumeHash)>,
    which: impl Fn(&HeldToken) -> bool,
) {
    for gone in tokens.extract_if(.., |held| which(held)) {
        if gone.stored {
            removed.push((gone.token.user, gone.token.hash));
        }
    }
}
