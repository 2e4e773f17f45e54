//! Messages, read marks and what can be asked about conversations.

use std::time::Duration;

use bytes::Bytes;
use proto::im::base_define::{ContactSessionInfo, MsgInfo, UnreadInfo};
use proto::im::buddy::{ImRecentContactSessionReq, ImRemoveSessionReq};
use proto::im::message::{
    ImGetLatestMsgIdReq, ImGetMsgByIdReq, ImGetMsgListReq, ImMsgData, ImMsgDataAck,
    ImMsgDataReadAck, ImUnreadMsgCntReq, ImUnreadMsgCntRsp,
};
use proto::{Body, Pdu};

use super::Device;
use crate::client::Conversation;
use crate::conform::case::{Outcome, Stop};
use crate::conform::expect::{fail, holds, same};
use crate::conform::link::read;

/// How long an answer may take before it is taken for silence, where both are right.
const QUIET: Duration = Duration::from_secs(1);

/// What is waited for that long.
const ANSWER_OR_SILENCE: &str = "an answer, or silence";

/// A text as a stock client sends it.
pub(crate) fn text(to: impl Into<Conversation>, data: &Bytes) -> ImMsgData {
    let to = to.into();
    ImMsgData {
        to_session_id: to.id(),
        msg_type: to.text_type(),
        msg_data: data.clone(),
        ..Default::default()
    }
}

impl Device {
    /// Sends a message and waits until it is acknowledged as stored.
    pub(crate) async fn stores(&mut self, message: &ImMsgData) -> Outcome<ImMsgDataAck> {
        let ack = self.ask(message).await?;
        holds(
            "an acknowledgement with a msg_id above 0",
            ack.msg_id > 0,
            ack,
        )?;
        Ok(ack)
    }

    /// Sends a text and gives its number.
    pub(crate) async fn says(&mut self, to: impl Into<Conversation>, data: &Bytes) -> Outcome<u32> {
        Ok(self.stores(&text(to, data)).await?.msg_id)
    }

    /// Sends a message that has to be refused: with an acknowledgement of msg_id 0, or by silence.
    pub(crate) async fn refused(&mut self, message: &ImMsgData) -> Outcome {
        match self.tries(message).await? {
            None | Some(ImMsgDataAck { msg_id: 0, .. }) => Ok(()),
            Some(ack) => fail(
                "a refusal: an acknowledgement with msg_id 0, or none",
                format!("{ack:?}"),
            ),
        }
    }

    /// Sends a message that may be refused; gives the acknowledgement, or `None` for silence.
    pub(crate) async fn tries(&mut self, message: &ImMsgData) -> Outcome<Option<ImMsgDataAck>> {
        let seq_num = self.seq_num();
        self.tell(message, seq_num).await?;
        let ack = |pdu: &Pdu| read(pdu).filter(|_| pdu.seq_num() == seq_num).map(Ok);
        match self.find_within(QUIET, ANSWER_OR_SILENCE, ack).await {
            Ok(ack) => Ok(Some(ack)),
            // Silence is how the original says no. It is none if the connection is gone.
            Err(Stop::Fail { expected, .. }) if expected == ANSWER_OR_SILENCE => {
                self.fence().await?;
                Ok(None)
            }
            Err(stop) => Err(stop),
        }
    }

    /// Waits for the message with these contents, with its frame.
    pub(crate) async fn delivery(&mut self, data: &Bytes) -> Outcome<(Pdu, ImMsgData)> {
        self.frame("the message", |message: &ImMsgData| {
            message.msg_data == *data
        })
        .await
    }

    /// Waits for the message with these contents.
    pub(crate) async fn hears(&mut self, data: &Bytes) -> Outcome<ImMsgData> {
        Ok(self.delivery(data).await?.1)
    }

    /// Fails if a message with these contents has come that nobody waited for.
    pub(crate) async fn heard_nothing(&mut self, expected: &str, data: &Bytes) -> Outcome {
        self.none(expected, |message: &ImMsgData| message.msg_data == *data)
            .await
    }

    /// Marks a conversation as read up to a message; nothing answers.
    pub(crate) async fn reads(
        &mut self,
        conversation: impl Into<Conversation>,
        msg_id: u32,
    ) -> Outcome {
        let conversation = conversation.into();
        let mark = ImMsgDataReadAck {
            user_id: self.claimed(),
            session_id: conversation.id(),
            msg_id,
            session_type: conversation.session_type(),
            ..Default::default()
        };
        let seq_num = self.seq_num();
        self.tell(&mark, seq_num).await
    }

    /// Everything unread.
    pub(crate) async fn unread(&mut self) -> Outcome<ImUnreadMsgCntRsp> {
        let user_id = self.claimed();
        self.ask(&ImUnreadMsgCntReq {
            user_id,
            attach_data: None,
        })
        .await
    }

