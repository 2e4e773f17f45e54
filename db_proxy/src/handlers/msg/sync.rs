//! What changed for a user since a device of his was last here.

use std::sync::Arc;

use im_base::dispatch::HandlerError;
use proto::capability;
use proto::ids::MessageId;
use proto::im::ext::message::{ImSyncReq, ImSyncRsp, RevisedMessages, SyncConversation};

use super::{counterpart, msg_info, session, user_id};
use crate::handlers::buddy::contacts::contact;
use crate::handlers::buddy::{depart_info, user_info};
use crate::handlers::group::group_info;
use crate::handlers::store_failed;
use crate::logic::sync::{Question, SyncedConversation};
use crate::server::DbProxy;
use crate::store::Counterpart;

pub(in crate::handlers) async fn sync(
    proxy: Arc<DbProxy>,
    request: ImSyncReq,
) -> Result<ImSyncRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let mut known = Vec::with_capacity(request.known.len());
    for entry in &request.known {
        let with = counterpart(entry.session_type, entry.session_id)?;
        known.extend(with.map(|with| (with, entry.msg_id)));
    }
    let question = Question {
        // what some clients send for nothing
        cursor: request.cursor.as_deref().filter(|bytes| !bytes.is_empty()),
        known,
        messages: request.messages.unwrap_or(0),
        contacts: request.capabilities() & capability::CONTACTS != 0,
        revisions: request.capabilities() & capability::REVISIONS != 0,
        references: request.capabilities() & capability::REFERENCES != 0,
    };
    let page = proxy.sync.page(user, &question).await;
    let page = page.map_err(|error| store_failed(&error))?;
    Ok(ImSyncRsp {
        user_id: request.user_id,
        result_code: 0,
        cursor: Some(page.cursor.into()),
        more: Some(page.more),
        reset: Some(page.reset),
        conversation: page.conversations.into_iter().map(conversation).collect(),
        user: page.users.into_iter().map(user_info).collect(),
        department: page.departments.into_iter().map(depart_info).collect(),
        group: page.groups.into_iter().map(group_info).collect(),
        revised: page.revised.into_iter().map(revised).collect(),
        left_group_id: page.left.into_iter().map(|group| group.get()).collect(),
        contact: page.contacts.into_iter().map(contact).collect(),
        attach_data: request.attach_data,
    })
}

fn revised((with, ids): (Counterpart, Vec<MessageId>)) -> RevisedMessages {
    let (session_type, session_id) = session(with);
    RevisedMessages {
        session_type,
        session_id,
        msg_id: ids.into_iter().map(MessageId::get).collect(),
    }
}

fn conversation(synced: SyncedConversation) -> SyncConversation {
    let (session_type, session_id) = session(synced.with);
    SyncConversation {
        session_type,
        session_id,
        latest_msg_id: synced.latest,
        read_msg_id: synced.read,
        unread_cnt: synced.unread,
        hidden: Some(synced.hidden),
        msg_list: synced.messages.into_iter().map(msg_info).collect(),
        missing_from_msg_id: synced.missing_from,
        mentioned_msg_id: synced.mentioned.map(MessageId::get),
    }
}
