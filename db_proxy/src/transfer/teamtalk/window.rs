//! The conversations that come next, with all that is needed to carry them: fetched together, since most are short.

use std::collections::HashMap;

use sqlx::MySqlConnection;

use super::TeamTalkError;
use super::messages::{find_clips, load};
use super::people::Known;
use super::raw::RawMember;
use super::schema::{Schema, int, once};
use super::survey::Part;
use super::talk::{RawMessage, Session};

/// Conversations and messages of one window. A conversation with more messages is read page by page.
const TALKS: usize = 256;
const MESSAGES: u32 = 2_000;

/// Conditions of one statement.
const CONDITIONS: usize = 200;

#[derive(Default)]
pub(super) struct Window {
    /// Behind its last part.
    pub(super) end: usize,
    pub(super) messages: HashMap<(u32, u32), Vec<RawMessage>>,
    pub(super) members: HashMap<u32, Vec<RawMember>>,
    sessions: HashMap<(u32, u32, bool), Found>,
}

/// Entries of somebody's list for one conversation.
#[derive(Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) session: Session,
    pub(super) entries: u64,
}

impl Window {
    pub(super) async fn load(
        connection: &mut MySqlConnection,
        schema: &Schema,
        known: &Known,
        parts: &[Part],
        start: usize,
    ) -> Result<Self, TeamTalkError> {
        let (mut end, mut talks, mut rows) = (start, 0, 0);
        let mut short = Vec::new();
        while end < parts.len() && talks < TALKS && rows < MESSAGES {
            let talk = talk_at(parts, end);
            let of_talk: u32 = talk
                .iter()
                .fold(0, |sum, part| sum.saturating_add(part.rows));
            if of_talk <= MESSAGES {
                short.extend_from_slice(talk);
                rows += of_talk;
            }
            end += talk.len();
            talks += 1;
        }
        let mut window = Self {
            end,
            messages: load(connection, schema, &short).await?,
            ..Self::default()
        };
        let messages = window.messages.values_mut().flatten();
        find_clips(connection, schema, messages).await?;
        let parts = &parts[start..end];
        window.members(connection, schema, parts).await?;
        window.sessions(connection, schema, known, parts).await?;
        Ok(window)
    }

    pub(super) fn session(&self, user: u32, peer: u32, group: bool) -> Option<Found> {
        self.sessions.get(&(user, peer, group)).copied()
    }

    async fn members(
        &mut self,
        connection: &mut MySqlConnection,
        schema: &Schema,
        parts: &[Part],
    ) -> Result<(), TeamTalkError> {
        let groups = parts.iter().filter(|part| part.low == 0);
        let groups = Vec::from_iter(groups.map(|part| part.high.to_string()));
        if groups.is_empty() {
            return Ok(());
        }
        let table = &schema.members;
        let sql = format!(
            "SELECT {}, {}, {}, {} FROM {} WHERE groupId IN ({})",
            table.int("groupId"),
            table.int("userId"),
            table.status(),
            table.int("updated"),
            table.sql(),
            groups.join(",")
        );
        let rows = once(connection, sql).await?;
        for row in &rows {
            let group = u32::try_from(int(row, 0)?).unwrap_or(0);
            self.members.entry(group).or_default().push(RawMember {
                user: int(row, 1)?,
                status: int(row, 2)?,
                updated: int(row, 3)?,
            });
        }
        Ok(())
    }

    async fn sessions(
        &mut self,
        connection: &mut MySqlConnection,
        schema: &Schema,
        known: &Known,
        parts: &[Part],
    ) -> Result<(), TeamTalkError> {
        let mut of_users = Vec::new();
        let mut of_groups = Vec::new();
        let mut last = (u32::MAX, 0);
        for part in parts {
            let talk = (part.low, part.high);
            if talk == last {
                continue;
            }
            last = talk;
            let (low, high) = talk;
            if low == 0 {
                let members = self.members.get(&high).map_or(&[][..], Vec::as_slice);
                for members in members.chunks(CONDITIONS) {
                    let users = Vec::from_iter(members.iter().map(|one| one.user.to_string()));
                    of_groups.push(format!(
                        "(peerId = {high} AND userId IN ({}))",
                        users.join(",")
                    ));
                }
            } else {
                of_users.push(format!("(userId = {low} AND peerId = {high})"));
                of_users.push(format!("(userId = {high} AND peerId = {low})"));
            }
        }
        let groups = of_groups.chunks(1).map(|conditions| (2, conditions));
        let users = of_users
            .chunks(CONDITIONS)
            .map(|conditions| (1, conditions));
        for (kind, conditions) in groups.chain(users) {
            self.find(connection, schema, known, kind, conditions)
                .await?;
        }
        Ok(())
    }

    async fn find(
        &mut self,
        connection: &mut MySqlConnection,
        schema: &Schema,
        known: &Known,
        kind: i64,
        conditions: &[String],
    ) -> Result<(), TeamTalkError> {
        let table = &schema.sessions;
        let sql = format!(
            "SELECT {}, {}, {}, {} FROM {} WHERE type = {kind} AND ({})",
            table.int("userId"),
            table.int("peerId"),
            table.status(),
            table.int("updated"),
            table.sql(),
            conditions.join(" OR ")
        );
        let rows = once(connection, sql).await?;
        for row in &rows {
            let [user, peer] =
                [int(row, 0)?, int(row, 1)?].map(|id| u32::try_from(id).unwrap_or(0));
            let found = self.sessions.entry((user, peer, kind == 2)).or_default();
            let (updated, _) = known.time(int(row, 3)?);
            found.entries += 1;
            found.session.listed |= int(row, 2)? == 0;
            found.session.updated = updated.max(found.session.updated);
        }
        Ok(())
    }
}

/// The parts of the conversation that begins there.
pub(super) fn talk_at(parts: &[Part], start: usize) -> &[Part] {
    let Some(first) = parts.get(start) else {
        return &[];
    };
    let same = |part: &&Part| (part.low, part.high) == (first.low, first.high);
    let count = parts[start..].iter().take_while(same).count();
    &parts[start..start + count]
}
