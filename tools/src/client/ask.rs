//! The requests of the base protocol as methods of a session.

use proto::im::base_define::{ContactSessionInfo, UserInfo, UserStatType};
use proto::im::buddy::{
    ImAllUserReq, ImAllUserRsp, ImRecentContactSessionReq, ImRemoveSessionReq, ImUsersInfoReq,
    ImUsersStatReq,
};
use proto::im::login::ImLogoutReq;
use proto::im::message::{
    ImClientTimeReq, ImGetLatestMsgIdReq, ImGetMsgByIdReq, ImGetMsgListReq, ImMsgDataReadAck,
    ImUnreadMsgCntReq, ImUnreadMsgCntRsp,
};
use proto::im::other::ImHeartBeat;

use super::error::{CloseReason, RequestError};
use super::message::{Conversation, Message};
use super::session::Session;

impl Session {
    /// Marks everything up to `msg_id` as read, on all of the user's devices. Nothing confirms it.
    pub async fn mark_read(
        &self,
        conversation: impl Into<Conversation>,
        msg_id: u32,
    ) -> Result<(), RequestError> {
        let conversation = conversation.into();
        self.tell(&ImMsgDataReadAck {
            user_id: self.user_id(),
            session_id: conversation.id(),
            msg_id,
            session_type: conversation.session_type(),
            ..Default::default()
        })
        .await
    }

    /// Conversations with unread messages, and the sum.
    pub async fn unread(&self) -> Result<ImUnreadMsgCntRsp, RequestError> {
        self.request(ImUnreadMsgCntReq {
            user_id: self.user_id(),
            attach_data: None,
        })
        .await
    }

    /// At most `count` messages up to and including the id `begin`, newest first; `begin` 0 is the newest.
    pub async fn history(
        &self,
        conversation: impl Into<Conversation>,
        begin: u32,
        count: u32,
    ) -> Result<Vec<Message>, RequestError> {
        let conversation = conversation.into();
        let reply = self
            .request(ImGetMsgListReq {
                user_id: self.user_id(),
                session_type: conversation.session_type(),
                session_id: conversation.id(),
                msg_id_begin: begin,
                msg_cnt: count,
                attach_data: None,
            })
            .await?;
        Ok(messages(conversation, reply.msg_list))
    }

    /// The messages with these ids that exist, newest first; a server answers with 100 at most.
    pub async fn by_ids(
        &self,
        conversation: impl Into<Conversation>,
        ids: Vec<u32>,
    ) -> Result<Vec<Message>, RequestError> {
        let conversation = conversation.into();
        let reply = self
            .request(ImGetMsgByIdReq {
                user_id: self.user_id(),
                session_type: conversation.session_type(),
                session_id: conversation.id(),
                msg_id_list: ids,
                attach_data: None,
            })
            .await?;
        Ok(messages(conversation, reply.msg_list))
    }

    /// The newest message's id, 0 in an empty conversation.
    pub async fn latest_id(
        &self,
        conversation: impl Into<Conversation>,
    ) -> Result<u32, RequestError> {
        let conversation = conversation.into();
        let reply = self
            .request(ImGetLatestMsgIdReq {
                user_id: self.user_id(),
                session_type: conversation.session_type(),
                session_id: conversation.id(),
                attach_data: None,
            })
            .await?;
        Ok(reply.latest_msg_id)
    }

    /// Profiles of the users among `ids` that exist.
    pub async fn users_info(&self, ids: Vec<u32>) -> Result<Vec<UserInfo>, RequestError> {
        let reply = self
            .request(ImUsersInfoReq {
                user_id: self.user_id(),
                user_id_list: ids,
                attach_data: None,
            })
            .await?;
        Ok(reply.user_info_list)
    }

    /// The address book since a time (0: all of it), and the time to ask with next.
    ///
    /// A large one comes in several frames: this is the first, the others are
    /// [`Event::MoreUsers`](super::Event::MoreUsers).
    pub async fn all_users(&self, since: u32) -> Result<ImAllUserRsp, RequestError> {
        self.request(ImAllUserReq {
            user_id: self.user_id(),
            latest_update_time: since,
            ..Default::default()
        })
        .await
    }

    /// Whether each of these users has a desktop connected, in the order of `ids`.
    pub async fn users_status(&self, ids: Vec<u32>) -> Result<Vec<(u32, bool)>, RequestError> {
        let reply = self
            .request(ImUsersStatReq {
                user_id: self.user_id(),
                user_id_list: ids,
                attach_data: None,
            })
            .await?;
        let offline = UserStatType::UserStatusOffline as i32;
        let stats = reply.user_stat_list.into_iter();
        Ok(stats
            .map(|stat| (stat.user_id, stat.status != offline))
            .collect())
    }

    /// Conversations that changed after a time, newest first, at most 100.
    pub async fn recent_sessions(
        &self,
        since: u32,
    ) -> Result<Vec<ContactSessionInfo>, RequestError> {
        let reply = self
            .request(ImRecentContactSessionReq {
                user_id: self.user_id(),
                latest_update_time: since,
                attach_data: None,
            })
            .await?;
        Ok(reply.contact_session_list)
    }

    /// Takes a conversation off the recent list and marks it read; false when it was not on it.
    pub async fn remove_session(
        &self,
        conversation: impl Into<Conversation>,
    ) -> Result<bool, RequestError> {
        let conversation = conversation.into();
        let reply = self
            .request(ImRemoveSessionReq {
                user_id: self.user_id(),
                session_type: conversation.session_type(),
                session_id: conversation.id(),
                attach_data: None,
            })
            .await?;
        Ok(reply.result_code == 0)
    }

    /// The server's clock, in Unix seconds.
    pub async fn time(&self) -> Result<u32, RequestError> {
        Ok(self.request(ImClientTimeReq {}).await?.server_time)
    }

    /// Sends a heartbeat out of turn and waits for its echo.
    pub async fn ping(&self) -> Result<(), RequestError> {
        self.request(ImHeartBeat {}).await.map(drop)
    }

    /// Logs out and waits until the server has closed the connection, for as long as for an answer.
    ///
    /// A connection that closes without an answer is as good: the session is over either way.
    pub async fn logout(&self) -> Result<(), RequestError> {
        match self.request(ImLogoutReq {}).await {
            Ok(_) => {
                // A server that answers and leaves the closing to us does no harm.
                drop(tokio::time::timeout(self.deadline(), self.wait_closed()).await);
                Ok(())
            }
            Err(RequestError::Closed(CloseReason::Logout)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn messages(
    conversation: Conversation,
    list: Vec<proto::im::base_define::MsgInfo>,
) -> Vec<Message> {
    list.into_iter()
        .map(|info| Message::from_history(conversation, info))
        .collect()
}
