//! What a client keeps between two questions, as bytes that only a db_proxy reads. It holds everything that is needed to
//! go on, so that any db_proxy may be asked next.

use proto::ids::UserId;

use crate::store::{ContactPlace, Place, UnixMillis, UserCursor};

/// Up to where a client knows everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The store's: ids and times of another one mean nothing here.
    pub(super) epoch: u64,
    /// What changed before was given. [`BEGINNING`] for who has nothing yet.
    pub(super) since: UnixMillis,
    /// The last user that was given, in the order of changes.
    pub(super) users: Option<UserCursor>,
    /// The last change of a department that was given.
    pub(super) departments: UnixMillis,
    /// What changed of contacts before was given. [`BEGINNING`] for a client that was never told of them.
    pub(super) contacts: UnixMillis,
    /// Between two pages.
    pub(super) round: Option<Round>,
}

/// The way from one cursor to the next one that has no more behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Round {
    /// From when on the next round asks.
    pub(super) settled: UnixMillis,
    pub(super) stage: Stage,
}

/// Conversations come first, then contacts, then everybody's profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Talk {
        /// The last change of a conversation that was given.
        after: Option<Place>,
        /// A conversation that did not fit, by its number, and the message up to which it was given.
        begun: Option<(u64, u32)>,
    },
    Contacts {
        /// The last one that was given.
        after: Option<ContactPlace>,
    },
    People,
}

/// Before every change.
pub(in crate::logic) const BEGINNING: UnixMillis = UnixMillis(i64::MIN);

/// Of a client that is not told of contacts, and of one that is.
const VERSION: u8 = 1;
const WITH_CONTACTS: u8 = 2;

/// What follows in a cursor with contacts.
const TALK: u8 = 0;
const CONTACTS: u8 = 1;

impl Cursor {
    /// Of a client that has nothing.
    pub(super) fn new(epoch: u64) -> Self {
        Self {
            epoch,
            since: BEGINNING,
            users: None,
            departments: BEGINNING,
            contacts: BEGINNING,
            round: None,
        }
    }

    fn has_contacts(&self) -> bool {
        let stage = self.round.map(|round| round.stage);
        self.contacts != BEGINNING || matches!(stage, Some(Stage::Contacts { .. }))
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let with_contacts = self.has_contacts();
        let mut bytes = vec![if with_contacts {
            WITH_CONTACTS
        } else {
            VERSION
        }];
        bytes.extend(self.epoch.to_be_bytes());
        bytes.extend(self.since.0.to_be_bytes());
        let users = self
            .users
            .map_or((0, 0), |user| (user.updated_at.0, user.id.get()));
        bytes.extend(users.0.to_be_bytes());
        bytes.extend(users.1.to_be_bytes());
        bytes.extend(self.departments.0.to_be_bytes());
        if with_contacts {
            bytes.extend(self.contacts.0.to_be_bytes());
        }
        let Some(round) = self.round else {
            return bytes;
        };
        bytes.extend(round.settled.0.to_be_bytes());
        match round.stage {
            Stage::Talk { after, begun } => {
                bytes.extend(with_contacts.then_some(TALK));
                // before every place, and none
                let after = after.map_or((i64::MIN, 0), |after| (after.at.0, after.number));
                let begun = begun.unwrap_or_default();
                bytes.extend(after.0.to_be_bytes());
                bytes.extend(after.1.to_be_bytes());
                bytes.extend(begun.0.to_be_bytes());
                bytes.extend(begun.1.to_be_bytes());
            }
            Stage::Contacts { after } => {
                bytes.push(CONTACTS);
                let after = after.map_or((i64::MIN, 0), |after| (after.at.0, after.other.get()));
                bytes.extend(after.0.to_be_bytes());
                bytes.extend(after.1.to_be_bytes());
            }
            Stage::People => {}
        }
        bytes
    }

