//! What a step does to two users, worked out without a database. Every database executes the same judgement.

use std::time::Duration;

use proto::ids::UserId;

use super::{
    Contact, ContactRefusal, ContactSides, ContactState, ContactStep, ContactWish, UnixMillis,
};

/// A step that is taken again within this time, because nobody heard how it went, is told of again.
const TOLD_AGAIN: Duration = Duration::from_secs(10);

/// Two users as one transaction found them. `own` is how the one who takes the step sees the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    own: Side,
    other: Side,
}

/// A row of `contacts`, or as much as there would be in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) state: ContactState,
    pub(super) blocked: bool,
    pub(super) greeting: String,
    /// `None`: there is no row.
    pub(super) changed_at: Option<UnixMillis>,
}

/// For which lists there has to be room: how many others are in them is for the database to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Friends, own requests and blocked users of the one who takes the step.
    pub(super) kept: bool,
    /// Requests by others of the other one.
    pub(super) asking: bool,
}

/// Flags of a conversation of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flags(pub(super) i64);

impl Flags {
    const LOW_BLOCKS_HIGH: i64 = 1;
    const HIGH_BLOCKS_LOW: i64 = 2;
    const FRIENDS: i64 = 4;
    const WITHHELD_FROM_LOW: i64 = 8;
    const WITHHELD_FROM_HIGH: i64 = 16;

    /// What follows from the rows of `contacts`; the rest follows from messages.
    pub(super) const OF_CONTACTS: i64 =
        Self::LOW_BLOCKS_HIGH | Self::HIGH_BLOCKS_LOW | Self::FRIENDS;

    /// What the row of one side says: `is_low` if it is the lower user's.
    pub(super) fn of(side: &Side, is_low: bool) -> Self {
        let blocks = match is_low {
            true => Self::LOW_BLOCKS_HIGH,
            false => Self::HIGH_BLOCKS_LOW,
        };
        let friends = side.state == ContactState::Friend;
        Self((i64::from(friends) * Self::FRIENDS) | (i64::from(side.blocked) * blocks))
    }

    /// What the rows of both say.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the newest messages are withheld from the lower user, or the higher one.
    pub(super) fn is_withheld_from(self, low: bool) -> bool {
        self.0 & Self::withheld(low) != 0
    }

    pub(super) fn with_withheld(self, low: bool, is_withheld: bool) -> Self {
        match is_withheld {
            true => Self(self.0 | Self::withheld(low)),
            false => Self(self.0 & !Self::withheld(low)),
        }
    }

    fn withheld(low: bool) -> i64 {
        match low {
            true => Self::WITHHELD_FROM_LOW,
            false => Self::WITHHELD_FROM_HIGH,
        }
    }

    pub(super) fn are_friends(self) -> bool {
        self.0 & Self::FRIENDS != 0
    }

    /// Whether the lower user is blocked by the other, or the higher one.
    pub(super) fn blocks(self, low: bool) -> bool {
        let flag = match low {
            true => Self::HIGH_BLOCKS_LOW,
            false => Self::LOW_BLOCKS_HIGH,
        };
        self.0 & flag != 0
    }
}

impl Side {
    fn is_kept(&self) -> bool {
        self.blocked || matches!(self.state, ContactState::Asked | ContactState::Friend)
    }

    fn becomes(&mut self, state: ContactState, greeting: &str) {
        self.state = state;
        greeting.clone_into(&mut self.greeting);
    }

    fn shown(&self, other: UserId) -> Contact {
        Contact {
            other,
            state: self.state,
            blocked: self.blocked,
            greeting: self.greeting.clone(),
            changed_at: self.changed_at.unwrap_or(UnixMillis(0)),
        }
    }
}

impl Relation {
    pub(super) fn new(own: Side, other: Side) -> Self {
        Self { own, other }
    }

    /// The rows: of the one who takes the step, and of the other.
    pub(super) fn sides(&self) -> [&Side; 2] {
        [&self.own, &self.other]
    }

