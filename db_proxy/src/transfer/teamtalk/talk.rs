//! The rules for conversations: which messages are carried, which ids they get, and who takes part.
//!
//! Ids are 1, 2, 3 … in each conversation. Where TeamTalk's were that already, they stay. Where only some are missing,
//! the order stays. Where some are zero or there twice, or later ones are older, which happens when Redis loses its counters,
//! they say nothing about the order: then time does, as it does in TeamTalk's own history.

use std::sync::Arc;

use bytes::Bytes;

use super::messages::Clip;
use super::people::{Known, Member, id};
use crate::store::{MessageKind, Row, UnixMillis, Value};
use crate::transfer::Reason;

/// A message as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawMessage {
    /// Which of the conversation's relations it is in.
    pub part: usize,
    pub row: i64,
    pub sender: i64,
    pub msg_id: i64,
    pub kind: i64,
    pub content: Bytes,
    pub created: i64,
    /// Of a voice message, if there is one.
    pub clip: Option<Arc<Clip>>,
}

impl RawMessage {
    /// Where it stands among others.
    pub fn rank(&self, by_time: bool) -> (i64, usize, i64) {
        let first = if by_time { self.created } else { self.msg_id };
        (first, self.part, self.row)
    }
}

/// Two users, or a group, with what was written so far.
#[derive(Debug)]
pub struct Talk {
    pub low: u32,
    /// Of a group, its id; `low` is 0 then.
    pub high: u32,
    members: Vec<Member>,
    /// Those who have not seen a message yet, who joined last first.
    waiting: Vec<(UnixMillis, u32)>,
    /// Last message that was written before somebody joined.
    unseen: Vec<(u32, u32)>,
    last: u32,
    /// Messages of the lower of two users.
    by_low: u32,
    last_at: UnixMillis,
    created: Option<UnixMillis>,
    renumbered: bool,
}

/// A message that is carried, with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub id: u32,
    pub sender: u32,
    pub kind: MessageKind,
    pub created: UnixMillis,
    /// Its time was not a time yet.
    pub late: bool,
}

/// Whether the conversation is on somebody's list, and since when nothing happened to that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Session {
    pub listed: bool,
    pub updated: UnixMillis,
}

/// The rows of a conversation behind its messages.
#[derive(Debug, Default)]
pub struct Ended {
    pub conversation: Row,
    pub members: Vec<Row>,
    pub participants: Vec<Row>,
}

impl Talk {
    pub fn between(low: u32, high: u32) -> Self {
        let members = [low, high].map(|user| Member {
            user,
            joined: UnixMillis(0),
        });
        Self::new(low, high, members.into(), None)
    }

    pub fn in_group(group: u32, members: Vec<Member>, created: UnixMillis) -> Self {
        Self::new(0, group, members, Some(created))
    }

    fn new(low: u32, high: u32, members: Vec<Member>, created: Option<UnixMillis>) -> Self {
        let mut waiting: Vec<_> = members.iter().map(|one| (one.joined, one.user)).collect();
        waiting.sort_unstable_by(|a, b| b.cmp(a));
        Self {
            low,
            high,
            members,
            waiting,
            unseen: Vec::new(),
            last: 0,
            by_low: 0,
            last_at: UnixMillis(0),
            created,
            renumbered: false,
        }
    }

    pub fn is_group(&self) -> bool {
        self.low == 0
    }

    /// Messages that have a place.
    pub fn written(&self) -> u32 {
        self.last
    }

    /// Whether some id is not what it was.
    pub fn is_renumbered(&self) -> bool {
        self.renumbered
    }