    /// `None` for what no `to_bytes` of this version made.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let with_contacts = match take(&mut rest)? {
            [VERSION] => false,
            [WITH_CONTACTS] => true,
            _ => return None,
        };
        let epoch = u64::from_be_bytes(take(&mut rest)?);
        let since = time(&mut rest)?;
        let updated_at = time(&mut rest)?;
        let id = UserId::new(u32::from_be_bytes(take(&mut rest)?));
        let departments = time(&mut rest)?;
        let contacts = match with_contacts {
            true => time(&mut rest)?,
            false => BEGINNING,
        };
        let mut round = None;
        if !rest.is_empty() {
            let settled = time(&mut rest)?;
            let mut stage = Stage::People;
            if !rest.is_empty() {
                let tag = match with_contacts {
                    true => take(&mut rest)?,
                    false => [TALK],
                };
                stage = match tag {
                    [TALK] => talk(&mut rest)?,
                    [CONTACTS] => {
                        let at = time(&mut rest)?;
                        let other = UserId::new(u32::from_be_bytes(take(&mut rest)?));
                        let after = other.map(|other| ContactPlace { at, other });
                        Stage::Contacts {
                            after: after.filter(|after| after.at != BEGINNING),
                        }
                    }
                    _ => return None,
                };
            }
            round = Some(Round { settled, stage });
        }
        rest.is_empty().then_some(Self {
            epoch,
            since,
            users: id.map(|id| UserCursor { updated_at, id }),
            departments,
            contacts,
            round,
        })
    }
}

fn talk(rest: &mut &[u8]) -> Option<Stage> {
    let after = Place {
        at: time(rest)?,
        number: u64::from_be_bytes(take(rest)?),
    };
    let begun = (
        u64::from_be_bytes(take(rest)?),
        u32::from_be_bytes(take(rest)?),
    );
    Some(Stage::Talk {
        after: (after.at != BEGINNING).then_some(after),
        begun: (begun.1 != 0).then_some(begun),
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*taken)
}

fn time(rest: &mut &[u8]) -> Option<UnixMillis> {
    take(rest).map(i64::from_be_bytes).map(UnixMillis)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place() -> impl Strategy<Value = Place> {
        let parts = (i64::MIN + 1.., any::<u64>());
        parts.prop_map(|(at, number)| Place {
            at: UnixMillis(at),
            number,
        })
    }

    fn round() -> impl Strategy<Value = Round> {
        let begun = prop::option::of((any::<u64>(), 1u32..));
        let talk = (prop::option::of(place()), begun);
        let talk = talk.prop_map(|(after, begun)| Stage::Talk { after, begun });
        let contact = (i64::MIN + 1.., 1u32..).prop_map(|(at, other)| ContactPlace {
            at: UnixMillis(at),
            other: UserId::new(other).unwrap(),
        });
        let contacts = prop::option::of(contact).prop_map(|after| Stage::Contacts { after });
        let stage = prop_oneof![talk, contacts, Just(Stage::People)];
        (any::<i64>(), stage).prop_map(|(settled, stage)| Round {
            settled: UnixMillis(settled),
            stage,
        })
    }

    prop_compose! {
        fn cursor()(
            epoch: u64, since: i64, departments: i64,
            contacts in prop_oneof![Just(i64::MIN), any::<i64>()],
            users in prop::option::of((any::<i64>(), 1u32..)),
            round in prop::option::of(round()),
        ) -> Cursor {
            let user = |(at, id)| UserCursor { updated_at: UnixMillis(at), id: UserId::new(id).unwrap() };
            Cursor {
                epoch,
                since: UnixMillis(since),
                users: users.map(user),
                departments: UnixMillis(departments),
                contacts: UnixMillis(contacts),
                round,
            }
        }
    }

    proptest! {
        #[test]
        fn a_cursor_comes_back_from_its_bytes(cursor in cursor(), cut in any::<prop::sample::Index>()) {
            let bytes = cursor.to_bytes();
            prop_assert_eq!(Cursor::from_bytes(&bytes), Some(cursor));
            // what is cut off is no cursor, or one that says less
            let cut = &bytes[..cut.index(bytes.len())];
            if let Some(less) = Cursor::from_bytes(cut) {
                prop_assert!(less.round.is_none() || less.round.is_some_and(|r| r.stage == Stage::People));
            }
        }

        #[test]
        fn any_bytes_are_a_cursor_or_none(bytes in prop::collection::vec(any::<u8>(), 0..99)) {
            if let Some(cursor) = Cursor::from_bytes(&bytes) {
                prop_assert_eq!(Cursor::from_bytes(&cursor.to_bytes()), Some(cursor));
            }
        }
    }
}
