//! Messages of one conversation in order, out of as many tables as they are in.

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::Bytes;
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, MySqlConnection};

use super::TeamTalkError;
use super::schema::{self, Schema, bytes, int, once, text};
use super::survey::{Part, columns};
use super::talk::RawMessage;

/// Messages of a long conversation that are fetched at once.
const PAGE: usize = 1_000;

/// Clips whose addresses are remembered.
const CLIPS: usize = 20_000;

/// The messages of a conversation, part by part, merged as they are taken.
pub(super) struct Feed {
    by_time: bool,
    parts: Vec<PartFeed>,
}

struct PartFeed {
    part: Part,
    buffer: VecDeque<RawMessage>,
    /// Where the next page begins; `None`: there is none.
    next: Option<(i64, i64)>,
}

/// What is known of voice clips.
#[derive(Default)]
pub(super) struct Audio {
    clips: HashMap<i64, Clip>,
}

#[derive(Clone, Debug)]
pub(super) struct Clip {
    pub(super) path: String,
    pub(super) size: i64,
    pub(super) duration: u32,
}

impl Feed {
    /// With the messages that were fetched before; without, they are fetched page by page.
    pub(super) fn new(parts: &[Part], loaded: Option<Vec<RawMessage>>) -> Self {
        let by_time = is_by_time(parts);
        let paged = loaded.is_none();
        let mut feeds: Vec<_> = parts
            .iter()
            .map(|part| PartFeed {
                part: *part,
                buffer: VecDeque::new(),
                next: (paged && part.rows > 0).then_some((i64::MIN, i64::MIN)),
            })
            .collect();
        let mut loaded = loaded.unwrap_or_default();
        loaded.sort_by_key(|raw| raw.rank(by_time));
        for raw in loaded {
            if let Some(feed) = feeds.get_mut(raw.part) {
                feed.buffer.push_back(raw);
            }
        }
        Self {
            by_time,
            parts: feeds,
        }
    }

    pub(super) async fn next(
        &mut self,
        connection: &mut MySqlConnection,
        schema: &Schema,
        audio: &mut Audio,
    ) -> Result<Option<RawMessage>, TeamTalkError> {
        for (place, part) in self.parts.iter_mut().enumerate() {
            if part.buffer.is_empty()
                && let Some(after) = part.next
            {
                let page = page(connection, schema, &part.part, self.by_time, after, place).await?;
                part.next = page.last().filter(|_| page.len() == PAGE).map(|last| {
                    let (first, _, row) = last.rank(self.by_time);
                    (first, row)
                });
                audio.learn(connection, schema, &page).await?;
                part.buffer = page.into();
            }
        }
        let ranks = self.parts.iter().enumerate();
        let first = ranks
            .filter_map(|(place, part)| Some((part.buffer.front()?.rank(self.by_time), place)))
            .min();
        Ok(first.and_then(|(_, place)| self.parts[place].buffer.pop_front()))
    }
}

/// Ids say nothing about the order where they are doubtful, or of more than one sequence.
pub(super) fn is_by_time(parts: &[Part]) -> bool {
    parts.len() > 1 || parts.iter().any(|part| part.muddled)
}

async fn page(
    connection: &mut MySqlConnection,
    schema: &Schema,
    part: &Part,
    by_time: bool,
    (first, row): (i64, i64),
    place: usize,
) -> Result<Vec<RawMessage>, TeamTalkError> {
    let groups = part.low == 0;
    let table = &schema.shards(groups)[usize::from(part.shard)];
    let (column, _) = columns(groups);
    // in the order of an index, so that a page costs no more than its rows
    let order = if by_time { "created" } else { "msgId" };
    let sql = format!(
        "SELECT {} FROM {} WHERE {column} = ? AND {} AND {order} >= ? AND ({order} > ? OR id > ?)
         ORDER BY {order}, id LIMIT {PAGE}",
        selected(table, groups),
        table.sql(),
        table.live(),
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(part.source)
        .bind(first)
        .bind(first)
        .bind(row)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| raw(row, place)).collect()
}

/// By relation or group: the parties, and which part of theirs it is.
type Places = HashMap<u32, (u32, u32, usize)>;