    /// What the two are after the step, and for what there has to be room. A step that changes nothing is taken.
    pub(super) fn after(&self, step: &ContactStep) -> Result<(Self, Room), ContactRefusal> {
        use ContactState::{Asked, AsksMe, Friend, Nothing};

        let mut after = self.clone();
        let Self { own, other } = &mut after;
        let mut asking = false;
        match step {
            ContactStep::Ask { .. } if own.blocked => return Err(ContactRefusal::Blocks),
            ContactStep::Ask { greeting } => match (own.state, other.state) {
                (Friend | Asked, _) => {}
                // two that ask each other
                (AsksMe, _) | (Nothing, Asked) => after.befriend(),
                (Nothing, _) => {
                    own.becomes(Asked, greeting);
                    // judged in any case, so that who is blocked learns nothing from it
                    asking = true;
                    if !other.blocked {
                        other.becomes(AsksMe, greeting);
                    }
                }
            },
            ContactStep::Accept => match own.state {
                Friend => {}
                AsksMe => after.befriend(),
                Nothing | Asked => return Err(ContactRefusal::NoSuchRequest),
            },
            ContactStep::Refuse => match own.state {
                AsksMe => after.part(),
                // there was something, which is over
                Nothing if own.changed_at.is_some() => {}
                Nothing | Asked | Friend => return Err(ContactRefusal::NoSuchRequest),
            },
            ContactStep::Remove => match own.state {
                Friend | Asked => after.part(),
                // a request that came since is not refused by this
                Nothing | AsksMe => {}
            },
            ContactStep::Block if !own.blocked => {
                own.blocked = true;
                after.part();
            }
            ContactStep::Block => {}
            ContactStep::Unblock => own.blocked = false,
        }
        let room = Room {
            kept: after.own.is_kept() && !self.own.is_kept(),
            asking,
        };
        Ok((after, room))
    }

    fn befriend(&mut self) {
        for side in [&mut self.own, &mut self.other] {
            side.becomes(ContactState::Friend, "");
        }
    }

    fn part(&mut self) {
        for side in [&mut self.own, &mut self.other] {
            side.becomes(ContactState::Nothing, "");
        }
    }

    /// With the same stamp on each side that changed; later than before in any case.
    pub(super) fn stamped(self, before: &Self, now: UnixMillis) -> Self {
        let mut after = self;
        let sides = [
            (&mut after.own, &before.own),
            (&mut after.other, &before.other),
        ];
        let changed = sides.into_iter().filter(|(after, before)| after != before);
        let changed: Vec<_> = changed.collect();
        let behind = changed.iter().filter_map(|(_, before)| before.changed_at);
        let behind = behind.map(|at| at.0.saturating_add(1)).max();
        let stamp = UnixMillis(behind.map_or(now.0, |behind| behind.max(now.0)));
        for (side, _) in changed {
            side.changed_at = Some(stamp);
        }
        after
    }

    /// The flags of the two's conversation.
    pub(super) fn flags(&self, wish: &ContactWish) -> Flags {
        let is_low = wish.user < wish.other;
        Flags::of(&self.own, is_low).and(Flags::of(&self.other, !is_low))
    }

    /// How it is told of. A step that changed nothing may be one that is taken again because nobody heard how it went: what it
    /// changed the first time has the same stamp on both sides, and nothing else of the other one's is told, so that nobody
    /// hears when the one who blocks him does something.
    pub(super) fn told(&self, before: &Self, wish: &ContactWish, now: UnixMillis) -> ContactSides {
        let is_lately = |at: UnixMillis| at > now.before(TOLD_AGAIN);
        let again = self == before && self.own.changed_at.is_some_and(is_lately);
        let together = self.own.changed_at == self.other.changed_at && !self.other.blocked;
        ContactSides {
            own: self.own.shown(wish.other),
            own_is_news: self.own != before.own || again,
            other: self.other.shown(wish.user),
            other_is_news: self.other != before.other || (again && together),
        }
    }
}

/// Whether the other one has to exist for a step.
pub(super) fn needs_other(step: &ContactStep) -> bool {
    match step {
        ContactStep::Ask { .. } | ContactStep::Accept | ContactStep::Block => true,
        ContactStep::Refuse | ContactStep::Remove | ContactStep::Unblock => false,
    }
}

/// Whether there is room, with that many kept by the one who takes the step and that many asking the other, without each other.
pub(super) fn is_room(
    room: Room,
    kept: u64,
    asking: u64,
    most: usize,
) -> Result<(), ContactRefusal> {
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    if room.kept && kept >= most {
        return Err(ContactRefusal::TooMany);
    }
    if room.asking && asking >= most {
        return Err(ContactRefusal::OtherTooMany);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
