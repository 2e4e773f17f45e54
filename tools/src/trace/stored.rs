//! What the store has.

use db_proxy::store::{self, Conversation as Parties, MessageStore, PageLimit, Store, sqlite_path};
use im_base::telemetry::trace::Conversation;
use proto::ids::{GroupId, MessageId, UserId};
use serde_json::{Value, json};

use crate::users::StoreArgs;

/// The message in the store. Its text is nobody's business here.
pub(super) enum Stored {
    /// It is there.
    Found {
        sender: u32,
        bytes: usize,
        kind: u8,
        at_ms: i64,
    },
    /// It is not there, or nobody who is in the group now may see it.
    Missing,
    /// There is no store that could be looked into, and why.
    Unknown(String),
    /// Nothing is known of it that could be looked for.
    NotLookedFor,
}

/// Looks into the store that the arguments name. A store of SQLite is not made by looking into it.
pub(super) async fn find(args: &StoreArgs, conversation: Conversation, id: u32) -> Stored {
    match look(args, conversation, id).await {
        Ok(stored) => stored,
        Err(error) => Stored::Unknown(format!("{error:#}")),
    }
}

async fn look(args: &StoreArgs, conversation: Conversation, id: u32) -> anyhow::Result<Stored> {
    let (url, password) = args.url()?;
    if let Some(path) = sqlite_path(&url)
        && !path.exists()
    {
        return Ok(Stored::Unknown(format!("there is no {}", path.display())));
    }
    let store = store::open_with(&url, password.as_deref()).await?;
    let Some(id) = MessageId::new(id) else {
        return Ok(Stored::Missing);
    };
    let Some((reader, parties)) = reader(&*store, conversation).await? else {
        return Ok(Stored::Missing);
    };
    let limit = PageLimit {
        rows: 1,
        bytes: usize::MAX,
    };
    for reader in reader {
        let found = MessageStore::messages(&*store, reader, parties, &[id], limit).await?;
        if let Some(message) = found.first() {
            return Ok(Stored::Found {
                sender: message.sender.get(),
                bytes: message.body.len(),
                kind: message.kind.0,
                at_ms: message.created_at.0,
            });
        }
    }
    Ok(Stored::Missing)
}

/// Those on whose behalf it may be looked at. In a group each sees what was written since he joined.
async fn reader(
    store: &dyn Store,
    conversation: Conversation,
) -> anyhow::Result<Option<(Vec<UserId>, Parties)>> {
    match conversation {
        Conversation::Single(one, other) => {
            let (one, other) = (UserId::new(one), UserId::new(other));
            let parties = one
                .zip(other)
                .and_then(|(one, other)| Parties::between(one, other));
            Ok(one.zip(parties).map(|(one, parties)| (vec![one], parties)))
        }
        Conversation::Group(group) => {
            let Some(group) = GroupId::new(group) else {
                return Ok(None);
            };
            let members = store.group_members(group).await?;
            Ok(members.map(|members| (members.members, Parties::Group(group))))
        }
    }
}

impl Stored {
    pub(super) fn is_found(&self) -> bool {
        matches!(self, Self::Found { .. })
    }

    /// A sentence's end.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Found {
                sender,
                bytes,
                kind,
                at_ms,
            } => {
                let what = match kind & 0x0f {
                    1 => "text",
                    2 => "sound",
                    _ => "something",
                };
                let at = jiff::Timestamp::from_millisecond(*at_ms)
                    .map_or_else(|_| format!("{at_ms} ms"), |at| at.to_string());
                format!("{what} of {bytes} bytes from user {sender}, in the store since {at}")
            }
            Self::Missing => "not in the store".to_owned(),
            Self::Unknown(why) => format!("the store cannot be looked into: {why}"),
            Self::NotLookedFor => "no process knows that it was stored".to_owned(),
        }
    }

    pub(super) fn json(&self) -> Value {
        match self {
            Self::Found {
                sender,
                bytes,
                kind,
                at_ms,
            } => json!({"sender": sender, "bytes": bytes, "msg_type": kind, "at_ms": at_ms}),
            Self::Missing => json!(false),
            Self::Unknown(_) | Self::NotLookedFor => Value::Null,
        }
    }
}
