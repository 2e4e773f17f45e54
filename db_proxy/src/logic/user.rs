use std::collections::HashSet;
use std::sync::Arc;

use proto::ids::UserId;

use crate::cache::UserCache;
use crate::store::{
    Inserted, NewUser, Profile, ProfileChange, Store, StoreError, UnixMillis, User, UserCursor,
    UserStatus,
};

/// Most users of one page, and most ids one request may name; those beyond are as if they were not there.
const PAGE: usize = 500;
const WANTED: usize = 2_000;

/// Longest name, in characters.
pub const MAX_NAME: usize = 64;

/// Longest of everything else in a profile, in characters: a page of the largest profiles still fits into a frame.
pub const MAX_DETAIL: usize = 128;

/// Longest address of an avatar, in bytes.
const MAX_AVATAR: usize = 255;

/// Longest signature, in bytes.
const MAX_SIGNATURE: usize = 128;

/// Profiles, and who exists.
#[derive(Clone)]
pub struct Users {
    store: Arc<dyn Store>,
    cache: Arc<dyn UserCache>,
}

/// A page of users in the order of their last change.
#[derive(Clone, Debug, Default)]
pub struct UserPage {
    pub users: Vec<User>,
    /// Where the next page starts; `None` on the last.
    pub next: Option<UserCursor>,
}

/// Why a user was not created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateRefusal {
    #[error("a name has 1 to {MAX_NAME} characters")]
    NameLength,
    #[error("a name has no control characters and no spaces around it")]
    NameCharacters,
    #[error("nick name, e-mail and the like have at most {MAX_DETAIL} characters")]
    DetailLength,
    #[error("the name is taken")]
    NameTaken,
}

/// Why a profile was not changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("the user does not exist")]
    NoSuchUser,
    #[error("the address of an avatar has at most {MAX_AVATAR} bytes and no control characters")]
    Avatar,
    #[error("a signature has at most {MAX_SIGNATURE} bytes")]
    Signature,
    #[error("nick name, e-mail and the like have at most {MAX_DETAIL} characters")]
    DetailLength,
    #[error("nick name, e-mail and the like have no control characters")]
    DetailCharacters,
    #[error("a gender is 0 (unknown), 1 (male) or 2 (female)")]
    Gender,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ChangeError {
    /// One word, for those who tell refusals apart.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoSuchUser => "no_such_user",
            Self::Avatar => "bad_avatar",
            Self::Signature | Self::DetailLength => "too_large",
            Self::DetailCharacters => "bad_characters",
            Self::Gender => "bad_field",
            Self::Store(_) => "store_failed",
        }
    }
}

impl Users {
    pub fn new(store: Arc<dyn Store>, cache: Arc<dyn UserCache>) -> Self {
        Self { store, cache }
    }

    /// The profiles of those who exist, each once, in no particular order. A change made by another process may
    /// show up as late as the cache allows.
    pub async fn profiles(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let mut wanted = ids[..ids.len().min(WANTED)].to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let mut users = self.cache.get(&wanted).await;
        if users.len() == wanted.len() {
            return Ok(users);
        }
        let cached: HashSet<UserId> = users.iter().map(|user| user.id).collect();
        wanted.retain(|id| !cached.contains(id));
        let found = self.store.users(&wanted).await?;
        if !found.is_empty() {
            self.cache.put(&found).await;
        }
        users.extend(found);
        Ok(users)
    }

    /// Those of the named users that exist, whatever their standing.
    pub async fn existing(&self, ids: &[UserId]) -> Result<HashSet<UserId>, StoreError> {
        // users are never deleted, so whoever has ever been cached exists
        let cached = self.cache.get(ids).await;
        let mut existing: HashSet<UserId> = cached.into_iter().map(|user| user.id).collect();
        let unknown: HashSet<UserId> = ids
            .iter()
            .copied()
            .filter(|id| !existing.contains(id))
            .collect();
        if !unknown.is_empty() {
            let found = self.store.existing_users(&Vec::from_iter(unknown)).await?;
            existing.extend(found);
        }
        Ok(existing)
    }

