use std::fmt;
use std::time::Duration;

use proto::ids::{GroupId, UserId};

use super::GroupChange;

/// Tells a request that is made again from a new one. What was carried out under a key is answered again and not
/// carried out again; a refused request changed nothing and is judged anew.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestKey(Box<[u8]>);

impl RequestKey {
    /// Longest key, in bytes.
    pub const MAX_LEN: usize = 64;

    /// How long a key counts, at least.
    pub const LIFETIME: Duration = Duration::from_secs(60 * 60);

    /// For making a group. `None` when the key is empty or longer than `MAX_LEN`. The same bytes of somebody else, or
    /// for something else, are another key.
    pub fn of_creation(actor: Option<UserId>, bytes: &[u8]) -> Option<Self> {
        Self::tagged(b'c', actor, bytes)
    }

    /// For changing a group's members.
    pub fn of_change(actor: Option<UserId>, bytes: &[u8]) -> Option<Self> {
        Self::tagged(b'm', actor, bytes)
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

/// An outcome as stored: numbers of four bytes, big-endian. Group, version, how many changed, those, the members.
pub(super) fn to_bytes(change: &GroupChange) -> Vec<u8> {
    let head = [
        change.group_id.get(),
        change.version,
        u32::try_from(change.changed.len()).unwrap_or(u32::MAX),
    ];
    let users = change.changed.iter().chain(&change.members);
    head.into_iter()
        .chain(users.map(|user| user.get()))
        .flat_map(u32::to_be_bytes)
        .collect()
}

/// The inverse of `to_bytes`; `None` for what no release has written.
pub(super) fn from_bytes(bytes: &[u8]) -> Option<GroupChange> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let mut numbers = numbers.iter().copied().map(u32::from_be_bytes);
    let group_id = GroupId::new(numbers.next()?)?;
    let version = numbers.next()?;
    let changed = usize::try_from(numbers.next()?).ok()?;
    let mut users: Vec<UserId> = numbers.map(UserId::new).collect::<Option<_>>()?;
    if !rest.is_empty() || changed > users.len() {
        return None;
    }
    let members = users.split_off(changed);
    Some(GroupChange {
        group_id,
        version,
        changed: users,
        members,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(ids: &[u32]) -> Vec<UserId> {
        ids.iter().map(|id| UserId::new(*id).unwrap()).collect()
    }

    #[test]
    fn outcomes_come_back_as_stored() {
        for (changed, members) in [(&[1, u32::MAX][..], &[][..]), (&[3], &[1, 2, 3])] {
            let change = GroupChange {
                group_id: GroupId::new(u32::MAX).unwrap(),
                version: 7,
                changed: users(changed),
                members: users(members),
            };
            let bytes = to_bytes(&change);
            assert_eq!(from_bytes(&bytes), Some(change));
            for end in 0..12 {
                assert_eq!(from_bytes(&bytes[..end]), None, "cut at {end}");
            }
        }
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
