use std::fmt;
use std::time::Duration;

use proto::ids::{GroupId, UserId};

use super::{GroupChange, GroupMembers};

/// Tells a request that is made again from a new one. What was carried out under a key is answered again and not
/// carried out again; a refused request changed nothing and is judged anew.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestKey(Box<[u8]>);

impl RequestKey {
    /// Longest key, in bytes.
    pub const MAX_LEN: usize = 64;

    /// How long a key counts, at least. Nobody asks again later than that.
    pub const LIFETIME: Duration = Duration::from_secs(60);

    /// For making a group. `None` when the key is empty or longer than `MAX_LEN`. The same bytes of somebody else, or
    /// for something else, are another key.
    pub fn of_creation(actor: Option<UserId>, bytes: &[u8]) -> Option<Self> {
        Self::tagged(b'c', actor, bytes)
    }

    /// For changing a group's members.
    pub fn of_change(actor: Option<UserId>, bytes: &[u8]) -> Option<Self> {
        Self::tagged(b'm', actor, bytes)
    }

    /// For a step in a group.
    pub fn of_step(actor: UserId, bytes: &[u8]) -> Option<Self> {
        Self::tagged(b's', Some(actor), bytes)
    }

    /// For making an account: the bytes stand for who asked, and for name and password too.
    pub fn of_registration(bytes: &[u8]) -> Option<Self> {
        Self::tagged(b'r', None, bytes)
    }

    fn tagged(tag: u8, actor: Option<UserId>, bytes: &[u8]) -> Option<Self> {
        if !(1..=Self::MAX_LEN).contains(&bytes.len()) {
            return None;
        }
        let actor = actor.map_or(0, UserId::get).to_be_bytes();
        Some(Self([&[tag][..], &actor, bytes].concat().into()))
    }

    /// As stored.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestKey({} bytes)", self.0.len())
    }
}

/// What was carried out under a key. Who is in the group is not kept: it is read when the request is answered again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CarriedOut {
    pub(super) group_id: GroupId,
    version: u32,
    /// Nobody, for a creation: those in it are named by its members.
    changed: Vec<UserId>,
}

impl CarriedOut {
    pub(super) fn creation(created: &GroupChange) -> Self {
        Self {
            group_id: created.group_id,
            version: created.version,
            changed: Vec::new(),
        }
    }

    pub(super) fn change(change: &GroupChange) -> Self {
        Self {
            group_id: change.group_id,
            version: change.version,
            changed: change.changed.clone(),
        }
    }

    /// A step, with those who came or went by it.
    pub(super) fn step(group_id: GroupId, version: u32, changed: Vec<UserId>) -> Self {
        Self {
            group_id,
            version,
            changed,
        }
    }

    /// Those who came or went.
    pub(super) fn into_changed(self) -> Vec<UserId> {
        self.changed
    }

    /// The answer to the same request made again, with the group as it is now; `None`: it is gone.
    pub(super) fn again(self, now: Option<GroupMembers>) -> GroupChange {
        let now = now.unwrap_or(GroupMembers {
            version: self.version,
            members: Vec::new(),
        });
        let changed = match self.changed {
            nobody if nobody.is_empty() => now.members.clone(),
            changed => changed,
        };
        GroupChange {
            group_id: self.group_id,
            version: now.version,
            changed,
            members: now.members,
            inherited: None,
        }
    }

    /// As stored: numbers of four bytes, big-endian. Group, version, how many changed, those.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let head = [
            self.group_id.get(),
            self.version,
            u32::try_from(self.changed.len()).unwrap_or(u32::MAX),
        ];
        let changed = self.changed.iter().map(|user| user.get());
        head.into_iter()
            .chain(changed)
            .flat_map(u32::to_be_bytes)
            .collect()
    }

    /// The inverse of `to_bytes`; `None` for what no release has written. An earlier one named the members behind it.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (numbers, _) = bytes.as_chunks::<4>();
        let mut numbers = numbers.iter().copied().map(u32::from_be_bytes);
        let group_id = GroupId::new(numbers.next()?)?;
        let version = numbers.next()?;
        let count = usize::try_from(numbers.next()?).ok()?;
        let changed: Vec<UserId> = numbers
            .take(count)
            .map(UserId::new)
            .collect::<Option<_>>()?;
        (changed.len() == count).then_some(Self {
            group_id,
            version,
            changed,
        })
    }
}

/// What was carried out when an account was made, as stored: the number of the user.
pub(super) fn user_to_bytes(user: UserId) -> Vec<u8> {
    user.get().to_be_bytes().to_vec()
}

/// The inverse of `user_to_bytes`; `None` for what no release has written.
pub(super) fn user_from_bytes(bytes: &[u8]) -> Option<UserId> {
    UserId::new(u32::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(ids: &[u32]) -> Vec<UserId> {
        ids.iter().map(|id| UserId::new(*id).unwrap()).collect()
    }

    fn carried_out(changed: &[u32]) -> CarriedOut {
        CarriedOut {
            group_id: GroupId::new(u32::MAX).unwrap(),
            version: 7,
            changed: users(changed),
        }
    }

    #[test]
    fn what_was_carried_out_comes_back_as_stored() {
        for changed in [&[1, u32::MAX][..], &[]] {
            let done = carried_out(changed);
            let bytes = done.to_bytes();
            assert_eq!(CarriedOut::from_bytes(&bytes), Some(done.clone()));
            for end in 0..bytes.len() {
                assert_eq!(CarriedOut::from_bytes(&bytes[..end]), None, "cut at {end}");
            }
            let with_members = [&bytes[..], &[0, 0, 0, 5]].concat();
            assert_eq!(CarriedOut::from_bytes(&with_members), Some(done));
        }
    }

    #[test]
    fn an_answer_again_tells_who_changed_then_and_who_is_in_it_now() {
        let now = || {
            Some(GroupMembers {
                version: 9,
                members: users(&[2, 3]),
            })
        };
        let change = carried_out(&[1]).again(now());
        assert_eq!((change.version, change.changed), (9, users(&[1])));
        assert_eq!(change.members, users(&[2, 3]));
        let creation = carried_out(&[]).again(now());
        assert_eq!(creation.changed, creation.members);
        let gone = carried_out(&[1]).again(None);
        assert_eq!((gone.version, gone.members), (7, vec![]));
    }

    #[test]
    fn keys_belong_to_a_user_and_a_purpose() {
        let (anna, bert) = (UserId::new(1), UserId::new(2));
        let key = RequestKey::of_creation(anna, b"k").unwrap();
        assert_eq!(Some(&key), RequestKey::of_creation(anna, b"k").as_ref());
        assert_ne!(Some(&key), RequestKey::of_creation(bert, b"k").as_ref());
        assert_ne!(Some(&key), RequestKey::of_change(anna, b"k").as_ref());
        assert_eq!(RequestKey::of_change(anna, b""), None);
        assert_eq!(RequestKey::of_change(None, &[0; 65]), None);
        assert!(RequestKey::of_change(None, &[0; 64]).is_some());
    }
}