/// The messages of short conversations, each with its part's place.
pub(super) async fn load(
    connection: &mut MySqlConnection,
    schema: &Schema,
    parts: &[Part],
) -> Result<HashMap<(u32, u32), Vec<RawMessage>>, TeamTalkError> {
    let mut loaded: HashMap<(u32, u32), Vec<RawMessage>> = HashMap::new();
    let mut wanted: HashMap<(bool, u16), Places> = HashMap::new();
    let mut place = 0;
    for (n, part) in parts.iter().enumerate() {
        let before = n.checked_sub(1).map(|n| &parts[n]);
        let same = before.is_some_and(|other| (other.low, other.high) == (part.low, part.high));
        place = if same { place + 1 } else { 0 };
        loaded.entry((part.low, part.high)).or_default();
        if part.rows > 0 {
            let shard = wanted.entry((part.low == 0, part.shard)).or_default();
            shard.insert(part.source, (part.low, part.high, place));
        }
    }
    for ((groups, shard), wanted) in wanted {
        let table = &schema.shards(groups)[usize::from(shard)];
        let (column, _) = columns(groups);
        let sources = Vec::from_iter(wanted.keys().map(u32::to_string)).join(",");
        let sql = format!(
            "SELECT {} FROM {} WHERE {column} IN ({sources}) AND {}",
            selected(table, groups),
            table.sql(),
            table.live(),
        );
        let rows = once(connection, sql).await?;
        for row in &rows {
            let source = u32::try_from(int(row, 6)?).unwrap_or(0);
            if let Some((low, high, place)) = wanted.get(&source) {
                let talk = loaded.entry((*low, *high)).or_default();
                talk.push(raw(row, *place)?);
            }
        }
    }
    Ok(loaded)
}

fn selected(table: &schema::Table, groups: bool) -> String {
    let sender = if groups { "userId" } else { "fromId" };
    let (column, _) = columns(groups);
    [
        table.int("id"),
        table.int(sender),
        table.int("msgId"),
        table.int("type"),
        table.int("created"),
        table.bytes("content"),
        table.int(column),
    ]
    .join(", ")
}

fn raw(row: &MySqlRow, part: usize) -> Result<RawMessage, TeamTalkError> {
    Ok(RawMessage {
        part,
        row: int(row, 0)?,
        sender: int(row, 1)?,
        msg_id: int(row, 2)?,
        kind: int(row, 3)?,
        created: int(row, 4)?,
        content: Bytes::from(bytes(row, 5)?),
    })
}

impl Audio {
    /// Looks up the clips of voice messages.
    pub(super) async fn learn(
        &mut self,
        connection: &mut MySqlConnection,
        schema: &Schema,
        messages: &[RawMessage],
    ) -> Result<(), TeamTalkError> {
        let Some(table) = &schema.audio else {
            return Ok(());
        };
        if self.clips.len() > CLIPS {
            self.clips.clear();
        }
        let ids: HashSet<i64> = messages.iter().filter_map(clip_id).collect();
        for ids in Vec::from_iter(ids).chunks(PAGE) {
            let list = Vec::from_iter(ids.iter().map(i64::to_string)).join(",");
            let sql = format!(
                "SELECT {}, {}, {}, {} FROM {} WHERE id IN ({list})",
                table.int("id"),
                table.text("path"),
                table.int("size"),
                table.int("duration"),
                table.sql()
            );
            let rows = once(connection, sql).await?;
            for row in &rows {
                let clip = Clip {
                    path: text(row, 1)?,
                    size: int(row, 2)?,
                    duration: u32::try_from(int(row, 3)?).unwrap_or(0),
                };
                self.clips.insert(int(row, 0)?, clip);
            }
        }
        Ok(())
    }

    /// The clip of a voice message.
    pub(super) fn of(&self, raw: &RawMessage) -> Option<&Clip> {
        self.clips.get(&clip_id(raw)?)
    }
}

/// A voice message's content is the id of its clip in decimal.
fn clip_id(raw: &RawMessage) -> Option<i64> {
    let is_voice = matches!(raw.kind, 2 | 18);
    let content = str::from_utf8(&raw.content).ok().filter(|_| is_voice)?;
    content.trim().parse().ok().filter(|id| *id > 0)
}
