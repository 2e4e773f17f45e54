//! What a client keeps between two questions for its contacts, as bytes that only a db_proxy reads.

use proto::ids::UserId;

use crate::logic::sync::BEGINNING;
use crate::store::{ContactPlace, UnixMillis};

/// Up to where a client knows its contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The store's: times of another one mean nothing here.
    pub(super) epoch: u64,
    /// What changed before was given. [`BEGINNING`] for who has nothing yet.
    pub(super) since: UnixMillis,
    /// Between two pages.
    pub(super) round: Option<Round>,
}

/// The way from one cursor to the next one that has no more behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Round {
    /// From when on the next round asks.
    pub(super) settled: UnixMillis,
    /// The last contact that was given; `None` only before the first page, of which there is no cursor.
    pub(super) after: Option<ContactPlace>,
}

const VERSION: u8 = 1;

impl Cursor {
    /// Of a client that has nothing.
    pub(super) fn new(epoch: u64) -> Self {
        Self {
            epoch,
            since: BEGINNING,
            round: None,
        }
    }

    /// Whether nothing that it asks for is forgotten, if that is kept since `oldest`.
    pub(super) fn is_young(&self, oldest: UnixMillis) -> bool {
        let since = self.since >= oldest || (self.since == BEGINNING && self.round.is_some());
        since && self.round.is_none_or(|round| round.settled >= oldest)
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(self.epoch.to_be_bytes());
        bytes.extend(self.since.0.to_be_bytes());
        if let Some(round) = self.round
            && let Some(after) = round.after
        {
            bytes.extend(round.settled.0.to_be_bytes());
            bytes.extend(after.at.0.to_be_bytes());
            bytes.extend(after.other.get().to_be_bytes());
        }
        bytes
    }

    /// `None` for what no `to_bytes` of this version made.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        if take(&mut rest)? != [VERSION] {
            return None;
        }
        let epoch = u64::from_be_bytes(take(&mut rest)?);
        let since = time(&mut rest)?;
        let mut round = None;
        if !rest.is_empty() {
            let settled = time(&mut rest)?;
            let at = time(&mut rest)?;
            let other = UserId::new(u32::from_be_bytes(take(&mut rest)?))?;
            round = Some(Round {
                settled,
                after: Some(ContactPlace { at, other }),
            });
        }
        rest.is_empty().then_some(Self {
            epoch,
            since,
            round,
        })
    }
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

    prop_compose! {
        fn cursor()(
            epoch: u64, since: i64, round in prop::option::of((any::<i64>(), any::<i64>(), 1u32..)),
        ) -> Cursor {
            Cursor {
                epoch,
                since: UnixMillis(since),
                round: round.map(|(settled, at, other)| Round {
                    settled: UnixMillis(settled),
                    after: UserId::new(other).map(|other| ContactPlace { at: UnixMillis(at), other }),
                }),
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
            prop_assert!(Cursor::from_bytes(cut).is_none_or(|less| less.round.is_none()));
        }

        #[test]
        fn any_bytes_are_a_cursor_or_none(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            if let Some(cursor) = Cursor::from_bytes(&bytes) {
                prop_assert_eq!(Cursor::from_bytes(&cursor.to_bytes()), Some(cursor));
            }
        }
    }

    #[test]
    fn a_cursor_is_good_while_nothing_is_forgotten() {
        let oldest = UnixMillis(1_000);
        let place = UserId::new(1).map(|other| ContactPlace { at: oldest, other });
        let cursor = |since, settled: Option<i64>| Cursor {
            since: UnixMillis(since),
            round: settled.map(|settled| Round {
                settled: UnixMillis(settled),
                after: place,
            }),
            ..Cursor::new(7)
        };
        assert!(cursor(1_000, None).is_young(oldest));
        assert!(!cursor(999, None).is_young(oldest));
        assert!(cursor(BEGINNING.0, Some(1_000)).is_young(oldest));
        assert!(!cursor(BEGINNING.0, Some(999)).is_young(oldest));
        assert!(!cursor(BEGINNING.0, None).is_young(oldest));
    }
}