    /// Gives the next message its place, or says why it has none.
    pub fn place(&mut self, raw: &RawMessage, known: &Known) -> Result<Placed, Reason> {
        let (sender, kind) = self.judge(raw, known)?;
        let (created, late) = known.time(raw.created);
        self.last += 1;
        self.by_low += u32::from(sender == self.low);
        self.renumbered |= i64::from(self.last) != raw.msg_id;
        self.last_at = self.last_at.max(created);
        self.created.get_or_insert(created);
        while let Some((_, user)) = self.waiting.pop_if(|(joined, _)| *joined <= created) {
            self.unseen.push((user, self.last - 1));
        }
        Ok(Placed {
            id: self.last,
            sender,
            kind,
            created,
            late,
        })
    }

    fn judge(&self, raw: &RawMessage, known: &Known) -> Result<(u32, MessageKind), Reason> {
        let group = self.is_group();
        let reason = |single, in_group| if group { in_group } else { single };
        let kind = match (group, raw.kind) {
            (false, 1 | 2) | (true, 17 | 18) => MessageKind(raw.kind as u8),
            _ => return Err(reason(Reason::MessageType, Reason::GroupMessageType)),
        };
        let may_write = if group {
            known.has_writer(raw.sender)
        } else {
            [self.low, self.high].map(i64::from).contains(&raw.sender)
        };
        let sender = id(raw.sender).filter(|_| may_write);
        let sender = sender.ok_or(reason(Reason::MessageSender, Reason::GroupMessageSender))?;
        if raw.content.is_empty() {
            return Err(reason(Reason::MessageEmpty, Reason::GroupMessageEmpty));
        }
        Ok((sender, kind))
    }

    /// The conversation before its last message: there, and with nothing in it.
    pub fn begun(&self) -> Row {
        vec![
            self.low.into(),
            self.high.into(),
            0i64.into(),
            0i64.into(),
            0i64.into(),
            self.created.unwrap_or_default().0.into(),
            0i64.into(),
        ]
    }

    /// What remains to be written. Everything counts as read: TeamTalk's counters of unread messages are in Redis alone.
    pub fn end(self, mut session: impl FnMut(u32) -> Option<Session>) -> Ended {
        let created = self.created.unwrap_or_default();
        let mut ended = Ended {
            conversation: vec![
                self.low.into(),
                self.high.into(),
                self.last.into(),
                self.by_low.into(),
                self.last_at.0.into(),
                created.0.into(),
                0i64.into(),
            ],
            ..Ended::default()
        };
        let unseen: std::collections::HashMap<u32, u32> = self.unseen.iter().copied().collect();
        for member in &self.members {
            let user = member.user;
            // who joined behind the last message has seen none
            let visible_after = unseen.get(&user).copied().unwrap_or(self.last);
            let session = session(user).unwrap_or_default();
            let own = match self.low {
                0 => 0,
                low if low == user => self.by_low,
                _ => self.last - self.by_low,
            };
            let hidden_through = if session.listed { 0 } else { self.last };
            if self.low == 0 {
                ended.members.push(vec![
                    self.high.into(),
                    user.into(),
                    0i64.into(),
                    0i64.into(),
                    member.joined.0.into(),
                    0i64.into(),
                    String::new().into(),
                    0i64.into(),
                ]);
            }
            ended.participants.push(vec![
                self.low.into(),
                self.high.into(),
                user.into(),
                self.last.into(),
                own.into(),
                hidden_through.into(),
                visible_after.into(),
                session.updated.max(created).0.into(),
                Value::Null,
                Value::Null,
                0i64.into(),
            ]);
        }
        ended
    }
}

