use proto::ids::{GroupId, UserId};

/// What a message is addressed to, the same value for everyone who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conversation {
    /// Two users writing to each other.
    Single(Pair),
    /// The members of a group.
    Group(GroupId),
}

/// The other side of a conversation, as one of those who take part names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counterpart {
    User(UserId),
    Group(GroupId),
}

impl From<UserId> for Counterpart {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

impl From<GroupId> for Counterpart {
    fn from(group: GroupId) -> Self {
        Self::Group(group)
    }
}

impl Conversation {
    /// The conversation of two users; `None` for a user with itself, which never exists.
    pub fn between(a: UserId, b: UserId) -> Option<Self> {
        Pair::new(a, b).map(Self::Single)
    }

    /// The conversation a user has with that counterpart; `None` for the user himself.
    pub fn of(user: UserId, counterpart: Counterpart) -> Option<Self> {
        match counterpart {
            Counterpart::User(peer) => Self::between(user, peer),
            Counterpart::Group(group) => Some(Self::Group(group)),
        }
    }

    /// How a user who takes part names the other side; `None` for a stranger to two others.
    pub fn counterpart_of(self, user: UserId) -> Option<Counterpart> {
        match self {
            Self::Single(pair) => pair.peer_of(user).map(Counterpart::User),
            Self::Group(group) => Some(Counterpart::Group(group)),
        }
    }

    /// The columns that identify a conversation: kind, lower and higher party.
    pub(crate) fn parties(self) -> (i64, i64, i64) {
        match self {
            Self::Single(pair) => (SINGLE, pair.low.get().into(), pair.high.get().into()),
            Self::Group(group) => (GROUP, 0, group.get().into()),
        }
    }

    /// The inverse of `parties`; `None` for a row no release has written.
    pub(crate) fn from_parties(kind: i64, low: i64, high: i64) -> Option<Self> {
        let user = |raw: i64| u32::try_from(raw).ok().and_then(UserId::new);
        match kind {
            SINGLE => Self::between(user(low)?, user(high)?),
            GROUP if low == 0 => u32::try_from(high)
                .ok()
                .and_then(GroupId::new)
                .map(Self::Group),
            _ => None,
        }
    }

    /// As `from_parties` where the kind is not stored: a group's lower party is 0, a user's never. `None` for what is
    /// not in ascending order, too.
    pub(crate) fn from_halves(low: i64, high: i64) -> Option<Self> {
        if low == 0 {
            Self::from_parties(GROUP, low, high)
        } else {
            Self::from_parties(SINGLE, low, high).filter(|_| low < high)
        }
    }

    /// One number for all that names it: the lower party above the higher one. In their order conversations are paged,
    /// whatever a database calls them.
    pub fn number(self) -> u64 {
        let (_, low, high) = self.parties();
        (low << 32 | high).cast_unsigned()
    }

    /// The inverse of `number`; `None` for what names none.
    pub fn from_number(number: u64) -> Option<Self> {
        let (low, high) = (number >> 32, number & 0xffff_ffff);
        Self::from_halves(low.cast_signed(), high.cast_signed())
    }

    /// Those between whom a first message begins the conversation; `None` for a group's, which begins with the group.
    pub(crate) fn founders(self) -> Option<[UserId; 2]> {
        match self {
            Self::Single(pair) => Some([pair.low, pair.high]),
            Self::Group(_) => None,
        }
    }
}

/// Stored, never to be changed.
const SINGLE: i64 = 1;
const GROUP: i64 = 2;

/// Two different users, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    low: UserId,
    high: UserId,
}

impl Pair {
    /// `None` when both are the same user.
    pub fn new(a: UserId, b: UserId) -> Option<Self> {
        (a != b).then(|| Self {
            low: a.min(b),
            high: a.max(b),
        })
    }

    pub(crate) fn low(self) -> UserId {
        self.low
    }

    /// The other user of the two; `None` for a stranger.
    pub fn peer_of(self, user: UserId) -> Option<UserId> {
        if user == self.low {
            Some(self.high)
        } else if user == self.high {
            Some(self.low)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: u32) -> UserId {
        UserId::new(id).unwrap()
    }

    #[test]
    fn both_directions_are_one_conversation() {
        let there = Conversation::between(user(7), user(u32::MAX));
        assert_eq!(there, Conversation::between(user(u32::MAX), user(7)));
        let (kind, low, high) = there.unwrap().parties();
        assert_eq!(Conversation::from_parties(kind, low, high), there);
        assert_eq!(Conversation::from_number(there.unwrap().number()), there);
        assert_eq!(Conversation::from_number(7 << 32 | 7), None);
    }

    #[test]
    fn nobody_talks_to_himself() {
        assert_eq!(Conversation::between(user(7), user(7)), None);
        assert_eq!(Conversation::from_parties(1, 7, 7), None);
        assert_eq!(Conversation::from_parties(9, 7, 8), None);
        assert_eq!(Conversation::from_parties(1, 0, 8), None);
        assert_eq!(Conversation::from_parties(2, 7, 8), None);
        assert_eq!(Conversation::from_parties(2, 0, 0), None);
    }

    #[test]
    fn a_group_is_the_same_for_all_its_members() {
        let group = GroupId::new(u32::MAX).unwrap();
        let there = Conversation::of(user(7), group.into());
        assert_eq!(there, Some(Conversation::Group(group)));
        let (kind, low, high) = there.unwrap().parties();
        assert_eq!(Conversation::from_parties(kind, low, high), there);
        assert_eq!(Conversation::from_number(there.unwrap().number()), there);
        let named = there.unwrap().counterpart_of(user(8));
        assert_eq!(named, Some(Counterpart::Group(group)));
    }

    #[test]
    fn a_stranger_has_no_peer() {
        let pair = Pair::new(user(1), user(2)).unwrap();
        assert_eq!(pair.peer_of(user(1)), Some(user(2)));
        assert_eq!(pair.peer_of(user(2)), Some(user(1)));
        assert_eq!(pair.peer_of(user(3)), None);
    }
}
