//! A server of the base protocol, as far as a messenger asks it anything.

use std::collections::BTreeMap;

use bytes::Bytes;
use proto::im::base_define::{ContactSessionInfo, MsgInfo, UnreadInfo, UserInfo};
use proto::im::buddy::{
    ImAllUserReq, ImAllUserRsp, ImRecentContactSessionReq, ImRecentContactSessionRsp,
    ImUsersInfoReq, ImUsersInfoRsp,
};
use proto::im::group::{ImNormalGroupListReq, ImNormalGroupListRsp};
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::im::message::{
    ImClientTimeReq, ImClientTimeRsp, ImGetMsgByIdReq, ImGetMsgByIdRsp, ImGetMsgListReq,
    ImGetMsgListRsp, ImMsgData, ImMsgDataAck, ImMsgDataReadAck, ImUnreadMsgCntReq,
    ImUnreadMsgCntRsp,
};
use proto::im::other::ImHeartBeat;
use proto::{Body, Pdu};
use tokio::net::TcpListener;
use tools::client::{Address, Outgoing};

use crate::fake::{self, ME, Peer};

/// With whom the conversation is.
pub(crate) const BOB: u32 = 2;

/// A server of the base protocol with one conversation.
pub(crate) struct Server {
    listener: TcpListener,
    messages: BTreeMap<u32, (u32, Bytes)>,
    unread: u32,
    /// Ids that were asked for one by one.
    pub(crate) asked: Vec<u32>,
}

impl Server {
    pub(crate) async fn new(messages: u32, unread: u32) -> (Self, Address) {
        let (address, listener) = fake::listen().await;
        let mut server = Self {
            listener,
            messages: BTreeMap::new(),
            unread,
            asked: Vec::new(),
        };
        for id in 1..=messages {
            server.stores(BOB, &format!("text {id}"));
        }
        (server, address)
    }

    pub(crate) fn stores(&mut self, from: u32, text: &str) -> u32 {
        let id = self.messages.len() as u32 + 1;
        let data = Outgoing::text(BOB, text).data;
        self.messages.insert(id, (from, data));
        id
    }

    pub(crate) async fn accepts(&self) -> (Peer, ImLoginReq) {
        self.accepts_with(fake::accepted()).await
    }

    pub(crate) async fn accepts_with(&self, answer: ImLoginRes) -> (Peer, ImLoginReq) {
        let mut peer = fake::accept(&self.listener).await;
        let (seq_num, request) = peer.expect::<ImLoginReq>().await;
        peer.reply(seq_num, &answer).await;
        (peer, request)
    }

    fn info(&self, id: u32) -> Option<MsgInfo> {
        let (from, data) = self.messages.get(&id)?;
        Some(MsgInfo {
            msg_id: id,
            from_session_id: *from,
            create_time: 1_000 + id,
            msg_type: 1,
            msg_data: data.clone(),
            ..MsgInfo::default()
        })
    }

    pub(crate) async fn pushes(&self, peer: &mut Peer, id: u32) {
        let (from, data) = &self.messages[&id];
        let push = ImMsgData {
            from_user_id: *from,
            to_session_id: if *from == ME { BOB } else { ME },
            msg_id: id,
            create_time: 1_000 + id,
            msg_type: 1,
            msg_data: data.clone(),
            ..ImMsgData::default()
        };
        peer.reply(0, &push).await;
    }

    /// Answers what clients ask, until a message comes, or the end.
    pub(crate) async fn until_a_message(&mut self, peer: &mut Peer) -> Option<(u16, ImMsgData)> {
        while let Some(pdu) = peer.next().await {
            if pdu.command() == ImMsgData::ID {
                return Some((pdu.seq_num(), pdu.decode().unwrap()));
            }
            self.answers(peer, &pdu).await;
        }
        None
    }

    pub(crate) async fn answers(&mut self, peer: &mut Peer, pdu: &Pdu) {
        let number = pdu.seq_num();
        let latest = self.messages.len() as u32;
        match pdu.command() {
            ImClientTimeReq::ID => {
                let answer = ImClientTimeRsp { server_time: 5_000 };
                peer.reply(number, &answer).await;
            }
            ImHeartBeat::ID => peer.reply(number, &ImHeartBeat {}).await,
            ImAllUserReq::ID => peer.reply(number, &ImAllUserRsp::default()).await,
            ImNormalGroupListReq::ID => {
                peer.reply(number, &ImNormalGroupListRsp::default()).await;
            }
            ImUsersInfoReq::ID => {
                let asked: ImUsersInfoReq = pdu.decode().unwrap();
                let known = asked.user_id_list.into_iter().map(|user_id| UserInfo {
                    user_id,
                    user_nick_name: format!("nick {user_id}"),
                    ..UserInfo::default()
                });
                let answer = ImUsersInfoRsp {
                    user_info_list: known.collect(),
                    ..ImUsersInfoRsp::default()
                };
                peer.reply(number, &answer).await;
            }
            ImRecentContactSessionReq::ID => {
                let list = (latest > 0).then(|| ContactSessionInfo {
                    session_id: BOB,
                    session_type: 1,
                    latest_msg_id: latest,
                    ..ContactSessionInfo::default()
                });
                let answer = ImRecentContactSessionRsp {
                    contact_session_list: list.into_iter().collect(),
                    ..ImRecentContactSessionRsp::default()
                };
                peer.reply(number, &answer).await;
            }
            ImUnreadMsgCntReq::ID => {
                let list = (self.unread > 0).then(|| UnreadInfo {
                    session_id: BOB,
                    session_type: 1,
                    unread_cnt: self.unread,
                    latest_msg_id: latest,
                    ..UnreadInfo::default()
                });
                let answer = ImUnreadMsgCntRsp {
                    total_cnt: self.unread,
                    unreadinfo_list: list.into_iter().collect(),
                    ..ImUnreadMsgCntRsp::default()
                };
                peer.reply(number, &answer).await;
            }
            ImGetMsgListReq::ID => {
                let asked: ImGetMsgListReq = pdu.decode().unwrap();
                let begin = match asked.msg_id_begin {
                    0 => latest,
                    begin => begin,
                };
                let ids = (1..=begin).rev().take(asked.msg_cnt as usize);
                let answer = ImGetMsgListRsp {
                    msg_list: ids.filter_map(|id| self.info(id)).collect(),
                    ..ImGetMsgListRsp::default()
                };
                peer.reply(number, &answer).await;
            }
            ImGetMsgByIdReq::ID => {
                let asked: ImGetMsgByIdReq = pdu.decode().unwrap();
                self.asked.extend(&asked.msg_id_list);
                let ids = asked.msg_id_list.iter().rev();
                let answer = ImGetMsgByIdRsp {
                    msg_list: ids.filter_map(|id| self.info(*id)).collect(),
                    ..ImGetMsgByIdRsp::default()
                };
                peer.reply(number, &answer).await;
            }
            // what a client says of messages it got is not answered
            ImMsgDataAck::ID | ImMsgDataReadAck::ID => {}
            other => panic!("{other} was not expected"),
        }
    }
}