    /// A page of the users changed in that second or later, those included who left, so that clients can drop them;
    /// 0 means a client that knows nobody yet: everybody but those.
    ///
    /// Ask again with `next` until it is `None`. A user who changes meanwhile is met again, never missed.
    pub async fn changed_since(
        &self,
        since_seconds: u32,
        after: Option<UserCursor>,
    ) -> Result<UserPage, StoreError> {
        let all = since_seconds == 0;
        let since = (!all).then(|| UnixMillis::from_seconds(since_seconds));
        let mut users = self.store.users_changed_since(since, after, PAGE).await?;
        let next = if users.len() < PAGE {
            None
        } else {
            users.last().map(User::cursor)
        };
        if all {
            users.retain(|user| user.profile.status != UserStatus::LEFT);
        }
        Ok(UserPage { users, next })
    }

    /// Changes a profile; whoever asks for changes from now on sees it. The same values again are a change, too.
    pub async fn change(&self, user: UserId, change: &ProfileChange) -> Result<User, ChangeError> {
        check_change(change)?;
        let changed = match self.store.change_profile(user, change).await {
            Ok(changed) => changed.ok_or(ChangeError::NoSuchUser)?,
            Err(error) => {
                // it may have been changed before the store failed
                self.cache.invalidate(&[user]).await;
                return Err(error.into());
            }
        };
        // nobody who read the old copy a moment ago can put it over this one
        self.cache.changed(&changed).await;
        Ok(changed)
    }

    /// A profile was changed past this: copies of the old one go.
    pub(super) async fn changed(&self, user: &User) {
        self.cache.changed(user).await;
    }

    /// Adds users, all in one transaction, and answers in their order.
    pub async fn create(
        &self,
        users: Vec<NewUser>,
    ) -> Result<Vec<Result<UserId, CreateRefusal>>, StoreError> {
        let checks: Vec<_> = users
            .iter()
            .map(|user| check_name(&user.profile.name).and_then(|()| check_details(&user.profile)))
            .collect();
        let mut valid = users;
        let mut check = checks.iter();
        valid.retain(|_| check.next().is_some_and(Result::is_ok));
        let mut inserted = self.store.insert_users(&valid).await?.into_iter();
        let mut outcomes = Vec::with_capacity(checks.len());
        for check in checks {
            outcomes.push(check.and_then(|()| match inserted.next() {
                Some(Inserted::Created(id)) => Ok(id),
                Some(Inserted::NameTaken) | None => Err(CreateRefusal::NameTaken),
            }));
        }
        Ok(outcomes)
    }
}

fn check_name(name: &str) -> Result<(), CreateRefusal> {
    if !(1..=MAX_NAME).contains(&name.chars().count()) {
        return Err(CreateRefusal::NameLength);
    }
    if name.chars().any(char::is_control) || name.trim() != name {
        return Err(CreateRefusal::NameCharacters);
    }
    Ok(())
}

pub(super) fn check_change(change: &ProfileChange) -> Result<(), ChangeError> {
    let avatar = change.avatar_url.as_deref().unwrap_or_default();
    if avatar.len() > MAX_AVATAR || avatar.chars().any(char::is_control) {
        return Err(ChangeError::Avatar);
    }
    let signature = change.sign_info.as_deref().unwrap_or_default();
    if signature.len() > MAX_SIGNATURE {
        return Err(ChangeError::Signature);
    }
    let details = [&change.nick_name, &change.email, &change.tel];
    for detail in details.into_iter().flatten() {
        if too_long(detail) {
            return Err(ChangeError::DetailLength);
        }
        if detail.chars().any(char::is_control) {
            return Err(ChangeError::DetailCharacters);
        }
    }
    if change.gender.is_some_and(|gender| gender > 2) {
        return Err(ChangeError::Gender);
    }
    Ok(())
}

fn too_long(detail: &str) -> bool {
    detail.chars().count() > MAX_DETAIL
}

fn check_details(profile: &Profile) -> Result<(), CreateRefusal> {
    let details = [
        &profile.nick_name,
        &profile.real_name,
        &profile.avatar_url,
        &profile.email,
        &profile.tel,
        &profile.domain,
        &profile.sign_info,
    ];
    if details.into_iter().any(|detail| too_long(detail)) {
        Err(CreateRefusal::DetailLength)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_visible() {
        for good in ["a", "Ünïcödé 用户", &"x".repeat(64), &"用".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        assert_eq!(check_name(""), Err(CreateRefusal::NameLength));
        assert_eq!(check_name(&"x".repeat(65)), Err(CreateRefusal::NameLength));
        for bad in ["a\nb", "a\0", " a", "a "] {
            assert_eq!(
                check_name(bad),
                Err(CreateRefusal::NameCharacters),
                "{bad:?}"
            );
        }
    }
}
