//! Messages of one conversation in order, out of as many tables as they are in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, MySqlConnection};

use super::TeamTalkError;
use super::schema::{self, Schema, bytes, int, once, text};
use super::survey::{Part, columns};
use super::talk::RawMessage;
use crate::store::UnixMillis;

/// Messages of a long conversation that are fetched at once.
const PAGE: usize = 1_000;

/// Seconds by which a later id may be older: clocks of several servers differ.
const CLOCKS_DIFFER: i64 = 60;

/// The messages of a conversation, part by part, merged as they are taken.
pub(super) struct Feed {
    order: Order,
    parts: Vec<PartFeed>,
}

/// What messages are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Ids,
    /// Their ids are of more than one sequence.
    TimeOfParts,
    /// Ids are zero or there twice.
    TimeOfMuddled,
    /// Ids began again, and those they began with are gone.
    TimeOfRestarted,
}

struct PartFeed {
    part: Part,
    buffer: VecDeque<RawMessage>,
    /// Where the next page begins; `None`: there is none.
    next: Option<(i64, i64)>,
}

/// A voice clip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clip {
    pub(super) path: String,
    pub(super) size: i64,
    pub(super) duration: u32,
}

impl Order {
    fn is_by_time(self) -> bool {
        self != Self::Ids
    }

    /// As far as the survey knows.
    fn of(parts: &[Part]) -> Self {
        if parts.iter().any(|part| part.muddled) {
            Self::TimeOfMuddled
        } else if parts.len() > 1 {
            Self::TimeOfParts
        } else {
            Self::Ids
        }
    }
}

/// Finds out whether ids began again: asked of all messages in the order of their ids.
struct Restarts {
    now: i64,
    last: i64,
    found: bool,
}

impl Restarts {
    fn new(now: UnixMillis) -> Self {
        Self {
            now: now.0 / 1000,
            last: 0,
            found: false,
        }
    }

    fn pass(&mut self, created: i64) {
        // neither no time nor one of the future says anything
        if created > 0 && created <= self.now {
            self.found |= created + CLOCKS_DIFFER < self.last;
            self.last = created;
        }
    }
}

impl Feed {
    /// With the messages that were fetched before; without, they are fetched page by page.
    pub(super) async fn new(
        connection: &mut MySqlConnection,
        schema: &Schema,
        parts: &[Part],
        loaded: Option<Vec<RawMessage>>,
        now: UnixMillis,
    ) -> Result<Self, TeamTalkError> {
        let mut order = Order::of(parts);
        let paged = loaded.is_none();
        let mut loaded = loaded.unwrap_or_default();
        loaded.sort_by_key(|raw| raw.rank(order.is_by_time()));
        if order == Order::Ids {
            let mut restarts = Restarts::new(now);
            for raw in &loaded {
                restarts.pass(raw.created);
            }
            if let (true, Some(part)) = (paged, parts.first()) {
                look_through(connection, schema, part, &mut restarts).await?;
            }
            if restarts.found {
                order = Order::TimeOfRestarted;
                loaded.sort_by_key(|raw| raw.rank(true));
            }
        }
        let mut feeds: Vec<_> = parts
            .iter()
            .map(|part| PartFeed {
                part: *part,
                buffer: VecDeque::new(),
                next: (paged && part.rows > 0).then_some((i64::MIN, i64::MIN)),
            })
            .collect();
        for raw in loaded {
            if let Some(feed) = feeds.get_mut(raw.part) {
                feed.buffer.push_back(raw);
            }
        }
        Ok(Self {
            order,
            parts: feeds,
        })
    }

    pub(super) fn order(&self) -> Order {
        self.order
    }

    pub(super) async fn next(
        &mut self,
        connection: &mut MySqlConnection,
        schema: &Schema,
    ) -> Result<Option<RawMessage>, TeamTalkError> {
        let by_time = self.order.is_by_time();
        for (place, part) in self.parts.iter_mut().enumerate() {
            if part.buffer.is_empty()
                && let Some(after) = part.next
            {
                let mut page = page(connection, schema, &part.part, by_time, after, place).await?;
                part.next = page.last().filter(|_| page.len() == PAGE).map(|last| {
                    let (first, _, row) = last.rank(by_time);
                    (first, row)
                });
                find_clips(connection, schema, page.iter_mut()).await?;
                part.buffer = page.into();
            }
        }
        let ranks = self.parts.iter().enumerate();
        let first = ranks
            .filter_map(|(place, part)| Some((part.buffer.front()?.rank(by_time), place)))
            .min();
        Ok(first.and_then(|(_, place)| self.parts[place].buffer.pop_front()))
    }
}