    /// The entry of a conversation in the list of what is unread.
    pub(crate) async fn unread_in(
        &mut self,
        conversation: impl Into<Conversation>,
    ) -> Outcome<Option<UnreadInfo>> {
        let conversation = conversation.into();
        let list = self.unread().await?.unreadinfo_list;
        Ok(list.into_iter().find(|info| {
            Conversation::from_wire(info.session_id, info.session_type) == conversation
        }))
    }

    /// How many messages of a conversation are unread.
    pub(crate) async fn unread_count(
        &mut self,
        conversation: impl Into<Conversation>,
    ) -> Outcome<u32> {
        let entry = self.unread_in(conversation).await?;
        Ok(entry.map_or(0, |info| info.unread_cnt))
    }

    /// Newest first, from `begin` backwards.
    pub(crate) async fn history(
        &mut self,
        conversation: impl Into<Conversation>,
        begin: u32,
        count: u32,
    ) -> Outcome<Vec<MsgInfo>> {
        let conversation = conversation.into();
        let request = ImGetMsgListReq {
            user_id: self.claimed(),
            session_type: conversation.session_type(),
            session_id: conversation.id(),
            msg_id_begin: begin,
            msg_cnt: count,
            attach_data: None,
        };
        let answer = self.ask(&request).await?;
        same("user_id", answer.user_id, self.id)?;
        same("session_type", answer.session_type, request.session_type)?;
        same("session_id", answer.session_id, request.session_id)?;
        same("msg_id_begin", answer.msg_id_begin, begin)?;
        Ok(answer.msg_list)
    }

    /// Messages by their numbers.
    pub(crate) async fn by_id(
        &mut self,
        conversation: impl Into<Conversation>,
        msg_id_list: Vec<u32>,
    ) -> Outcome<Vec<MsgInfo>> {
        let conversation = conversation.into();
        let request = ImGetMsgByIdReq {
            user_id: self.claimed(),
            session_type: conversation.session_type(),
            session_id: conversation.id(),
            msg_id_list,
            attach_data: None,
        };
        let answer = self.ask(&request).await?;
        same("user_id", answer.user_id, self.id)?;
        same("session_type", answer.session_type, request.session_type)?;
        same("session_id", answer.session_id, request.session_id)?;
        Ok(answer.msg_list)
    }

    /// The newest message's number, 0 if there is none.
    pub(crate) async fn latest(&mut self, conversation: impl Into<Conversation>) -> Outcome<u32> {
        let conversation = conversation.into();
        let request = ImGetLatestMsgIdReq {
            user_id: self.claimed(),
            session_type: conversation.session_type(),
            session_id: conversation.id(),
            attach_data: None,
        };
        let answer = self.ask(&request).await?;
        same("user_id", answer.user_id, self.id)?;
        same("session_id", answer.session_id, request.session_id)?;
        Ok(answer.latest_msg_id)
    }

    /// Conversations whose newest message is later than that time.
    pub(crate) async fn recent(&mut self, since: u32) -> Outcome<Vec<ContactSessionInfo>> {
        let request = ImRecentContactSessionReq {
            user_id: self.claimed(),
            latest_update_time: since,
            attach_data: None,
        };
        let answer = self.ask(&request).await?;
        same("user_id", answer.user_id, self.id)?;
        Ok(answer.contact_session_list)
    }

    /// The entry of a conversation in the list of recent ones.
    pub(crate) async fn recent_of(
        &mut self,
        conversation: impl Into<Conversation>,
    ) -> Outcome<Option<ContactSessionInfo>> {
        let conversation = conversation.into();
        Ok(self.recent(0).await?.into_iter().find(|info| {
            Conversation::from_wire(info.session_id, info.session_type) == conversation
        }))
    }

    /// Takes a conversation off the list of recent ones; gives the result_code.
    pub(crate) async fn removes(&mut self, conversation: impl Into<Conversation>) -> Outcome<u32> {
        let conversation = conversation.into();
        let request = ImRemoveSessionReq {
            user_id: self.claimed(),
            session_type: conversation.session_type(),
            session_id: conversation.id(),
            attach_data: None,
        };
        let answer = self.ask(&request).await?;
        same("user_id", answer.user_id, self.id)?;
        same("session_type", answer.session_type, request.session_type)?;
        same("session_id", answer.session_id, request.session_id)?;
        Ok(answer.result_code)
    }
}

/// Fails if a frame is no proper push: number 0, and no note of the servers' own left in it.
pub(crate) fn is_push<M: Body + Clone>(pdu: &Pdu, message: &M) -> Outcome {
    same("seq_num of what answers nothing", pdu.seq_num(), 0)?;
    match message.clone().detach() {
        None => Ok(()),
        Some(note) => fail(
            "no attach_data",
            format!("{} bytes of attach_data in {message:?}", note.len()),
        ),
    }
}
