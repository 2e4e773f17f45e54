//! How a device that comes back gets what it missed: by asking for what changed where the server grants it, otherwise as stock
//! clients do, by the lists of recent and of unread conversations and by history.

use std::time::Duration;

use bytes::Bytes;
use proto::im::ext::message::{ImSyncReq, ImSyncRsp, KnownConversation};
use tokio::time::sleep;

use super::super::history::{History, Standing, Talk, Way, What};
use super::content::Run;
use super::memory::Memory;
use crate::client::{Conversation, Message, RequestError, Session};

/// Messages of one page.
const PAGE: u32 = 100;

/// Before something that failed is asked again.
const AGAIN: Duration = Duration::from_millis(300);

/// What a device knew before, and knows afterwards.
#[derive(Clone, Debug, Default)]
pub(super) struct Knowledge {
    /// Which messages.
    pub(super) memory: Memory,
    /// Up to which change, where servers tell.
    pub(super) cursor: Option<Bytes>,
}

/// One device, catching up over one connection.
pub(super) struct CatchUp {
    pub(super) device: u32,
    pub(super) connection: u32,
    pub(super) session: Session,
    pub(super) syncs: bool,
    pub(super) run: Run,
    pub(super) history: History,
}

impl CatchUp {
    /// Asks until it has everything; `None` when the connection ends before.
    pub(super) async fn run(self, mut knowledge: Knowledge) -> Option<Knowledge> {
        loop {
            let caught_up = if self.syncs {
                self.sync(&mut knowledge).await
            } else {
                self.look(&mut knowledge).await
            };
            match caught_up {
                Ok(true) => return Some(knowledge),
                Err(RequestError::Closed(_)) => return None,
                Ok(false) | Err(_) => sleep(AGAIN).await,
            }
        }
    }

    /// By what changed. False when that is not possible now.
    async fn sync(&self, knowledge: &mut Knowledge) -> Result<bool, RequestError> {
        loop {
            let me = self.session.user_id();
            let known = knowledge.memory.known().map(|(talk, msg_id)| {
                let conversation = talk.seen_by(me);
                KnownConversation {
                    session_type: conversation.session_type(),
                    session_id: conversation.id(),
                    msg_id,
                }
            });
            let request = ImSyncReq {
                user_id: me,
                cursor: knowledge.cursor.clone(),
                known: known.collect(),
                messages: Some(PAGE),
                ..Default::default()
            };
            let asked = self.history.now();
            let answer = self.session.request(request).await?;
            if answer.result_code != 0 {
                return Ok(false);
            }
            if answer.reset() {
                knowledge.memory.clear();
            }
            let more = answer.more();
            let cursor = answer.cursor.clone();
            self.take(asked, answer, &mut knowledge.memory).await?;
            knowledge.cursor = cursor;
            if !more {
                return Ok(true);
            }
        }
    }

    async fn take(
        &self,
        asked: u64,
        answer: ImSyncRsp,
        memory: &mut Memory,
    ) -> Result<(), RequestError> {
        let me = self.session.user_id();
        let mut standings = Vec::new();
        for changed in answer.conversation {
            let conversation = Conversation::from_wire(changed.session_id, changed.session_type);
            let talk = Talk::of(me, conversation);
            standings.push(Standing {
                talk,
                unread: changed.unread_cnt,
                latest: changed.latest_msg_id,
                read: Some(changed.read_msg_id),
            });
            if memory.all_to(talk).is_none() {
                continue;
            }
            let first = changed.msg_list.first().map(|first| first.msg_id);
            let messages = changed.msg_list.into_iter();
            let messages = messages.map(|info| Message::from_history(conversation, info));
            self.got(Way::Sync, talk, &messages.collect::<Vec<_>>(), memory);
            if let Some(missing_from) = changed.missing_from_msg_id {
                let newest = first.map_or(changed.latest_msg_id, |first| first - 1);
                self.fetch(talk, missing_from.saturating_sub(1), newest, memory)
                    .await?;
            }
        }
        self.history.note(What::Unread {
            user: me,
            asked,
            complete: false,
            last: false,
            standings,
        });
        Ok(())
    }

    /// By the lists of recent and of unread conversations.
    async fn look(&self, knowledge: &mut Knowledge) -> Result<bool, RequestError> {
        let me = self.session.user_id();
        let recent = self.session.recent_sessions(0).await?;
        for session in recent {
            let conversation = Conversation::from_wire(session.session_id, session.session_type);
            let talk = Talk::of(me, conversation);
            // Others are none of the run.
            let Some(have) = knowledge.memory.all_to(talk) else {
                continue;
            };
            self.fetch(talk, have, session.latest_msg_id, &mut knowledge.memory)
                .await?;
        }
        unread(&self.session, &self.history).await?;
        Ok(true)
    }

    /// History from behind `have` up to `newest`.
    async fn fetch(
        &self,
        talk: Talk,
        have: u32,
        newest: u32,
        memory: &mut Memory,
    ) -> Result<(), RequestError> {
        let conversation = talk.seen_by(self.session.user_id());
        let mut begin = newest;
        while begin > have {
            let count = PAGE.min(begin - have);
            let page = self.session.history(conversation, begin, count).await?;
            let Some(oldest) = page.last().map(|oldest| oldest.id) else {
                break;
            };
            self.got(Way::History, talk, &page, memory);
            begin = oldest.saturating_sub(1);
        }
        Ok(())
    }

    fn got(&self, way: Way, talk: Talk, messages: &[Message], memory: &mut Memory) {
        if messages.is_empty() {
            return;
        }
        let me = self.session.user_id();
        for message in messages {
            memory.put(talk, message.id);
        }
        self.history.note(What::Fetched {
            device: self.device,
            connection: self.connection,
            way,
            talk,
            seen: messages
                .iter()
                .map(|message| self.run.seen(me, message).1)
                .collect(),
        });
    }
}

/// Asks for what is unread and notes it; gives it as well.
pub(in crate::chaos) async fn unread(
    session: &Session,
    history: &History,
) -> Result<Vec<Standing>, RequestError> {
    let me = session.user_id();
    let asked = history.now();
    let answer = session.unread().await?;
    let standings = answer.unreadinfo_list.into_iter().map(|info| Standing {
        talk: Talk::of(
            me,
            Conversation::from_wire(info.session_id, info.session_type),
        ),
        unread: info.unread_cnt,
        latest: info.latest_msg_id,
        read: None,
    });
    let standings: Vec<Standing> = standings.collect();
    history.note(What::Unread {
        user: me,
        asked,
        complete: true,
        last: false,
        standings: standings.clone(),
    });
    Ok(standings)
}