/// All times of a long conversation in the order of ids, out of an index alone.
async fn look_through(
    connection: &mut MySqlConnection,
    schema: &Schema,
    part: &Part,
    restarts: &mut Restarts,
) -> Result<(), TeamTalkError> {
    let groups = part.low == 0;
    let table = &schema.shards(groups)[usize::from(part.shard)];
    let (column, _) = columns(groups);
    let sql = format!(
        "SELECT {} FROM {} WHERE {column} = ? AND {} ORDER BY msgId",
        table.int("created"),
        table.sql(),
        table.live(),
    );
    let mut rows = sqlx::query(AssertSqlSafe(sql))
        .bind(part.source)
        .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        restarts.pass(int(&row, 0)?);
    }
    Ok(())
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
    let range = range(by_time, &table.order("created"));
    let sql = format!(
        "SELECT {} FROM {} WHERE {column} = ? AND {} AND {range} LIMIT {PAGE}",
        selected(table, groups),
        table.sql(),
        table.live(),
    );
    let mut query = sqlx::query(AssertSqlSafe(sql))
        .bind(part.source)
        .bind(first);
    if by_time {
        query = query.bind(first).bind(row);
    }
    let rows = query.fetch_all(connection).await?;
    rows.iter().map(|row| raw(row, place)).collect()
}

/// Behind the last row of a page, in the order of an index.
fn range(by_time: bool, created: &str) -> String {
    if by_time {
        format!("{created} >= ? AND ({created} > ? OR id > ?) ORDER BY {created}, id")
    } else {
        // no two are the same, else it would go by time; with the row's id there would be no such index
        "msgId > ? ORDER BY msgId".to_owned()
    }
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
        clip: None,
    })
}

/// Looks up the clips of voice messages. They stay with their messages, for as long as these are needed.
pub(super) async fn find_clips(
    connection: &mut MySqlConnection,
    schema: &Schema,
    messages: impl Iterator<Item = &mut RawMessage>,
) -> Result<(), TeamTalkError> {
    let Some(table) = &schema.audio else {
        return Ok(());
    };
    let mut wanted: HashMap<i64, Vec<&mut RawMessage>> = HashMap::new();
    for message in messages {
        if let Some(id) = clip_id(message) {
            wanted.entry(id).or_default().push(message);
        }
    }
    let ids = Vec::from_iter(wanted.keys().copied());
    for ids in ids.chunks(PAGE) {
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
            let clip = Arc::new(Clip {
                path: text(row, 1)?,
                size: int(row, 2)?,
                duration: u32::try_from(int(row, 3)?).unwrap_or(0),
            });
            for message in wanted.remove(&int(row, 0)?).unwrap_or_default() {
                message.clip = Some(Arc::clone(&clip));
            }
        }
    }
    Ok(())
}

/// A voice message's content is the id of its clip in decimal.
fn clip_id(raw: &RawMessage) -> Option<i64> {
    let is_voice = matches!(raw.kind, 2 | 18);
    let content = str::from_utf8(&raw.content).ok().filter(|_| is_voice)?;
    content.trim().parse().ok().filter(|id| *id > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TeamTalk's indexes end with msgId and created, and those of the second kind with the row's id behind them.
    #[test]
    fn pages_are_in_the_order_of_an_index() {
        assert!(range(false, "`created`").ends_with("ORDER BY msgId"));
        assert!(range(true, "`created`").ends_with("ORDER BY `created`, id"));
    }

    #[test]
    fn only_a_long_step_back_is_a_restart() {
        let restarts = |times: &[i64]| {
            let mut restarts = Restarts::new(UnixMillis::from_seconds(1_000));
            times.iter().for_each(|time| restarts.pass(*time));
            restarts.found
        };
        assert!(!restarts(&[100, 200, 140, 300]));
        assert!(!restarts(&[100, 0, 2_000, 101]));
        assert!(restarts(&[100, 200, 139]));
    }
}