impl Placed {
    /// The message as a row.
    pub fn row(&self, talk: &Talk, body: Bytes) -> Row {
        vec![
            talk.low.into(),
            talk.high.into(),
            self.id.into(),
            self.sender.into(),
            i64::from(self.kind.0).into(),
            body.into(),
            self.created.0.into(),
            Value::Null,
            0i64.into(),
            0i64.into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known() -> Known {
        Known {
            users: [1, 2, 3].into(),
            ..Known::at(UnixMillis::from_seconds(1_000))
        }
    }

    fn raw(row: i64, sender: i64, msg_id: i64, created: i64) -> RawMessage {
        RawMessage {
            row,
            sender,
            msg_id,
            kind: 1,
            content: Bytes::from_static(b"x"),
            created,
            ..RawMessage::default()
        }
    }

    #[test]
    fn ids_that_are_sound_stay() {
        let mut talk = Talk::between(1, 2);
        for n in 1..=3 {
            let placed = talk.place(&raw(9 - n, 1, n, 7), &known()).unwrap();
            assert_eq!(i64::from(placed.id), n);
        }
        assert!(!talk.is_renumbered());
        talk.place(&raw(10, 2, 5, 8), &known()).unwrap();
        assert!(talk.is_renumbered());
    }

    #[test]
    fn what_no_client_can_show_has_no_place() {
        let mut talk = Talk::between(1, 2);
        let mut reason = |raw: RawMessage| talk.place(&raw, &known()).unwrap_err();
        assert_eq!(reason(raw(1, 3, 1, 1)), Reason::MessageSender);
        let group_text = RawMessage {
            kind: 17,
            ..raw(1, 1, 1, 1)
        };
        assert_eq!(reason(group_text), Reason::MessageType);
        let empty = RawMessage {
            content: Bytes::new(),
            ..raw(1, 1, 1, 1)
        };
        assert_eq!(reason(empty), Reason::MessageEmpty);
        assert_eq!(talk.written(), 0);
    }

    proptest! {
        /// Whatever the rows are: ids are 1, 2, 3 …, nobody sees what was written before he joined, and everybody sees
        /// all that came after the first message since.
        #[test]
        fn ids_have_no_gap_and_newcomers_see_what_came_later(
            rows in prop::collection::vec((0i64..4, 0i64..30, 0i64..40), 0..60),
            joined in prop::collection::vec(0u32..45, 3),
            by_time: bool,
        ) {
            let members = (1..).zip(&joined).map(|(user, at)| Member {
                user,
                joined: UnixMillis::from_seconds(*at),
            });
            let mut talk = Talk::in_group(9, members.collect(), UnixMillis(0));
            let mut rows: Vec<RawMessage> = (1..).zip(&rows)
                .map(|(row, (sender, msg_id, at))| RawMessage { kind: 17, ..raw(row, *sender, *msg_id, *at) })
                .collect();
            rows.sort_by_key(|raw| raw.rank(by_time));
            let mut placed = Vec::new();
            for raw in &rows {
                match talk.place(raw, &known()) {
                    Ok(message) => placed.push(message),
                    Err(reason) => prop_assert_eq!(reason, Reason::GroupMessageSender),
                }
            }
            let ids = Vec::from_iter(placed.iter().map(|message| message.id));
            prop_assert_eq!(&ids, &Vec::from_iter(1..=ids.len() as u32));
            let ended = talk.end(|_| None);
            prop_assert_eq!(ended.participants.len(), 3);
            for (participant, joined) in ended.participants.iter().zip(&joined) {
                let after = participant[6].int() as usize;
                let joined = UnixMillis::from_seconds(*joined);
                prop_assert!(placed[..after].iter().all(|message| message.created < joined));
                prop_assert!(placed.get(after).is_none_or(|message| message.created >= joined));
            }
        }

        /// A conversation that is read again from its beginning is numbered as before: that is what resuming relies on.
        #[test]
        fn the_order_does_not_depend_on_how_rows_come(
            rows in prop::collection::vec((0i64..9, 0i64..9, 0usize..2), 0..40),
            by_time: bool,
        ) {
            let rows: Vec<RawMessage> = (1..).zip(rows)
                .map(|(row, (msg_id, at, part))| RawMessage { part, ..raw(row, 1, msg_id, at) })
                .collect();
            let mut forwards = rows.clone();
            let mut backwards = rows;
            backwards.reverse();
            for rows in [&mut forwards, &mut backwards] {
                rows.sort_by_key(|raw| raw.rank(by_time));
            }
            prop_assert_eq!(forwards, backwards);
        }
    }
}
