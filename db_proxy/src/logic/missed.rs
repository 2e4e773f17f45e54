//! Messages that a msg_server may have missed: what was stored a short while ago, for the users it has.

use std::sync::Arc;
use std::time::Duration;

use proto::ids::UserId;

use crate::store::{
    Conversation, Counterpart, MessageRange, PageLimit, Store, StoreError, StoredMessage,
    UNSETTLED, UnixMillis,
};

/// Most users of one question.
pub const MAX_USERS: usize = 500;

/// How far back is looked at most, whatever is asked.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// A message, and to whom it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedMessage {
    pub to: Counterpart,
    /// A group's, at this moment.
    pub group_version: Option<u32>,
    pub message: StoredMessage,
}

/// As many messages as fit into one answer, by conversation and in each the oldest first.
#[derive(Clone, Debug, Default)]
pub struct MissedPage {
    /// The store's time when it was read.
    pub now: UnixMillis,
    pub messages: Vec<MissedMessage>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<MissedPlace>,
}

/// A place among what is missed. It holds everything that is needed to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissedPlace {
    since: UnixMillis,
    /// A conversation's number, and the message up to which it was given.
    number: u64,
    reached: u32,
}

impl MissedPlace {
    const VERSION: u8 = 1;

    pub fn to_bytes(self) -> Vec<u8> {
        let mut bytes = vec![Self::VERSION];
        bytes.extend(self.since.0.to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(self.reached.to_be_bytes());
        bytes
    }

    /// `None` for what `to_bytes` did not make.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (since, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let reached = rest.try_into().ok()?;
        (*version == Self::VERSION).then(|| Self {
            since: UnixMillis(i64::from_be_bytes(*since)),
            number: u64::from_be_bytes(*number),
            reached: u32::from_be_bytes(reached),
        })
    }
}

/// Looks up what was stored a short while ago.
#[derive(Clone)]
pub struct Missed {
    store: Arc<dyn Store>,
    limit: PageLimit,
}

impl Missed {
    /// `limit` is that of one answer.
    pub fn new(store: Arc<dyn Store>, limit: PageLimit) -> Self {
        Self { store, limit }
    }

    /// The messages of these users' conversations that were stored within the last `age`, or shortly before: by the
    /// store's clock, and with everything that had a stamp then and was not committed yet. A message comes once, whoever
    /// of them it is for; one that none of them sees does not come. Of the users, no more are looked at than one question
    /// may name.
    pub async fn page(
        &self,
        users: &[UserId],
        age: Duration,
        place: Option<MissedPlace>,
    ) -> Result<MissedPage, StoreError> {
        let mut users = users[..users.len().min(MAX_USERS)].to_vec();
        users.sort_unstable();
        users.dedup();
        if users.is_empty() {
            return Ok(MissedPage::default());
        }
        let now = self.store.moment().await?.now;
        let place = match place {
            Some(place) => place,
            None => MissedPlace {
                since: now.before(age.min(MAX_AGE)).before(UNSETTLED),
                number: 0,
                reached: 0,
            },
        };
        let rows = self.limit.rows.clamp(1, 10_000);
        let active = self
            .store
            .active_conversations(&users, place.since, place.number, rows + 1)
            .await?;
        let mut ranges = Vec::new();
        let mut room = u32::try_from(rows).unwrap_or(u32::MAX);
        // whether what is asked for below is all there is
        let mut all = active.len() <= rows;
        for found in &active {
            let mut after = found.after;
            if found.conversation.number() == place.number {
                after = after.max(place.reached);
            }
            let wanted = found.last.saturating_sub(after);
            all &= wanted <= room;
            if wanted.min(room) > 0 {
                ranges.push(MessageRange {
                    conversation: found.conversation,
                    first: after + 1,
                    last: after + wanted.min(room),
                });
                room -= wanted.min(room);
            }
        }
        let limit = PageLimit { rows, ..self.limit };
        let read = self.store.ranges(&ranges, limit).await?;
        let wanted: u64 = ranges
            .iter()
            .map(|range| u64::from(range.last - range.first) + 1)
            .sum();
        all &= read.len() as u64 == wanted;
        let reached = match read.last() {
            Some((conversation, message)) => Some((conversation.number(), message.id.get())),
            // conversations whose messages are all older than what is known of their times
            None => active
                .last()
                .map(|found| (found.conversation.number(), found.last)),
        };
        let next = reached
            .filter(|_| !all)
            .map(|(number, reached)| MissedPlace {
                number,
                reached,
                ..place
            });
        let version = |conversation: Conversation| {
            let found = active.iter().find(|f| f.conversation == conversation);
            found.and_then(|found| found.group_version)
        };
        let missed = |(conversation, message): (Conversation, StoredMessage)| {
            Some(MissedMessage {
                to: conversation.counterpart_of(message.sender)?,
                group_version: version(conversation),
                message,
            })
        };
        Ok(MissedPage {
            now,
            messages: read.into_iter().filter_map(missed).collect(),
            next,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_place_comes_back_from_its_bytes(since: i64, number: u64, reached: u32) {
            let place = MissedPlace { since: UnixMillis(since), number, reached };
            prop_assert_eq!(MissedPlace::from_bytes(&place.to_bytes()), Some(place));
        }

        #[test]
        fn any_bytes_are_a_place_or_none(bytes in prop::collection::vec(any::<u8>(), 0..30)) {
            if let Some(place) = MissedPlace::from_bytes(&bytes) {
                prop_assert_eq!(place.to_bytes(), bytes);
            }
        }
    }
}
